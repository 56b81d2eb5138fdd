"""The CrossGuard pack: every family, bundled into one stack policy because each policy costs a call per resource.

Run by the Pulumi engine: ``pulumi preview --policy-pack policies``. A value that is unknown in a preview breaks every
rule that needs it: unknown is never a pass.
"""

from __future__ import annotations

import json
import os
import sys
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "src")] if (ROOT / "src").is_dir() else [str(ROOT)]

from pulumi_policy import (  # noqa: E402 - the engine runs this file by its path
    EnforcementLevel,
    PolicyPack,
    ReportViolation,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError  # noqa: E402

import policies  # noqa: E402
from idc.policy import REGISTRY, UNKNOWN, Resource, View, judge  # noqa: E402


def prefix(stack: str) -> IPv4Network | None:
    """The centre's prefix, from the input that the stack's program reads too. None where it cannot be read."""
    try:
        file = Path(os.environ["IDC_STATION"]) / "plans" / f"{stack}.json"
        return IPv4Network(json.loads(file.read_text())["prefix"])
    except (KeyError, OSError, ValueError, TypeError):
        return None


def plain(holder: Any, key: Any) -> Any:
    """A property as plain data. What a preview cannot know raises where it is touched, and becomes UNKNOWN."""
    try:
        value = holder[key]
        if hasattr(value, "keys"):
            return {name: plain(value, name) for name in value.keys()}  # noqa: SIM118 - it is no dict
        if hasattr(value, "__len__") and not isinstance(value, str):
            return [plain(value, number) for number in range(len(value))]
    except UnknownValueError:
        return UNKNOWN
    return value


def _stack(urn: str) -> str:
    return urn.split("::")[0].removeprefix("urn:pulumi:")


def validate(args: StackValidationArgs, report: ReportViolation) -> None:
    """Judge the resources of one stack. The lab stack's containers stand for machines."""
    stacks = {_stack(resource.urn) for resource in args.resources}
    if stacks == {"lab"}:
        return
    made = [
        (Resource(each.resource_type, each.name, _stack(each.urn), {k: plain(each.props, k) for k in each.props}), each)
        for each in args.resources
    ]
    known = prefix(next(iter(stacks))) if len(stacks) == 1 else None
    rules = [each for each in REGISTRY if each.over_resources]
    verdict = judge(View(tuple(resource for resource, _ in made), known), rules)
    urns = {f"{resource.kind} {resource.name}": each.urn for resource, each in made}
    for finding in verdict.findings:
        report(str(finding), urns.get(finding.subject))


policies.load(policies.RESOURCES)
if not REGISTRY:
    raise SystemExit("the pack holds no policy")

PolicyPack(
    name="idc",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[
        StackValidationPolicy(
            name="idc",
            description="What nothing of a hosting centre may be",
            validate=validate,
        )
    ],
)
