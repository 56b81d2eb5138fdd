"""Which stacks run, and which of them are refreshed: what somebody has changed by hand on an engine is mended."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from idc.engine import drift
from idc.engine.facts import ContainerFact, HostFacts, ObjectFact
from idc.engine.pulumi_events import StackResult
from idc.engine.station import Station
from idc.errors import Unreachable
from idc.operate import stacks
from idc.operate.context import Work
from idc.operate.progress import Progress
from tests.unit.operate.test_up import PLAN, facts, station, work_on

__all__ = ["station"]  # the fixture

STACK = "tenant-tax"
QUIET = Progress(quiet=True)


@pytest.fixture
def work(station: Station) -> Work:
    """The tenant's stack has been applied, and its state knows what it made."""
    work = work_on(station, PLAN)
    document = stacks.stack_input(work, STACK)
    stacks._record(work, {STACK: stacks._digest(document)})
    resources = [
        {"urn": name, "type": f"docker:index/{kind}:{kind.title()}", "id": number}
        for kind, name, number in _things(document)
    ]
    _state(station).parent.mkdir(parents=True)
    _state(station).write_text(json.dumps({"checkpoint": {"latest": {"resources": resources}}}))
    return work


def _state(station: Station) -> Path:
    return station.folder / "state" / ".pulumi" / "stacks" / "idc" / f"{STACK}.json"


