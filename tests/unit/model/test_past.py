"""What is past its last day: without effect and told, and never a reason to refuse what would close it."""

from __future__ import annotations

import json
import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest

from idc.cli import main
from idc.model.declaration import load
from idc.operate import context
from idc.plan import diff, make
from idc.plan.lock import Lock
from tests.bad_input import cases

LAST = date(2026, 6, 30)
AFTER = LAST + timedelta(days=1)
IMAGES: dict[str, str] = {}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The base of the tables."""
    shutil.copytree(cases.BASE, tmp_path / "centre")
    return tmp_path / "centre"


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


@pytest.fixture
def ending(folder: Path) -> Path:
    """A flow and an egress that end on one day."""
    change(folder / "centre.yaml", "8080/tcp, why", f"8080/tcp, until: {LAST}, why")
    change(folder / "tenants" / "tax.yaml", "to: 172.16.4.0/24, port: 443/tcp, why",
           f"to: 198.18.64.128/25, port: 443/tcp, until: {LAST}, why")  # fmt: skip
    return folder


def test_on_its_last_day_nothing_is_told(ending: Path) -> None:
    assert load(ending, today=LAST).expired == ()


def test_the_day_after_a_flow_and_an_egress_are_told_with_their_place(ending: Path) -> None:
    told = [(Path(entry.file).name, entry.line, entry.column) for entry in load(ending, today=AFTER).expired]
    assert told == [("centre.yaml", 20, 84), ("tax.yaml", 23, 50)]
    assert all(str(LAST) in entry.message and entry.hint for entry in load(ending, today=AFTER).expired)


def test_the_day_after_both_leave_the_plan_and_so_close(ending: Path) -> None:
    before, lock = make(load(ending, today=LAST), Lock(), IMAGES, today=LAST)
    after, later = make(load(ending, today=AFTER), lock, IMAGES, today=AFTER)
    closed = diff.compare(before, after).flows_closed
    assert {flow.origin for flow in closed} == {"declared", "egress"}
    assert {flow.until for flow in closed} == {LAST}
    assert (later.serial, after.today) == (lock.serial, AFTER)


def test_the_same_day_gives_the_same_plan_whatever_the_clock_says(ending: Path) -> None:
    plans = [make(load(ending, today=LAST), Lock(), IMAGES, today=LAST)[0] for _ in range(2)]
    assert plans[0] == plans[1]


def test_a_person_whose_right_ended_is_told_and_refuses_nothing(folder: Path) -> None:
    change(folder / "people.yaml", "until: 2998-12-31", f"until: {LAST}")
    (told,) = load(folder, today=AFTER).expired
    assert (told.line, told.message) == (11, f"the right of Li Na ended on {LAST} (today is {AFTER})")
    assert load(folder, today=LAST).expired == ()


WAIVER = """\
format: 1
waivers:
  - {policy: hardening.filesystem, scope: tenant/tax, reason: a new image in March, approver: li-na, until: 2026-12-31}
"""


def test_a_waiver_ends_with_the_right_of_who_approved_it(folder: Path) -> None:
    (folder / "waivers.yaml").write_text(WAIVER)
    assert load(folder, today=AFTER).waivers[0].until == date(2026, 12, 31)
    change(folder / "people.yaml", "until: 2998-12-31", f"until: {LAST}")
    (waiver,) = load(folder, today=AFTER).waivers
    assert waiver.until == LAST
    person, told = load(folder, today=AFTER).expired
    assert Path(person.file).name == "people.yaml"
    assert told.message == f"it waives nothing: the right of `li-na`, who approved it, ended on {LAST}"


def test_a_waiver_past_its_own_day_is_told(folder: Path) -> None:
    (folder / "waivers.yaml").write_text(WAIVER)
    (told,) = load(folder, today=date(2027, 1, 1)).expired
    assert (told.line, told.message) == (3, "it was waived until 2026-12-31, which is past (today is 2027-01-01)")


@pytest.fixture
def planned(ending: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same for the command, on the day after."""
    monkeypatch.setenv("IDC_STATIONS", str(tmp_path / "stations"))
    monkeypatch.setattr("idc.model.load", lambda folder, **_: load(folder, today=AFTER))
    return ending


def test_plan_warns_with_file_and_line_in_every_form(planned: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["plan", str(planned)])
    text = capsys.readouterr().out
    assert f"warning {planned}/centre.yaml:20: it was allowed until {LAST}" in text
    main(["plan", "--markdown", str(planned)])
    assert f"tax.yaml:23: it was allowed until {LAST}" in capsys.readouterr().out
    main(["plan", "--json", str(planned)])
    (centre,) = json.loads(capsys.readouterr().out)["centres"].values()
    assert [(Path(entry["file"]).name, entry["line"]) for entry in centre["expired"]] == [
        ("centre.yaml", 20), ("tax.yaml", 23)
    ]  # fmt: skip
    assert not [flow for flow in centre["flows"]["opened"] if flow["origin"] in ("declared", "egress")]


def test_a_flow_that_stands_past_its_day_is_told_once_a_line(ending: Path) -> None:
    plan, _ = make(load(ending, today=LAST), Lock(), IMAGES, today=LAST)
    assert list(context.standing_past(plan, ending, LAST)) == []
    told = list(context.standing_past(plan, ending, AFTER))
    assert [(entry.file, entry.line) for entry in told] == [
        (f"{ending}/centre.yaml", 20), (f"{ending}/tenants/tax.yaml", 23)
    ]  # fmt: skip
    assert told[0].message.endswith(f"was allowed until {LAST} and stands open still")
