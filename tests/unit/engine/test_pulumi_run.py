"""One run of a CLI (here a shell script): its deadline, its last words, its log."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from idc.engine import pulumi_run
from idc.engine.pulumi_events import StackResult
from idc.engine.pulumi_run import Run, Running
from idc.engine.sessions import session_members
from idc.errors import EngineError


def _run(folder: Path, script: str, deadline: float = 60.0, *, log: Path | None = None) -> tuple[StackResult, int]:
    """The result, and the session in which the script ran."""
    sessions: list[int] = []
    what = Run("tenant-tax", ["sh", "-c", script], os.environ, folder, log or folder / "log", {}, deadline)
    result = pulumi_run.run(what, Running(register=sessions.append), lambda *_: None)
    return result, sessions[0]


def test_a_late_cli_is_interrupted_first_so_that_it_writes_its_state(tmp_path: Path) -> None:
    script = "trap 'echo saved >state; exit 1' INT; while :; do sleep 0.1; done"
    began = time.monotonic()
    result, session = _run(tmp_path, script, 3.0)
    assert not result.ok
    assert "not done within 3 s" in result.error
    assert (tmp_path / "state").read_text() == "saved\n"
    assert time.monotonic() - began < 3 + pulumi_run._LAST_WORDS
    assert session_members(session) == []


def test_a_late_cli_that_ignores_the_interrupt_is_killed_with_all_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulumi_run, "_LAST_WORDS", 0.5)
    result, session = _run(tmp_path, "trap '' INT; sleep 60 & while :; do sleep 1; done", 0.5)
    assert not result.ok
    assert session_members(session) == []


def test_a_log_that_cannot_be_opened_is_an_error_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="cannot be written"):
        _run(tmp_path, "exit 0", log=tmp_path / "none" / "log")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_ends_the_log_and_not_the_run(tmp_path: Path) -> None:
    _, session = _run(tmp_path, "for n in 1 2 3; do echo line $n; done; touch done", log=Path("/dev/full"))
    assert (tmp_path / "done").exists()
    assert session_members(session) == []


def test_a_cli_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="cannot be started"):
        _run(tmp_path / "none", "exit 0", log=tmp_path / "log")


def test_a_cli_that_is_cut_off_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    sessions: list[int] = []
    running = Running(register=sessions.append)
    script = "trap 'echo saved >state; exit 1' INT; touch ready; while :; do sleep 0.1; done"

    def cut() -> None:
        while not (tmp_path / "ready").exists():
            time.sleep(0.02)
        assert running.stacks() == {"tenant-tax"}
        running.cut_off("tenant-other", "not its own")
        running.cut_off("tenant-tax", "web-1: its engine does not answer")

    thread = threading.Thread(target=cut)
    thread.start()
    what = Run("tenant-tax", ["sh", "-c", script], os.environ, tmp_path, tmp_path / "log", {}, 60.0)
    result = pulumi_run.run(what, running, lambda *_: None)
    thread.join()
    assert not result.ok
    assert "ended: web-1: its engine does not answer." in result.error
    assert (tmp_path / "state").read_text() == "saved\n"
    assert session_members(sessions[0]) == []
    assert running.stacks() == frozenset()
