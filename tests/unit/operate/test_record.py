"""What the station remembers: of what may be open nothing is forgotten, and who is shut goes before every plan."""

from __future__ import annotations

from pathlib import Path

import pytest

from idc.engine.station import Station
from idc.errors import BusyError
from idc.operate import record
from tests.unit.plan import build

PLAN, LOCK = build.plan(build.declare(build.tenant("parks"), build.tenant("tax")))
MORE, _ = build.plan(build.declare(build.tenant("parks"), build.tenant("tax"), build.tenant("works")), LOCK)


@pytest.fixture
def station(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Station:
    monkeypatch.setattr("idc.paths.stations_dir", lambda: tmp_path)
    return Station.create("town.government-extranet")


def test_what_was_being_opened_is_known_until_a_plan_stands_whole(station: Station) -> None:
    record.record_applied(station, PLAN, 1)
    record.record_opening(station, MORE)
    record.record_opening(station, MORE)
    assert record.read(station) == record.Record(PLAN, (MORE,), frozenset())
    record.record_opening(station, PLAN)
    assert record.read(station).plans == (PLAN, MORE, PLAN)
    record.record_applied(station, MORE, 2)
    assert record.read(station) == record.Record(MORE, (), frozenset())


def test_a_tenant_is_shut_whatever_plan_is_applied_later(station: Station) -> None:
    assert record.set_isolated(station, "tax", shut=True)
    assert not record.set_isolated(station, "tax", shut=True)
    record.record_applied(station, MORE, 2)
    known = record.read(station)
    assert known.applied == MORE, "what is opened again is what was applied"
    assert known.standing is not None
    assert not [vhost for vhost in known.standing.vhosts if vhost.tenant == "tax"]
    assert record.set_isolated(station, "tax", shut=False)
    assert record.read(station).standing == MORE


def test_closing_is_recorded_while_a_run_holds_the_station_and_pushes(station: Station) -> None:
    with station.hold(), record.pushing(station, wait=0):
        assert record.set_isolated(station, "tax", shut=True)
        with pytest.raises(BusyError, match="putting rules"), record.pushing(station, wait=0):
            pytest.fail("two push at once")
    with record.pushing(station, wait=0):
        assert record.isolated_tenants(station) == {"tax"}
