"""The station: whole or not there, worked on by one at a time, its secrets made once."""

from __future__ import annotations

import multiprocessing
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from idc import paths
from idc.engine import files, runtime
from idc.engine.station import Station
from idc.errors import BusyError, EngineError, RefusedError

CENTRE = "small.government-extranet"


@pytest.fixture
def station(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Station:
    monkeypatch.setenv("IDC_STATIONS", str(tmp_path / "stations"))
    monkeypatch.setenv("IDC_RUNTIME", str(tmp_path / "run"))
    return Station.create(CENTRE)


def test_everything_in_a_new_station_is_for_its_owner_alone(station: Station) -> None:
    station.secret("tax/file/database")
    public = {station.folder / "ssh" / "id_ed25519.pub"}
    for path in (station.folder, *station.folder.rglob("*")):
        if path not in public:
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_making_a_station_again_changes_nothing(station: Station) -> None:
    before = {path: path.read_bytes() for path in station.folder.rglob("*") if path.is_file()}
    assert Station.create(CENTRE) == station
    assert {path: path.read_bytes() for path in station.folder.rglob("*") if path.is_file()} == before


def test_a_run_that_dies_while_making_a_station_leaves_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDC_STATIONS", str(tmp_path / "stations"))

    def die(path: Path, *_: object) -> None:
        raise EngineError(f"{path} cannot be written: No space left on device")

    monkeypatch.setattr(files, "write_atomic", die)
    with pytest.raises(EngineError):
        Station.create(CENTRE)
    assert Station.open(CENTRE) is None
    assert Station.all() == ()
    assert list((tmp_path / "stations").iterdir()) == []


def test_a_key_that_ssh_can_use(station: Station) -> None:
    key = station.folder / "ssh" / "id_ed25519"
    done = subprocess.run(["ssh-keygen", "-y", "-f", str(key)], capture_output=True, text=True, check=True)
    assert done.stdout.split()[:2] == station.public_key().split()[:2]


@pytest.mark.parametrize("name", ["../evil", "a.b/../../c", "small", "", "/etc.passwd", "Small.net"])
def test_a_centre_id_is_never_a_path(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDC_STATIONS", str(tmp_path))
    with pytest.raises(EngineError):
        Station.create(name)


def test_a_station_is_found_by_its_centre_folder(station: Station, tmp_path: Path) -> None:
    folder = tmp_path / "centre"
    folder.mkdir()
    assert Station.find(folder) is None
    Station.create(CENTRE, folder)
    assert Station.find(tmp_path / "." / "centre") == station


# -- one at a time -----------------------------------------------------------------------------------------------------


def _hold_for_ever(stations: str, ready: multiprocessing.synchronize.Event) -> None:
    os.environ["IDC_STATIONS"] = stations
    os.environ["IDC_RUNTIME"] = str(Path(stations).parent / "run")
    station = Station.open(CENTRE)
    assert station is not None
    with station.hold():
        ready.set()
        signal.pause()


def test_a_second_run_is_told_who_works_here(station: Station) -> None:
    with (
        station.hold(),
        pytest.raises(BusyError, match=rf"pid {os.getpid()}, since \d{{4}}-") as raised,
        station.hold(),
    ):
        pass
    assert raised.value.exit_code == 3


def test_a_killed_run_frees_the_station_at_once(station: Station) -> None:
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=_hold_for_ever, args=(str(station.folder.parent), ready))
    process.start()
    assert ready.wait(20)
    with pytest.raises(BusyError, match=f"pid {process.pid}"), station.hold():
        pass
    process.kill()
    process.join()
    with station.hold(wait=5):
        pass


def test_waiting_ends_when_the_other_is_done(station: Station) -> None:
    with ThreadPoolExecutor(1) as pool:
        with station.hold():
            waiting = pool.submit(_enter, station)
            assert not waiting.done()
        assert waiting.result(timeout=5)


def _enter(station: Station) -> bool:
    with station.hold(wait=5):
        return True


def test_the_lock_is_not_inherited_by_programs_that_outlive_the_run(station: Station) -> None:
    with station.hold():
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        with station.hold():
            pass
    finally:
        child.kill()
        child.wait()


def test_a_station_that_was_removed_cannot_be_held(station: Station) -> None:
    with station.hold():
        station.remove()
    with pytest.raises(RefusedError, match="removed meanwhile"), station.hold():
        pass


def test_a_station_is_held_by_its_id_too_for_who_knows_no_more(station: Station) -> None:
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=_hold_for_ever, args=(str(station.folder.parent), ready))
    process.start()
    try:
        assert ready.wait(20)
        with pytest.raises(BusyError, match=f"pid {process.pid}"), runtime.hold_id(station.id, CENTRE):
            pass
        shutil.rmtree(station.runtime, ignore_errors=True)  # as a destroy does: the lock must not lie in there
        with pytest.raises(BusyError), runtime.hold_id(station.id, CENTRE):
            pass
    finally:
        process.kill()
        process.join()
    with runtime.hold_id(station.id, CENTRE):
        pass
    assert list(paths.runtime_dir().iterdir()) == []


