"""Closing: from what was recorded, on all hosts that may carry the tenant, and never said without having been seen."""

from __future__ import annotations

import datetime
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from idc.engine.station import Station
from idc.errors import EngineError, UsageError
from idc.operate import edges, isolate, record
from idc.operate.closing import Loaded, of_networks, still_open
from idc.operate.narrow import narrowed, networks_of, without
from idc.operate.progress import Progress
from tests.unit.operate.field import Field
from tests.unit.plan import build

EGRESS = {"to": "198.18.64.0/24", "port": "443/tcp", "why": "asks the register of people", "until": "2026-06-30"}
FEW = build.declare(build.tenant("parks"), build.tenant("tax", build.site(), build.app(), egress=[EGRESS]))
PLAN, LOCK = build.plan(FEW)
MORE, _ = build.plan(build.with_tenant(FEW, build.tenant("works")), LOCK, images=build.IMAGES | {"edge": "sha256:ff"})
QUIET = Progress(quiet=True)
HOSTS = ("edge_1", "web_1", "web_2", "core_1")


@pytest.fixture
def station(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Station:
    monkeypatch.setattr("idc.paths.stations_dir", lambda: tmp_path / "stations")
    (tmp_path / "centre").mkdir()
    return Station.create("town.government-extranet", tmp_path / "centre")


def stand(monkeypatch: pytest.MonkeyPatch, field: Field) -> Field:
    """Have closing meet these hosts."""
    monkeypatch.setattr(isolate, "Hosts", field)
    monkeypatch.setattr("idc.engine.folders.sync", field.sync)
    return field


def carries(field: Field, tenant: str) -> list[str]:
    """Hosts that let a packet of the tenant pass."""
    mine = [network for plan in (PLAN, MORE) for network in networks_of([plan], tenant)]
    found = []
    for host in field.rules:
        ends = [IPv4Network(end) for flow in field.flows(host) for end in flow[:2]]
        if any(end.overlaps(network) for end in ends for network in mine):
            found.append(host)
    return found


def test_a_tenant_is_shut_on_every_host_and_nothing_else_changes(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    record.record_applied(station, PLAN, 1)
    field = stand(monkeypatch, Field(**dict.fromkeys(HOSTS, PLAN)))
    assert carries(field, "tax")
    done = isolate.shut(station, "tax", QUIET)
    assert carries(field, "tax") == []
    assert field.vhosts("edge-1") == {"internet/parks_www.conf"}
    expected = Field(**dict.fromkeys(HOSTS, without(PLAN, {"tax"})))
    assert field.rules == expected.rules, "as the role would have it"
    assert "none of" in done.words
    where = next(segment.host for segment in PLAN.segments if segment.tenant == "tax")
    assert set(map(tuple, field.cuts[where])) >= set(map(tuple, of_networks(networks_of([PLAN], "tax"))))


def test_a_tenant_whose_first_up_did_not_finish_is_shut_too(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its flows are in no applied plan; they were recorded before the first of them was opened."""
    record.record_applied(station, PLAN, 1)
    record.record_opening(station, MORE)
    field = stand(monkeypatch, Field(edge_1=MORE, web_1=narrowed(PLAN, MORE), web_2=MORE, core_1=PLAN))
    assert carries(field, "works")
    isolate.shut(station, "works", QUIET)
    assert carries(field, "works") == []
    assert carries(field, "tax"), "others stay open"
    assert field.rules["edge-1"] == Field(edge_1=without(MORE, {"works"})).rules["edge-1"], "the edge keeps its slot"


def test_the_first_up_of_all_did_not_finish(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    record.record_opening(station, MORE)
    field = stand(monkeypatch, Field(**dict.fromkeys(HOSTS, MORE)))
    isolate.shut(station, "works", QUIET)
    assert carries(field, "works") == []


def test_nothing_recorded_is_no_success_but_keeps_up_from_opening(station: Station) -> None:
    with pytest.raises(EngineError, match="nothing was closed"):
        isolate.shut(station, "works", QUIET)
    assert record.isolated_tenants(station) == {"works"}


@pytest.mark.parametrize("fault", ["gone", "deaf", "hung"])
def test_a_host_that_does_not_close_is_an_error_and_the_others_close(
    station: Station, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    record.record_applied(station, PLAN, 1)
    field = stand(monkeypatch, Field(**dict.fromkeys(HOSTS, PLAN)))
    getattr(field, fault).add("edge-1")
    with pytest.raises(EngineError, match="not proven shut everywhere: edge-1") as caught:
        isolate.shut(station, "tax", QUIET)
    assert caught.value.exit_code == 3
    assert carries(field, "tax") == ([] if fault == "hung" else ["edge-1"])


def test_closing_does_not_wait_for_an_up_that_works(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    record.record_applied(station, PLAN, 1)
    field = stand(monkeypatch, Field(**dict.fromkeys(HOSTS, PLAN)))
    monkeypatch.setattr(isolate, "WAIT_PUSH", 0.0)
    with station.hold():
        isolate.shut(station, "tax", QUIET)
    assert carries(field, "tax") == []
    with record.pushing(station, wait=0), pytest.raises(EngineError, match="putting rules on hosts"):
        isolate.shut(station, "parks", QUIET)  # closed at once, but not said to be: the other may just be opening
    assert carries(field, "parks") == []


def test_the_tenant_is_found_without_its_declaration(station: Station, tmp_path: Path) -> None:
    record.record_applied(station, PLAN, 1)
    (tmp_path / "centre" / "centre.yaml").write_text("this is: [no centre\n")
    assert isolate.station_of("tax", tmp_path / "centre") == station
    assert isolate.station_of("tax", tmp_path) == station, "a folder of centres"
    assert isolate.station_of("tax", None) == station
    with pytest.raises(UsageError):
        isolate.station_of("nobody", None)
    with pytest.raises(UsageError):
        isolate.station_of("tax", tmp_path / "elsewhere")


def test_undo_opens_what_was_applied_and_no_more(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    record.record_applied(station, PLAN, 1)
    field = stand(monkeypatch, Field(**dict.fromkeys(HOSTS, PLAN)))
    before = dict(field.rules), dict(field.names)
    isolate.shut(station, "tax", QUIET)
    monkeypatch.setattr(isolate, "without_expired", lambda plan, *_: plan)
    isolate.undo(station, "tax", QUIET)
    assert (field.rules, field.names) == before
    assert record.read(station) == record.Record(PLAN, (), frozenset())


def test_undo_opens_nothing_of_a_run_that_did_not_finish(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    record.record_applied(station, PLAN, 1)
    record.record_opening(station, MORE)
    field = stand(monkeypatch, Field(**dict.fromkeys(HOSTS, MORE)))
    isolate.shut(station, "works", QUIET)
    done = isolate.undo(station, "works", QUIET)
    assert carries(field, "works") == []
    assert "the next one opens it" in done.words


def test_a_flow_past_its_day_is_not_opened_again() -> None:
    day = datetime.date(2026, 6, 30)
    assert isolate.without_expired(PLAN, "tax", day) is PLAN
    left = isolate.without_expired(PLAN, "tax", day + datetime.timedelta(days=1))
    assert {flow.origin for flow in PLAN.flows} - {flow.origin for flow in left.flows} == {"egress"}
    assert isolate.without_expired(PLAN, "parks", day + datetime.timedelta(days=1)) is PLAN


def test_what_nft_lists_is_read_in_every_form() -> None:
    mine = [IPv4Network("10.64.16.0/28")]
    other = {"concat": [{"prefix": {"addr": "10.64.0.2", "len": 31}}, "10.64.16.18", "tcp", 8080]}
    assert still_open([other, {"concat": ["10.64.17.1", "udp", {"range": [1, 9]}]}], mine) == []
    for end in ("10.64.16.3", {"prefix": {"addr": "10.64.16.0", "len": 20}}, {"range": ["10.64.0.9", "10.64.16.1"]}):
        for element in ({"concat": [end, "tcp", 22]}, {"elem": {"val": {"concat": ["10.0.0.1", end, "tcp", 1]}}}):
            assert still_open([other, element], mine), element
    with pytest.raises(EngineError, match="not known"):
        still_open([{"concat": [{"set": []}, "tcp", 1]}], mine)
    assert isolate.find_open({"web-1": Loaded(True, 0, (other,)), "web-2": EngineError("no")}, mine) == {"web-2": "no"}


def test_only_the_tenants_own_files_leave_the_edge() -> None:
    others = {"internet/tax-office_www.conf": "", "errors/refused.html": ""}
    assert edges.kept_files({"internet/tax_www.conf": "", "fabric/tax_file.conf": "", **others}, "tax") == others


def test_a_host_that_only_an_older_plan_has_is_reached_as_well() -> None:
    fewer = replace(PLAN, hosts=tuple(host for host in PLAN.hosts if host.name != "web-1"))
    assert [host.name for host in isolate.with_all_hosts([fewer, PLAN]).hosts] == [host.name for host in PLAN.hosts]
