"""Which of the recorded plans' rules stand on a host, after runs that did not get to their end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from idc.operate.narrow import narrowed, without
from idc.operate.record import Record
from idc.operate.standing import on_host, ruleset_digest
from idc.plan.types import Plan
from tests.unit.plan import build

NOBODY: frozenset[str] = frozenset()
OLD, LOCK = build.plan(build.declare(build.tenant("parks"), build.tenant("tax")))
NEW, _ = build.plan(
    build.declare(build.tenant("parks"), build.tenant("tax", state="retiring"), build.tenant("works")),
    LOCK, images=build.IMAGES | {"edge": f"sha256:{77:064x}"},
)  # fmt: skip
RECORD = Record(OLD, (NEW,), NOBODY)


def test_the_two_plans_differ_in_the_slot_of_the_edge() -> None:
    assert OLD.container_by_name["edge"].slot != NEW.container_by_name["edge"].slot


@pytest.mark.parametrize("host", ["edge-1", "web-1"])
@pytest.mark.parametrize(
    "stands", [OLD, NEW, narrowed(OLD, NEW), without(OLD, {"parks"}), narrowed(without(OLD, {"parks"}), NEW)]
)
def test_what_a_run_has_left_is_known_by_its_digest(host: str, stands: Plan) -> None:
    found, certain = on_host(RECORD, host, ruleset_digest(stands, host), (NOBODY, frozenset({"parks"})))
    assert certain
    assert found is not None
    assert ruleset_digest(found, host) == ruleset_digest(stands, host)


def test_an_unknown_rule_set_is_taken_for_what_all_plans_allow() -> None:
    found, certain = on_host(RECORD, "web-1", "somebody wrote it by hand", (NOBODY,))
    assert not certain
    assert found is not None
    assert {flow.id for flow in found.flows} == {f.id for f in NEW.flows} & {f.id for f in OLD.flows}


def test_a_host_that_no_plan_has_carries_nothing() -> None:
    assert on_host(RECORD, "web-9", "", (NOBODY,)) == (None, False)
    lonely = replace(OLD, hosts=tuple(host for host in OLD.hosts if host.name != "web-1"))
    assert on_host(Record(lonely, (), NOBODY), "web-1", "", (NOBODY,)) == (None, False)
