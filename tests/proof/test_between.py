"""What may pass while a change is under way, and what must."""

from __future__ import annotations

from dataclasses import replace

import pytest

from idc.operate.narrow import narrowed
from idc.plan.types import Plan
from idc.proof import Proof, prove_between
from idc.proof.between import LOOKED_AT, STATES
from idc.render.firewall import firewall
from tests.unit.plan import build

OLD_RULES, BOTH, NEW_RULES = STATES
TAX = build.tenant("tax", build.site(names=["tax.town.example"]), build.app("file", names=["file.town.example"]))
PARKS = build.tenant("parks", build.site(names=["parks.town.example"]))
HEALTH = build.tenant("health", build.app("care", names=["care.town.example"]))
MUSEUM = build.tenant("museum", build.app("care", names=["museum.town.example"]))


def before_and_after() -> tuple[Plan, Plan]:
    """A change that adds a tenant and takes one away; its lock keeps what stays where it is."""
    old, lock = build.plan(build.declare(TAX, PARKS, HEALTH))
    with_museum, lock = build.plan(build.declare(TAX, PARKS, HEALTH, MUSEUM), lock)
    gone = {segment.name for segment in with_museum.segments if segment.tenant == "parks"}
    flows = tuple(f for f in with_museum.flows if not gone & {f.source.segment, f.destination.segment})
    return old, replace(with_museum, flows=flows)


def proof(old: Plan, new: Plan) -> Proof:
    """Of every state from the one plan to the other, as they are rendered."""
    return prove_between(old, narrowed(old, new), new)


def test_every_state_of_a_change_is_proven_in_both_directions() -> None:
    old, new = before_and_after()
    for first, last in ((old, new), (new, old)):
        found = proof(first, last)
        assert [str(violation) for violation in found.violations] == []
        assert [str(unknown) for unknown in found.unknown] == []
        assert found.looked_at[LOOKED_AT] >= 6  # the edge and the hosts of what comes and goes, in several states


def test_nothing_to_change_is_nothing_to_look_at() -> None:
    old, _ = before_and_after()
    assert proof(old, old).looked_at == {LOOKED_AT: 0}


def test_a_rule_set_on_the_way_that_lets_more_through_than_both_plans_is_found() -> None:
    old, new = before_and_after()
    text = firewall(narrowed(old, new), "web-1")
    at = text.index("elements = {\n", text.index("set flows {")) + len("elements = {\n")
    found = prove_between(
        old,
        narrowed(old, new),
        new,
        {BOTH: {"web-1": f"{text[:at]}\t\t\t10.64.16.2 . 10.64.16.50 . tcp . 5432,\n{text[at:]}"}},
    )
    violation = found.violations[0]
    assert violation.where == f"web-1 with {BOTH}"
    assert violation.inclusion == "real in declared"
    assert violation.witness is not None


def test_a_rule_set_on_the_way_that_stops_what_both_plans_have_is_an_outage_and_found() -> None:
    old, new = before_and_after()
    closed = firewall(replace(old, flows=(), host_rules=()), "web-1")
    found = prove_between(old, narrowed(old, new), new, {BOTH: {"web-1": closed}})
    assert {violation.inclusion for violation in found.violations} == {"declared in real"}
    assert {violation.where for violation in found.violations} == {f"web-1 with {BOTH}"}
    assert any("service/edge -> tenant/tax" in violation.flow for violation in found.violations)


def test_an_address_that_passes_to_another_tenant_within_one_change_is_found() -> None:
    """Numbers rest until a retirement is complete: given away at once, old rules would serve the new owner."""
    old, new = before_and_after()
    parks = next(segment for segment in old.segments if segment.tenant == "parks")
    museum = next(s for s in new.segments if s.tenant == "museum" and s.zone.value == "data")
    taken = replace(museum, subnet=parks.subnet, bridge=parks.bridge, host=parks.host)
    moved = replace(new, segments=(*(s for s in new.segments if s != museum and s.tenant != "parks"), taken))
    found = prove_between(old, narrowed(old, moved), moved)
    assert [violation.what for violation in found.violations] == [
        f"{parks.subnet} passes from tenant/parks/site/www to tenant/museum/site/care within one change"
    ]


@pytest.mark.parametrize("state", STATES)
def test_what_is_not_understood_in_any_state_is_unknown(state: str) -> None:
    old, new = before_and_after()
    found = prove_between(old, narrowed(old, new), new, {state: {"web-1": "table inet idc {\n\tnonsense\n}\n"}})
    assert found.verdict == "unknown"