def _things(document: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    found = [("container", c["docker_name"], f"c-{c['docker_name']}") for c in document["containers"]]
    found += [("network", n["name"], f"n-{n['name']}") for n in document["networks"]]
    return found + [("volume", v["name"], v["name"]) for v in document["volumes"]]


def seen(work: Work, change: Callable[[ContainerFact], ContainerFact] = lambda fact: fact) -> dict[str, HostFacts]:
    """The hosts' facts with all that the stack has made, the first container changed."""
    document = stacks.stack_input(work, STACK)
    found = {}
    for host in ("web-1", "web-2", "core-1", "edge-1"):
        containers = [
            ContainerFact(
                c["docker_name"], c["labels"], c["image_id"], True, "healthy", f"c-{c['docker_name']}",
                {c["network"]: (f"n-{c['network']}", c["ipv4"])},
                {**{key: c[key] for key in ("memory", "pids", "restart")}, "nano_cpus": round(c["cpus"] * 1e9)},
            )
            for c in document["containers"] if c["host"] == host
        ]  # fmt: skip
        first = document["containers"][0]
        containers = [change(fact) if fact.name == first["docker_name"] else fact for fact in containers]
        networks = [
            ObjectFact(n["name"], n["labels"], f"n-{n['name']}") for n in document["networks"] if n["host"] == host
        ]
        volumes = [ObjectFact(v["name"], v["labels"], v["name"]) for v in document["volumes"] if v["host"] == host]
        found[host] = replace(facts(host, PLAN, *containers), networks=tuple(networks), volumes=tuple(volumes))
    return found


def test_what_stands_as_it_was_made_is_not_run(work: Work) -> None:
    assert stacks.unchanged(work, STACK, seen(work))


def _limits(**more: Any) -> Callable[[ContainerFact], ContainerFact]:
    return lambda fact: replace(fact, limits={**fact.limits, **more})


def _networks(more: Callable[[drift.Networks], drift.Networks]) -> Callable[[ContainerFact], ContainerFact]:
    return lambda fact: replace(fact, networks=more(fact.networks))


@pytest.mark.parametrize(
    "change",
    [
        lambda fact: replace(fact, id="another of the same name, with all its labels"),
        _networks(lambda networks: {**networks, "parks-www-web": ("n", "10.64.17.9")}),
        _networks(lambda networks: {name: (number, "10.64.16.9") for name, (number, _) in networks.items()}),
        _networks(lambda networks: {name: ("removed", address) for name, (_, address) in networks.items()}),
        _limits(memory=1 << 40),
        _limits(nano_cpus=0),
        _limits(pids=None),
        _limits(restart="no"),
    ],
)
def test_a_change_by_hand_makes_its_stack_run(work: Work, change: Callable[[ContainerFact], ContainerFact]) -> None:
    assert not stacks.unchanged(work, STACK, seen(work, change))


def test_a_stack_whose_state_was_damaged_runs_to_be_refreshed(work: Work) -> None:
    file = _state(work.station)
    file.rename(file.with_suffix(".json.bak"))
    file.write_text('{"version":3,"checkp')
    assert not stacks.unchanged(work, STACK, seen(work))
    assert not stacks.unchanged(work, STACK, seen(work)), "until the refresh went well"


def test_a_lost_state_is_no_reason_to_touch_what_serves(work: Work) -> None:
    _state(work.station).unlink()
    assert stacks.unchanged(work, STACK, seen(work))


class Runner:
    """Notes what is run, and what of it is refreshed; the engine of one host may hang meanwhile."""

    def __init__(self, hosts: Answering | None = None, late: str = "", hangs: str = "") -> None:
        self.ran: list[str] = []
        self.refreshed: set[str] = set()
        self.hosts, self.late, self.hangs = hosts, late, hangs

    def at_work(self) -> frozenset[str]:
        return frozenset()

    def cut_off(self, stack: str, why: str) -> None:
        raise AssertionError(stack)

    def up(self, names: list[str], *, refresh: set[str], before: Any, **_: object) -> list[StackResult]:
        self.ran, self.refreshed = names, set(refresh) & set(names)
        assert all(before(name) > 0 for name in names)
        if self.hosts and self.hangs:
            self.hosts.hung.add(self.hangs)
        late = "not done within 300 s, ended"
        return [
            StackResult(name, name != self.late, 0, 0, 0, 0, 0, 0.0, {}, late if name == self.late else "")
            for name in names
        ]


class Answering:
    """Hosts whose engines answer, but for those that hang; what is asked of each is counted."""

    def __init__(self) -> None:
        self.hung: set[str] = set()
        self.waited = 0.0

    def ping_engines(self, names: list[str], deadline: float) -> dict[str, Any]:
        silent = [name for name in names if name in self.hung]
        self.waited += deadline if silent else 0.0
        return {name: Unreachable(f"{name}: its Docker engine did not answer", host=name) for name in silent}

    def docker_host(self, host: str) -> str:
        return f"unix:///{host}.sock"


@pytest.mark.parametrize(
    ("gone", "refreshed"), [(frozenset(), {STACK}), (frozenset({"tenant-parks"}), {STACK, "tenant-parks"})]
)
def test_a_stack_that_runs_although_its_input_was_applied_is_refreshed(
    work: Work, monkeypatch: pytest.MonkeyPatch, gone: frozenset[str], refreshed: set[str]
) -> None:
    """Else Pulumi takes its state for what is there, and what was removed by hand stays away."""
    monkeypatch.setattr("idc.engine.orphans.clear", lambda *_: gone)
    monkeypatch.setattr("idc.engine.limits.enforce", lambda *_: 0)
    runner, lost = Runner(), dict[str, str]()
    names = [STACK, "tenant-parks"]
    done = stacks.run(work, cast("Any", runner), cast("Any", Answering()), names, QUIET, outgoing=False, lost=lost)
    assert not done.failed
    assert runner.ran == names
    assert runner.refreshed == refreshed


def test_an_engine_that_hangs_while_stacks_run_is_named_and_costs_one_deadline(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stack that was on it is ended; one that was just done there is not taken for applied; others are."""
    asked: list[str] = []

    def note(_: Station, some: list[str], *__: object) -> frozenset[str]:
        asked.extend(some)
        return frozenset()

    monkeypatch.setattr("idc.engine.orphans.clear", note)
    monkeypatch.setattr("idc.engine.limits.enforce", note)
    hosts, lost = Answering(), dict[str, str]()
    names = [stack.name for stack in PLAN.stacks if stack.kind == "tenant"]
    host = next(h for h in PLAN.stack_by_name[STACK].hosts if h not in PLAN.stack_by_name["tenant-parks"].hosts)
    runner = Runner(hosts, late=STACK, hangs=host)
    applied = stacks._applied_digests(work)
    done = stacks.run(work, cast("Any", runner), cast("Any", hosts), names, QUIET, outgoing=False, lost=lost)
    assert done.failed == {STACK: f"{host}: its Docker engine did not answer; not done within 300 s, ended"}
    assert set(lost) == {host}
    assert hosts.waited == stacks.DEADLINE_PING, "it is not asked again: neither for orphans nor for limits"
    assert asked == [*names, "tenant-parks"]
    assert set(stacks._applied_digests(work)) == set(applied) | {"tenant-parks"}
