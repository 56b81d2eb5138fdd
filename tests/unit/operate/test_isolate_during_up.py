"""`idc isolate` while an `up` works: it closes without waiting, and what the `up` then puts there opens nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from idc import render
from idc.engine import folders
from idc.engine.station import Station
from idc.operate import isolate, record, run
from idc.plan.types import Plan
from tests.unit.operate.field import Field
from tests.unit.operate.test_isolate import HOSTS, MORE, PLAN, QUIET, carries, stand, station
from tests.unit.operate.test_up import Phases, work_on

__all__ = ["station"]  # the fixture

PATIENCE = 20.0


class Slow:
    """An `up` that is held where it has read the list of those who are shut and put nothing on the hosts yet."""

    def __init__(self, field: Field) -> None:
        self.field = field
        self.rendered, self.goes_on = threading.Event(), threading.Event()

    def converge(self, phases: run.Run, names: Sequence[str], _: Sequence[str]) -> None:
        """In place of the roles: they are given rendered files, and write them much later."""
        plan = phases.plan
        self._hold()
        for name in names:
            self.field.rules[name] = render.firewall(plan, name)

    def sync(self, hosts: Any, host: str, tree: folders.HostTree, deadline: float) -> bool:
        """In place of ``folders.sync``: the tree is made, and written much later."""
        if threading.current_thread().name == "up":
            self._hold()
        return self.field.sync(hosts, host, tree, deadline) if tree.releases else False

    def _hold(self) -> None:
        self.rendered.set()
        assert self.goes_on.wait(PATIENCE)


def _until(happens: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not happens():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize("phase", ["flows", "names"])
@pytest.mark.parametrize(("tenant", "new"), [("tax", PLAN), ("works", MORE)])
def test_what_is_shut_while_an_up_puts_its_rules_stays_shut(
    station: Station, monkeypatch: pytest.MonkeyPatch, tenant: str, new: Plan, phase: str, tmp_path: Path
) -> None:
    record.record_applied(station, PLAN, 1)
    if new is MORE:
        record.record_opening(station, MORE)  # as `up` does before it opens anything
    field = stand(monkeypatch, Field(**dict.fromkeys(HOSTS, new)))
    slow = Slow(field)
    monkeypatch.setattr("idc.engine.folders.sync", slow.sync)
    monkeypatch.setattr("idc.operate.roles.open_needed", lambda *_: True)
    monkeypatch.setattr(run.Run, "_converge", lambda self, *words: slow.converge(self, *words))
    phases = Phases(work_on(station, new), dict.fromkeys(field.rules, new))
    ended: list[str] = []

    def up() -> None:
        with station.hold():
            phases.open() if phase == "flows" else phases.folders(with_content=False)
            ended.append("up")

    def shut() -> None:
        isolate.shut(station, tenant, QUIET)
        ended.append("isolate")

    threads = [threading.Thread(target=up, name="up", daemon=True), threading.Thread(target=shut, daemon=True)]
    threads[0].start()
    assert slow.rendered.wait(PATIENCE)
    threads[1].start()
    _until(lambda: carries(field, tenant) == [] and not any(tenant in name for name in field.vhosts("edge-1")))
    assert ended == [], "it closed while the other still works, and does not say that it is shut before that is done"
    slow.goes_on.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(ended) == ["isolate", "up"]
    assert carries(field, tenant) == []
    assert not [name for name in field.vhosts("edge-1") if tenant in name]
    assert field.vhosts("edge-1"), "the others keep their names"
    assert record.isolated_tenants(station) == {tenant}
