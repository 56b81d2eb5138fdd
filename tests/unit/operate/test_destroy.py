"""What `idc destroy` removes and what it refuses, and that no centre on machines ever becomes a twin."""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from idc.cli import destroy as command
from idc.engine import lab, machine
from idc.engine.images import image_names
from idc.engine.station import Station
from idc.errors import EngineError, InputError, RefusedError
from idc.operate import context, destroy
from idc.operate.context import Work
from idc.operate.progress import Progress
from tests.conftest import ROOT

IDS = {image: f"sha256:{number:064x}" for number, image in enumerate(image_names(), 1)}
REMOVED = 7
NEW = """tenant: new
department: New
contacts: [{name: Desk, email: desk@town.example}]
quota: {cpus: 1, memory: 256MiB, disk: 5GiB, bandwidth: 10Mbit/s}
sites:
  - {name: www, names: [new.town.example], audience: [employee], content: content/library}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lab by nature; no engine is asked for anything."""
    monkeypatch.setenv("IDC_STATIONS", str(tmp_path / "stations"))
    monkeypatch.setattr(machine, "ensure", lambda _: None)
    monkeypatch.setattr(lab, "remove", lambda *_, **__: REMOVED)
    copy = tmp_path / "extranet"
    shutil.copytree(ROOT / "centres" / "small" / "extranet", copy, ignore=shutil.ignore_patterns("locks"))
    return copy


def with_addresses(folder: Path) -> Path:
    """The same centre on machines."""
    file = folder / "centre.yaml"
    lines: list[str] = []
    for text in file.read_text().splitlines():
        number = sum("address: 192.0.2." in done for done in lines) + 1
        line = text.replace("{location:", f"{{address: 192.0.2.{number}, location:")
        lines.append(line.replace("{address: 198.18.", f"{{interface: eth{len(lines)}, address: 198.18."))
    file.write_text("\n".join(lines) + "\n")
    assert "address: 192.0.2.1," in file.read_text()
    return folder


def up(folder: Path, *, as_lab: bool = False, applied: bool = True) -> Work:
    """What an `up` leaves in the station and the folder."""
    context.make_station(folder, as_lab=as_lab)
    work = context.need(folder, ids=IDS)
    work.record_allocation()
    work = work.record_opening()
    if applied:
        work.record_applied()
    return work


def content(place: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(file.relative_to(place)): file.read_bytes() for file in place.rglob("*") if file.is_file()}


def gone(folder: Path) -> int:
    return destroy.destroy(folder, Progress(), foreign=False)


def test_a_lab_goes_with_its_station_and_locks(folder: Path) -> None:
    station = up(folder).station
    assert (folder / "locks").is_dir()
    assert gone(folder) == REMOVED
    assert not station.folder.exists()
    assert not (folder / "locks").exists()


@pytest.mark.parametrize("applied", [True, False])
def test_a_centre_on_machines_never_becomes_a_twin(folder: Path, applied: bool) -> None:
    station = up(with_addresses(folder), applied=applied).station
    before = content(station.folder)
    with pytest.raises(RefusedError, match="not as a twin"):
        context.make_station(folder, as_lab=True)
    with pytest.raises(RefusedError, match="not as a twin"):
        context.load(folder, ids=IDS, as_lab=True)
    assert content(station.folder) == before


def test_an_allocation_alone_is_enough_to_refuse_a_twin(folder: Path) -> None:
    context.make_station(with_addresses(folder), as_lab=False)
    context.need(folder, ids=IDS).record_allocation()
    with pytest.raises(RefusedError, match="not as a twin"):
        context.make_station(folder, as_lab=True)


@pytest.mark.parametrize("applied", [True, False])
def test_recorded_machines_are_not_destroyed_whatever_mark_and_declaration_say(folder: Path, applied: bool) -> None:
    declared = (folder / "centre.yaml").read_text()
    station = up(with_addresses(folder), applied=applied).station
    (station.folder / context.TWIN).write_text("")
    (folder / "centre.yaml").write_text(declared)
    with pytest.raises(RefusedError, match="not lab hosts"):
        gone(folder)
    assert (station.folder / "passphrase").exists()
    assert (folder / "locks").is_dir()


def test_declared_machines_of_which_nothing_is_recorded_are_not_destroyed(folder: Path) -> None:
    station = context.make_station(with_addresses(folder), as_lab=False)
    with pytest.raises(RefusedError, match="not lab hosts"):
        gone(folder)
    assert station.folder.is_dir()


def test_a_twin_keeps_its_locks_in_its_station(folder: Path) -> None:
    with_addresses(folder)
    work = context.load(folder, ids=IDS)
    work.next_lock.write(folder / "locks")  # the centre itself is operated from elsewhere
    before = content(folder)
    (folder / "tenants" / "new.yaml").write_text(NEW)
    twin = up(folder, as_lab=True)
    assert twin.plan.hosts[0].is_lab
    assert twin.lock == work.next_lock
    again = context.need(folder, ids=IDS)
    assert "new" in again.lock.tenants
    (folder / "tenants" / "new.yaml").unlink()
    assert content(folder) == before
    assert gone(folder) == REMOVED
    assert not twin.station.folder.exists()
    assert content(folder) == before


def test_a_twin_without_locks_in_its_folder_is_planned_again(folder: Path) -> None:
    up(with_addresses(folder), as_lab=True)
    assert not (folder / "locks").exists()
    assert context.need(folder, ids=IDS).lock.serial > 0


def test_a_broken_declaration_keeps_no_lab(folder: Path) -> None:
    station = up(folder).station
    (folder / "centre.yaml").write_text("centre: [\n")
    assert gone(folder) == REMOVED
    assert not station.folder.exists()


def test_a_broken_declaration_of_a_folder_that_no_station_knows_is_bad_input(folder: Path) -> None:
    (folder / "centre.yaml").write_text("centre: [\n")
    with pytest.raises(InputError):
        gone(folder)


def test_a_broken_declaration_of_a_station_without_records_is_refused(folder: Path) -> None:
    station = context.make_station(folder, as_lab=False)
    (folder / "centre.yaml").write_text("centre: [\n")
    with pytest.raises(RefusedError, match="not known"):
        gone(folder)
    assert Station.find(folder) == station


def test_one_that_is_refused_does_not_keep_the_next(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    errors: dict[str, Any] = {"a": RefusedError("real", hint="retire"), "b": EngineError("hung")}

    def remove(folder: Path, *_: object, **__: object) -> int:
        if folder.name in errors:
            raise errors[folder.name]
        return REMOVED

    monkeypatch.setattr(command, "centre_folders", lambda _: [Path("a"), Path("b"), Path("c")])
    monkeypatch.setattr(command, "destroy", SimpleNamespace(destroy=remove))
    assert command.run(argparse.Namespace(centre=None, foreign=False, json=True)) == EngineError.exit_code
    said = capsys.readouterr()
    document = json.loads(said.out)
    assert (document["ok"], document["removed"], list(document["failed"])) == (False, {"c": REMOVED}, ["a", "b"])
    assert "hint: retire" in said.err
