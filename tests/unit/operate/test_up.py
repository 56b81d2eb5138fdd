"""The phases of `up`: their order, what one lost host costs, and what may go only after something else stands."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from idc.engine import runtime
from idc.engine.facts import ContainerFact, HostFacts
from idc.engine.hosts import Hosts
from idc.engine.station import Station
from idc.errors import BusyError, EngineError, Unreachable
from idc.model import Declaration
from idc.operate import closing, record, run, stacks, takeover, up
from idc.operate.closing import Loaded, Order
from idc.operate.context import Work
from idc.operate.narrow import without
from idc.operate.progress import Progress
from idc.operate.run import UpResult
from idc.operate.standing import ruleset_digest
from idc.plan.types import Plan
from tests.unit.plan import build

FEW = build.declare(build.tenant("parks"), build.tenant("tax"))
PLAN, LOCK = build.plan(FEW)
MORE, _ = build.plan(build.with_tenant(FEW, build.tenant("works")), LOCK)
NEXT, _ = build.plan(build.declare(build.tenant("parks"), build.tenant("tax", state="retiring")), LOCK)
HOSTS = ("core-1", "edge-1", "web-1", "web-2")


@pytest.fixture
def station(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Station:
    monkeypatch.setattr("idc.paths.stations_dir", lambda: tmp_path)
    return Station.create("town.government-extranet")


def work_on(station: Station, whole: Plan) -> Work:
    known = record.read(station)
    return Work(
        Path("centre"), cast("Declaration", FEW), station, LOCK, LOCK, whole, known, without(whole, known.isolated),
        known.standing, known.isolated,
    )  # fmt: skip


def facts(host: str, plan: Plan, *containers: ContainerFact) -> HostFacts:
    return HostFacts("", {}, ruleset_digest(plan, host), {}, containers, (), (), frozenset())


class Phases(up._Phases):
    """A run on hosts that are only noted, not reached."""

    def __init__(self, work: Work, stand: Mapping[str, Plan]) -> None:
        super().__init__(cast("Any", None), Progress(quiet=True), UpResult(work), False)
        self.facts = {host: facts(host, plan) for host, plan in stand.items()}


def test_nothing_stops_before_its_flows_are_closed_and_nothing_opens_before_it_stands(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    plain = ("lab_hosts", "reach", "base_roles", "images", "close", "revive", "platform_and_tenants", "open")
    for name in (*plain, "take_over"):
        monkeypatch.setattr(Phases, name, lambda _, name=name: seen.append(name))
    monkeypatch.setattr(Phases, "folders", lambda _, with_content: seen.append(f"folders {with_content}"))
    monkeypatch.setattr(Phases, "serve", lambda _, title, __: seen.append(title))
    monkeypatch.setattr(Work, "record_applied", lambda _: seen.append("recorded"))
    Phases(work_on(station, PLAN), {}).phases()
    assert seen == [
        "lab_hosts", "reach", "base_roles", "images", "close", "folders False", "revive", "platform_and_tenants",
        "new images serve", "folders True", "open", "containers serve", "take_over", "recorded",
    ]  # fmt: skip
    monkeypatch.setattr(Phases, "take_over", lambda self: self.result.failed.update({"tenant-tax": "no"}))
    seen.clear()
    Phases(work_on(station, PLAN), {}).phases()
    assert "recorded" not in seen


def pushed(monkeypatch: pytest.MonkeyPatch, refuse: str = "") -> dict[str, Order]:
    """What is pushed while a run closes."""
    orders: dict[str, Order] = {}

    def push(_: Hosts, wanted: Mapping[str, Order]) -> dict[str, Loaded | EngineError]:
        orders.update(wanted)
        return {name: EngineError("no", host=name) if name == refuse else Loaded(True, 0) for name in wanted}

    monkeypatch.setattr(closing, "push", push)
    return orders


def test_what_an_unfinished_run_has_opened_is_closed_before_the_next_one_changes_anything(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    record.record_opening(station, MORE)  # a first run, killed after its flows were opened
    orders = pushed(monkeypatch)
    phases = Phases(work_on(station, NEXT), dict.fromkeys(HOSTS, MORE))
    phases.close()
    closed = {flow.id for flow in MORE.flows} - {flow.id for flow in NEXT.flows}
    assert closed
    assert "edge-1" in orders
    for order in orders.values():
        assert order.plan is not None
        assert not closed & {flow.id for flow in order.plan.flows}
        assert len(order.cut) == len(closed)
    assert record.read(station).opening == (MORE, NEXT)


def test_a_plan_is_remembered_before_anything_of_it_may_be_open(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    record.record_applied(station, PLAN, 1)
    pushed(monkeypatch)
    Phases(work_on(station, PLAN), {}).close()
    assert record.read(station).opening == (), "nothing new"
    Phases(work_on(station, MORE), {}).close()
    assert record.read(station).opening == (MORE,)


def test_a_host_that_refuses_to_close_is_lost_and_the_rest_goes_on(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    record.record_applied(station, PLAN, 1)
    orders = pushed(monkeypatch, refuse="edge-1")
    phases = Phases(work_on(station, NEXT), dict.fromkeys(HOSTS, PLAN))
    phases.close()
    assert set(phases.result.failed) == {"edge-1"}
    assert len(orders) > 1
    assert not phases._stack_reachable("platform")


def test_a_tenant_that_is_shut_meanwhile_is_not_opened(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    record.record_applied(station, PLAN, 1)
    phases = Phases(work_on(station, PLAN), dict.fromkeys(HOSTS, PLAN))
    monkeypatch.setattr("idc.operate.roles.open_needed", lambda *_: True)
    opened: list[set[str]] = []

    def converge(self: run.Run, names: list[str], tags: list[str]) -> None:
        opened.append({vhost.tenant for vhost in self.plan.vhosts})
        if len(opened) == 1:
            record.set_isolated(station, "tax", shut=True)  # while the roles run

    monkeypatch.setattr(run.Run, "_converge", converge)
    phases.open()
    assert opened == [{"parks", "tax"}, {"parks"}]
    assert phases.result.work.isolated == {"tax"}
    assert phases.result.work.whole == PLAN


def test_one_host_without_its_images_does_not_end_the_run(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    def transfer(docker_host: str, *_: object) -> None:
        if "edge-1" in docker_host:
            raise EngineError("no space", host="edge-1")

    monkeypatch.setattr("idc.engine.images.transfer", transfer)
    phases = Phases(work_on(station, PLAN), dict.fromkeys(HOSTS, PLAN))
    monkeypatch.setattr(phases.hosts, "docker_host", lambda name: name)
    phases.images()
    assert phases.result.failed == {"edge-1": "no space"}


def test_a_lab_is_recognised_and_made_under_one_lock_of_the_machine(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else two clones that see no lab would both make theirs, under the same names."""
    seen: list[str] = []

    def locked(step: str) -> None:
        with pytest.raises(BusyError), runtime.making_lab(lambda _: None, wait=0.0):
            pass
        seen.append(step)

    monkeypatch.setattr("idc.engine.lab.refuse_leftovers", lambda *_: locked("recognised"))
    monkeypatch.setattr("idc.engine.lab.wait_booted", lambda *_, **__: None)
    monkeypatch.setattr(stacks, "lab_unchanged", lambda _: False)

    def run_stacks(*_: object) -> stacks.Outcome:
        locked("made")
        return stacks.Outcome(1, "")

    monkeypatch.setattr(run.Run, "_run_stacks", run_stacks)
    Phases(work_on(station, PLAN), {}).lab_hosts()
    assert seen == ["recognised", "made"]


