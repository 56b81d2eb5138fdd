"""The proof of what the planner makes and the renderer writes holds, and says what it looked at."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from idc.plan.types import Plan
from idc.proof import prove_plan
from tests.proof import centres

PLANS: dict[str, Callable[[], Plan]] = {
    "extranet": lambda: centres.reference("reference/extranet"),
    "intranet": lambda: centres.reference("reference/intranet"),
    "small": lambda: centres.reference("small/extranet"),
    "town": centres.town,
    "generated": lambda: centres.generated(40),
}


@pytest.fixture(params=sorted(PLANS))
def plan(request: pytest.FixtureRequest) -> Plan:
    """One of several centres."""
    return PLANS[request.param]()


def test_what_is_planned_and_rendered_is_proven(plan: Plan) -> None:
    proof = prove_plan(plan)
    assert [str(violation) for violation in proof.violations] == []
    assert [str(unknown) for unknown in proof.unknown] == []
    assert proof.holds
    assert proof.verdict == "holds"


def test_a_pass_says_what_was_looked_at_and_what_was_taken_for_granted(plan: Plan) -> None:
    proof = prove_plan(plan)
    assert proof.looked_at["hosts"] == len(plan.hosts)
    assert proof.looked_at["flows"] == len(plan.flows) > 0
    assert proof.looked_at["rules"] > 10 * len(plan.hosts)
    assert proof.looked_at["routes"] > 0
    assert any("network between the hosts" in assumption for assumption in proof.assumptions)
