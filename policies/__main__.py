"""The CrossGuard pack: every family, bundled into one stack policy because each policy costs a call per resource.

Run by the Pulumi engine: ``pulumi preview --policy-pack policies``. A value that is unknown in a preview is missing
from the properties, and what is missing breaks a rule: unknown is never a pass.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pulumi_policy import (
    EnforcementLevel,
    PolicyPack,
    ReportViolation,
    StackValidationArgs,
    StackValidationPolicy,
)

from policies import hardening  # noqa: F401 - registers its rules
from policies.rules import Resource, judge


def validate(args: StackValidationArgs, report: ReportViolation) -> None:
    """Judge the resources of one stack. The lab stack's containers stand for machines."""
    if any(resource.urn.startswith("urn:pulumi:lab::") for resource in args.resources):
        return
    resources = [Resource(resource.resource_type, resource.name, resource.props) for resource in args.resources]
    urns = {resource.name: resource.urn for resource in args.resources}
    for finding in judge(resources):
        report(f"[{finding.policy}] {finding.resource} {finding.words}", urns[finding.resource])


PolicyPack(
    name="idc",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[
        StackValidationPolicy(
            name="idc",
            description="What no container of a hosting centre may be",
            validate=validate,
        )
    ],
)