# -- outgoing containers ---------------------------------------------------------------------------------------------


def held(**more: Any) -> dict[str, str]:
    given: dict[str, Any] = {"switched": HOSTS, "opened": HOSTS, "failed": ()}
    return takeover.held_back(PLAN, ["platform", "tenant-tax", "tenant-parks"], **(given | more))


def test_the_outgoing_go_when_all_has_turned_to_the_new() -> None:
    assert held() == {}


WEBS = ("web-1", "web-2")


@pytest.mark.parametrize("lacking", [{"switched": WEBS}, {"opened": WEBS}, {"failed": ("edge-1",)}])
def test_while_the_edge_is_behind_every_outgoing_container_stays(lacking: dict[str, Any]) -> None:
    found = held(**lacking)
    assert set(found) == {"platform", "tenant-tax", "tenant-parks"}
    assert all("edge-1 did not take over" in why for why in found.values())


def test_a_failed_stack_keeps_its_outgoing_and_its_own_words() -> None:
    assert held(failed=("tenant-tax",)) == {"tenant-tax": ""}


# -- stacks ----------------------------------------------------------------------------------------------------------


def test_one_bad_stack_does_not_keep_the_others_from_what_is_done_for_all() -> None:
    done: list[list[str]] = []

    def action(names: list[str]) -> None:
        if "bad" in names:
            raise EngineError("this engine is ill")
        done.append(names)

    assert stacks.each_or_all(action, ["good", "fine"]) == {}
    assert stacks.each_or_all(action, ["good", "bad", "fine"]) == {"bad": "this engine is ill"}
    assert done == [["good", "fine"], ["good"], ["fine"]]
    assert stacks.each_or_all(action, []) == {}


@pytest.mark.parametrize(
    ("health", "unsure"), [("healthy", False), ("", False), ("starting", True), ("unhealthy", True)]
)
def test_what_runs_without_a_good_mark_is_asked_again_whether_it_serves(health: str, unsure: bool) -> None:
    fact = ContainerFact("tax-www-a", {"idc.stack": "tenant-tax"}, "", True, health)
    seen = {"web-1": facts("web-1", PLAN, fact)}
    assert stacks.unsure("tenant-tax", seen) is unsure
    assert not stacks.unsure("tenant-parks", seen)


class Engines:
    """Engines of which one hangs."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def ping_engines(self, names: Any, deadline: float) -> dict[str, EngineError]:
        self.asked += names
        return {name: Unreachable(f"{name}: hangs", host=name) for name in names if name == "edge-1"}


def test_an_engine_that_hung_once_is_not_asked_again_in_the_same_run() -> None:
    pings, lost = Engines(), dict[str, str]()
    engines = stacks.Engines(PLAN, pings, lost)
    engines.ask(["platform", "platform"], 5.0)
    assert engines.missing("platform") == "edge-1: hangs"
    later = stacks.Engines(PLAN, pings, lost)
    later.ask(["platform", "lab"], 5.0)
    assert pings.asked == ["edge-1"]
    assert later.missing("platform")
    assert not later.missing("tenant-tax")


def test_all_stacks_of_a_kind_share_one_deadline_that_grows_with_their_number() -> None:
    assert stacks.time_for(1) < stacks.time_for(100) < 15 * 60