def test_who_holds_the_station_knows_it(station: Station) -> None:
    seen = [station.is_held]
    with station.hold():
        seen.append(station.is_held)
    assert [*seen, station.is_held] == [False, True, False]


# -- whose it is, and what is left -------------------------------------------------------------------------------------


def _centre(folder: Path) -> Path:
    folder.mkdir()
    (folder / "centre.yaml").touch()
    return folder


def test_a_second_folder_does_not_take_the_station_of_one_that_is_there(station: Station, tmp_path: Path) -> None:
    first, second = _centre(tmp_path / "first"), _centre(tmp_path / "second")
    Station.create(CENTRE, first)
    with pytest.raises(RefusedError, match=f"operated from {first}") as raised:
        Station.create(CENTRE, second)
    assert raised.value.hint
    assert station.centre_folder == first


def test_a_folder_that_has_moved_takes_its_station_along(station: Station, tmp_path: Path) -> None:
    first = _centre(tmp_path / "first")
    Station.create(CENTRE, first)
    first.rename(tmp_path / "moved")
    assert Station.create(CENTRE, tmp_path / "moved") == station
    assert station.centre_folder == tmp_path / "moved"


def test_keys_that_a_dead_run_has_left_are_removed(station: Station) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    home = station.folder.parent
    for pid in (dead.pid, os.getpid()):
        (home / f".new-{CENTRE}-{pid}-0a1b2c3d" / "ssh").mkdir(parents=True)
        (home / f".gone-{CENTRE}-{pid}").mkdir()
    Station.create(CENTRE)
    left = {entry.name for entry in home.iterdir()} - {CENTRE}
    assert left == {f".new-{CENTRE}-{os.getpid()}-0a1b2c3d", f".gone-{CENTRE}-{os.getpid()}"}


def test_a_damaged_station_says_which_file_and_what_to_do(station: Station) -> None:
    for text in ("", "[]", '{"centre": "x"}'):
        (station.folder / "station.json").write_text(text)
        with pytest.raises(EngineError, match=r"station\.json is damaged") as raised:
            Station.open(CENTRE)
        assert "backup" in raised.value.hint


# -- secrets -----------------------------------------------------------------------------------------------------------


def test_a_secret_is_made_once_and_is_long(station: Station) -> None:
    first = station.secret("tax/file/database")
    assert re.fullmatch(rb"[A-Za-z0-9_-]{32,}", first)
    assert station.secret("tax/file/database") == first
    assert station.secret("tax/file/other") != first
    station.drop_secret("tax/file/database")
    assert station.secret("tax/file/database") != first


def test_two_who_ask_for_a_new_secret_at_once_get_the_same(station: Station) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(station.secret, ["tax/file/database"] * 32))
    assert len(made) == 1


def test_names_that_differ_only_by_slash_and_hyphen_are_two_secrets(station: Station) -> None:
    assert station.secret("tax/file-a") != station.secret("tax-file/a")


@pytest.mark.parametrize("name", ["../id", "/etc/shadow", "tax//file", "Tax", "tax/file/"])
def test_a_secret_name_is_never_a_path(station: Station, name: str) -> None:
    with pytest.raises(EngineError, match="not a secret's name"):
        station.secret(name)


def test_known_secrets_are_all_that_must_never_show(station: Station) -> None:
    secret = station.secret("tax/file/database")
    assert set(station.known_secrets()) == {secret, station.passphrase_file.read_bytes()}
