"""Containers whose health is not known yet are waited for, and not for ever."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest

from idc.errors import EngineError, Unreachable
from idc.live.settle import PAUSE, patience, settle, starting
from idc.live.snapshot import Part, Snapshot
from idc.live.take import Taken
from tests.unit.live import good
from tests.unit.live.spoil import first, unread

SLOW = first("containers", health="starting")


def taken(snapshot: Snapshot) -> Taken:
    return Taken(snapshot, {})


@dataclass
class Hosts:
    """Snapshots that become as they are to be after some seconds, on a clock of its own."""

    ready: float
    now: float = 0.0
    asked: list[list[str]] = field(default_factory=list)
    become: Callable[[str], Taken | EngineError] = lambda name: taken(good.snapshot(name))

    def again(self, names: Sequence[str]) -> dict[str, Taken | EngineError]:
        self.asked.append(list(names))
        return {
            name: self.become(name) if self.now >= self.ready else taken(SLOW(good.snapshot(name))) for name in names
        }

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def settle(self, **spoiled: Snapshot) -> dict[str, Taken | EngineError]:
        before = {host.name: taken(good.snapshot(host.name)) for host in good.PLAN.hosts}
        before |= {name.replace("_", "-"): taken(snapshot) for name, snapshot in spoiled.items()}
        return settle(good.PLAN, before, self.again, sleep=self.sleep, clock=lambda: self.now)


def test_only_the_hosts_concerned_are_read_again_until_nothing_is_starting() -> None:
    hosts = Hosts(ready=5.0)
    found = hosts.settle(web_1=SLOW(good.snapshot("web-1")))
    assert hosts.asked == [["web-1"]] * 3
    assert isinstance(found["web-1"], Taken)
    assert not starting(good.PLAN, found["web-1"].snapshot)


def test_a_centre_at_rest_is_not_waited_for() -> None:
    hosts = Hosts(ready=0.0)
    hosts.settle()
    assert not hosts.asked
    assert hosts.now == 0.0


def test_one_that_stays_starting_is_given_up_after_its_start_period_and_a_few_checks() -> None:
    hosts = Hosts(ready=1e9)
    found = hosts.settle(web_1=SLOW(good.snapshot("web-1")))
    ill = 10 + 6 * (5 + 3)  # start period, and all its retries late
    assert patience(good.PLAN.containers) == ill
    assert ill <= hosts.now <= ill + PAUSE
    assert isinstance(found["web-1"], Taken)
    assert starting(good.PLAN, found["web-1"].snapshot), "and what it looks like then is what is judged"


def test_a_host_that_is_lost_meanwhile_is_lost() -> None:
    hosts = Hosts(ready=0.0, become=lambda name: Unreachable("does not answer", host=name))
    assert isinstance(hosts.settle(web_1=SLOW(good.snapshot("web-1")))["web-1"], EngineError)


@pytest.mark.parametrize(
    "snapshot",
    [
        unread(good.snapshot("web-1")),  # unknown, by another test's word
        first("containers", health="unhealthy")(good.snapshot("web-1")),
        first("containers", health="starting", running=False)(good.snapshot("web-1")),
        first("containers", health="starting", name="stray")(good.snapshot("web-1")),
        replace(good.snapshot("web-1"), engine=Part(good.snapshot("web-1").engine.found)),
    ],
)
def test_what_no_waiting_mends_is_not_waited_for(snapshot: Snapshot) -> None:
    assert not starting(good.PLAN, snapshot)
