"""Policies as code: what a rule is, what it looks at, what a verdict says. The rules themselves are in ``policies/``.

No I/O, no engine: the same rules judge what a plan would make and what Pulumi's preview shows.
"""

from idc.policy.resources import CONTAINER, NETWORK, UNKNOWN, VOLUME, Resource, View
from idc.policy.rules import REGISTRY, Broken, Due, Finding, Level, Looked, Policy, Remark, Verdict, judge, policy, rule

__all__ = [
    "CONTAINER", "NETWORK", "REGISTRY", "UNKNOWN", "VOLUME", "Broken", "Due", "Finding", "Level", "Looked", "Policy",
    "Remark", "Resource", "Verdict", "View", "judge", "policy", "rule",
]  # fmt: skip
