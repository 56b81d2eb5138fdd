"""What `verify` tells of a centre that stands with something past its day, whatever its declaration says now."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from idc.engine.station import Station
from idc.model import load
from idc.operate import context, record
from idc.plan import make
from idc.plan.lock import Lock
from tests.bad_input import cases

TODAY = datetime.now().astimezone().date()
YESTERDAY = TODAY - timedelta(days=1)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A centre that was brought up yesterday, on the last day of one of its flows."""
    folder = tmp_path / "centre"
    shutil.copytree(cases.BASE, folder)
    tax, centre = folder / "tenants" / "tax.yaml", folder / "centre.yaml"
    tax.write_text(tax.read_text().replace("172.16.4.0/24", "198.18.64.128/25"))
    centre.write_text(centre.read_text().replace("8080/tcp, why", f"8080/tcp, until: {YESTERDAY}, why"))
    plan, _ = make(load(folder, today=YESTERDAY), Lock(), {}, today=YESTERDAY)
    station = SimpleNamespace(folder=tmp_path)
    monkeypatch.setattr(Station, "open", lambda *_: station)
    monkeypatch.setattr(Station, "find", lambda *_: station)
    monkeypatch.setattr(record, "read", lambda _: record.Record(plan, (), frozenset()))
    return folder


def test_a_flow_that_still_stands_is_told_beside_the_line_that_ended(folder: Path) -> None:
    told = [(entry.line, entry.message) for entry in context.as_applied(folder).expired]
    assert told == [
        (20, f"it was allowed until {YESTERDAY}, which is past (today is {TODAY}): it is no part of the plan"),
        (20, f"tenant/tax/site/file -> tenant/parks/site/www : tcp/8080 was allowed until {YESTERDAY} and stands open "
             "still"),
    ]  # fmt: skip


def test_it_is_told_also_where_the_declaration_is_broken(folder: Path) -> None:
    (folder / "centre.yaml").write_text("format: 2\n")
    standing = context.as_applied(folder)
    assert "cannot be read now" in standing.note
    assert [entry.message.endswith("stands open still") for entry in standing.expired] == [True]
