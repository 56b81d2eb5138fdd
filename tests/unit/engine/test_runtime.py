"""What lies in the runtime folder: locks that hold on the whole machine, and nothing of runs that died."""

from __future__ import annotations

import multiprocessing
import multiprocessing.synchronize
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from idc.engine import runtime
from idc.engine.hosts import Hosts
from idc.engine.station import Station
from idc.errors import BusyError
from tests.unit.plan import build


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    monkeypatch.setenv("IDC_RUNTIME", str(folder))
    return folder


def _old(folder: Path) -> Path:
    folder.mkdir()
    (folder / "web-1.lock").touch()
    (folder / "web-1.sock").touch()
    os.utime(folder, (time.time() - 3600, time.time() - 3600))
    return folder


def test_what_runs_that_died_have_left_goes(home: Path) -> None:
    _old(home / "0a0a0a0a")
    (home / "0b0b0b0b.busy").touch()
    runtime.sweep()
    assert list(home.iterdir()) == []


def test_what_may_be_in_use_stays(home: Path) -> None:
    young, other = home / "0a0a0a0a", _old(home / "something-else")
    young.mkdir()
    used, held = _old(home / "0b0b0b0b"), _old(home / "0c0c0c0c")
    line = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", f"ssh -S {used}/web-1.ctl"])
    try:
        with runtime.hold_id("0c0c0c0c", "small"):
            runtime.sweep()
            assert {young, other, used, held, home / "0c0c0c0c.busy"} == set(home.iterdir())
    finally:
        line.kill()
        line.wait()


def test_a_folder_that_a_run_begins_to_use_stays(home: Path) -> None:
    _old(home / "0a0a0a0a")
    runtime.claim("0a0a0a0a")
    runtime.sweep()
    assert [entry.name for entry in home.iterdir()] == ["0a0a0a0a"]


def test_a_run_sweeps_when_it_begins(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDC_STATIONS", str(tmp_path / "stations"))
    gone = _old(home / "0a0a0a0a")
    Station.create("small.government-extranet")
    assert not gone.exists()


def test_no_test_leaves_anything_in_the_machines_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDC_STATIONS", str(tmp_path / "stations"))
    station = Station.create("small.government-extranet")
    Hosts(station, build.plan(build.declare(build.tenant("tax")))[0]).close()
    assert station.runtime.is_dir()
    assert Path("/run/idc") not in station.runtime.parents
    longest = station.runtime / f"{'n' * 24}.sock.0123456789abcdef"  # ssh's name while it makes one
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(longest))
        longest.unlink()


def _make_for_ever(home: str, ready: multiprocessing.synchronize.Event) -> None:
    os.environ["IDC_RUNTIME"] = home
    with runtime.making_lab(print):
        ready.set()
        signal.pause()


def test_two_runs_never_make_a_lab_at_once_and_the_second_names_the_first(home: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=_make_for_ever, args=(str(home), ready))
    process.start()
    said: list[str] = []
    try:
        assert ready.wait(20)
        with pytest.raises(BusyError, match=f"pid {process.pid}"), runtime.making_lab(said.append, wait=0.3):
            pass
        assert [f"pid {process.pid}" in words for words in said] == [True]
    finally:
        process.kill()
        process.join()
    with runtime.making_lab(said.append, wait=0.0):
        pass
