"""The kill matrix: which policy finds which mutation of the good centre, as data and as a page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cache

from idc.policy import REGISTRY, judge, pack
from tests.policies.mutations import all_mutations


@cache
def kills() -> Mapping[str, frozenset[str]]:
    """Mutation -> the policies that found it."""
    pack.load()
    return {
        words: frozenset(finding.policy for finding in judge(mutation.make()).findings)
        for words, mutation in all_mutations().items()
    }


def alone() -> Mapping[str, list[str]]:
    """Policy -> mutations that no other policy found."""
    found = defaultdict(list)
    for words, policies in kills().items():
        if len(policies) == 1:
            found[next(iter(policies))].append(words)
    return found


def page() -> str:
    """The policies and their mutations, as a page of the documents."""
    matrix = kills()
    killed = sum(1 for policies in matrix.values() if policies)
    lines = ["# Policies", "", "<!-- made from policies/ and tests/policies/; edits are lost -->", ""]
    lines += [
        "Each policy is one function in [policies/](../../policies/). `idc plan` and `idc up` judge by them what is to",
        "be made, and `pulumi preview --policy-pack policies` judges the resources of a preview by the same ones.",
        "[Policies](../guides/policies.md) says how to write one.",
        "",
        f"**{killed} of {len(matrix)}** mutations of the good reference centre are found by {len(REGISTRY)} policies,",
        "and each policy finds at least one that no other does. Clauses are those of GB/T 22239-2019, unverified.",
        "",
        "| policy | what must hold | level | severity | controls | mutations it finds | alone |",
        "|---|---|---|---|---|---|---|",
    ]
    only = alone()
    for policy in sorted(REGISTRY, key=lambda policy: policy.id):
        mine = [words for words, policies in matrix.items() if policy.id in policies]
        lines.append(
            f"| `{policy.id}` | {policy.title} | {policy.level} | {policy.severity} | {', '.join(policy.controls)} "
            f"| {len(mine)} | {len(only.get(policy.id, []))} |"
        )
    lines += ["", "## The kill matrix", "", "| mutation | found by |", "|---|---|"]
    for words, policies in matrix.items():
        lines.append(f"| {words} | {', '.join(f'`{name}`' for name in sorted(policies))} |")
    return "\n".join(lines) + "\n"
