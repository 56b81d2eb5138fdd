"""A host's line with an `ssh` of the tests' own: who may end a master, and that nobody is waited for too long."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from idc.engine import line
from idc.engine.alone import alone
from idc.engine.line import Line
from idc.engine.processes import Processes
from idc.errors import BusyError, EngineError, Unreachable

# Knows the master's start, the check whether it lives, and the session whose echo says that it carries.
SSH = """#!/bin/sh
case "$*" in
*"-O check"*) [ -e "$IDC_TEST/lives" ];;
*-M*) cd "$IDC_TEST"; echo started >>started; touch lives carries web-1.ctl web-1.sock;;
*) if [ -e "$IDC_TEST/carries" ]; then exec cat; else exec sleep 60; fi;;
esac
"""


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "ssh"
    program.write_text(SSH)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("IDC_TEST", str(tmp_path / "run"))
    monkeypatch.setattr(line, "_PROBE_SECONDS", 0.3)
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


@pytest.fixture
def make(runtime: Path) -> Iterator[Callable[[bool], Line]]:
    made: list[Line] = []

    def one(owner: bool) -> Line:
        made.append(Line("web-1", runtime / "config", runtime, Processes(), lambda: owner))
        return made[-1]

    yield one
    for entry in made:
        entry.let_go()


@pytest.fixture
def master(runtime: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A master that another run uses: it lives, and its echo is slow."""
    for name in ("lives", "web-1.ctl", "web-1.sock"):
        (runtime / name).touch()
    title = ["bash", "-c", f'exec -a "ssh: {runtime}/web-1.ctl [mux]" sleep 60']
    with subprocess.Popen(title, start_new_session=True) as process:
        time.sleep(0.2)
        yield process
        process.kill()


def _open(one: Line, seconds: float, *, patient: bool = False) -> None:
    one.open(time.monotonic() + seconds, patient=patient, public_key="ssh-ed25519 AAAA")


def test_a_run_that_does_not_hold_the_station_ends_no_master(
    make: Callable[[bool], Line], master: subprocess.Popen[bytes], runtime: Path
) -> None:
    began = time.monotonic()
    with pytest.raises(Unreachable, match="carries nothing in time"):
        _open(make(False), 1.5)
    assert 1.0 < time.monotonic() - began < 10
    assert master.poll() is None
    assert not (runtime / "started").exists()


def test_it_waits_until_the_slow_master_answers(
    make: Callable[[bool], Line], master: subprocess.Popen[bytes], runtime: Path
) -> None:
    subprocess.Popen(["sh", "-c", f"sleep 1; touch {runtime}/carries"], start_new_session=True)
    _open(make(False), 20)
    assert master.poll() is None
    assert not (runtime / "started").exists()


def test_a_dead_master_is_replaced_by_anybody(make: Callable[[bool], Line], runtime: Path) -> None:
    (runtime / "web-1.ctl").touch()
    (runtime / "web-1.sock").touch()
    _open(make(False), 20)
    assert (runtime / "started").read_text() == "started\n"


def test_who_holds_the_station_replaces_a_master_that_does_not_carry(
    make: Callable[[bool], Line], master: subprocess.Popen[bytes], runtime: Path
) -> None:
    _open(make(True), 20)
    assert master.wait(5) != 0
    assert (runtime / "started").read_text() == "started\n"


def test_another_that_connects_is_waited_for_until_the_deadline(make: Callable[[bool], Line], runtime: Path) -> None:
    began = time.monotonic()
    with (
        alone(runtime / "web-1.lock", 0, BusyError),
        pytest.raises(Unreachable, match=f"pid {os.getpid()}") as raised,
    ):
        _open(make(True), 0.5)
    assert time.monotonic() - began < 10
    assert raised.value.host == "web-1"


def test_a_runtime_folder_that_was_removed_is_made_again(make: Callable[[bool], Line], runtime: Path) -> None:
    runtime.rmdir()
    _open(make(True), 20)
    assert (runtime / "started").exists()


def test_a_folder_that_cannot_be_made_is_an_error_of_this_host(make: Callable[[bool], Line], runtime: Path) -> None:
    runtime.rmdir()
    runtime.touch()
    with pytest.raises(EngineError, match="cannot be written"):
        _open(make(True), 5)
