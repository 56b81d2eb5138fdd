"""An engine that hangs while stacks run on it: its stacks end soon, those of others are left alone."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from idc.errors import Unreachable
from idc.operate.watchdog import watching

ON = {"tenant-tax": "web-1", "tenant-parks": "web-2"}


class Engines:
    """Two engines, of which some do not answer; one may miss a single look."""

    def __init__(self, *hung: str, slow: str = "", broken: bool = False) -> None:
        self.hung, self.slow, self.broken = set(hung), slow, broken
        self.lost: dict[str, str] = {}
        self.looks = 0

    def silent(self, stacks: Sequence[str], deadline: float) -> dict[str, str]:
        self.looks += 1
        if self.broken:
            raise Unreachable("no more files")
        quiet = self.hung | ({self.slow} if self.slow and self.looks % 2 else set())
        return {ON[s]: f"{ON[s]} is silent" for s in stacks if ON[s] in quiet and ON[s] not in self.lost}

    def lose(self, found: Mapping[str, str]) -> None:
        self.lost.update(found)

    def missing(self, stack: str) -> str:
        return self.lost.get(ON[stack], "")


class Runner:
    """Notes what was cut off."""

    def __init__(self) -> None:
        self.running = set(ON)
        self.cut: dict[str, str] = {}

    def at_work(self) -> set[str]:
        return set(self.running)

    def cut_off(self, stack: str, why: str) -> None:
        self.running.discard(stack)
        self.cut[stack] = why


def watched(engines: Engines, looks: int = 8) -> Runner:
    runner = Runner()
    with watching(engines, runner, pause=0.01, patience=0.0):
        limit = time.monotonic() + 10
        while engines.looks < looks:
            assert time.monotonic() < limit
            time.sleep(0.01)
    return runner


def test_the_stacks_of_a_hung_engine_are_cut_off_with_its_name_and_no_others() -> None:
    engines = Engines("web-1")
    assert watched(engines).cut == {"tenant-tax": "web-1 is silent"}
    assert engines.lost == {"web-1": "web-1 is silent"}


def test_one_look_without_an_answer_ends_nothing() -> None:
    assert watched(Engines(slow="web-2")).cut == {}


def test_a_watch_that_sees_nothing_ends_nothing_and_goes_on() -> None:
    assert watched(Engines("web-1", broken=True)).cut == {}
