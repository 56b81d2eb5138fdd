"""Sessions: everything that a program started is found and ended, whatever process groups it made."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from idc.engine.sessions import kill_naming, kill_session, session_members, started_at

# A program whose child has a process group of its own, as Pulumi's plugins have.
PARENT = """
import os, subprocess, sys, time
program = "import os, time; os.setpgid(0, 0); print('up', flush=True); time.sleep(60)"
child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(60)
"""


def test_a_child_in_a_group_of_its_own_is_ended_too() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, start_new_session=True, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert sorted(session_members(parent.pid)) == sorted([parent.pid, child])
    kill_session(parent.pid)
    parent.wait()
    parent.stdout.close()
    assert session_members(parent.pid) == []


def test_when_a_process_started() -> None:
    process = subprocess.Popen(["sleep", "60"])
    try:
        start = started_at(process.pid)
        assert start is not None
        assert abs(start - time.time()) < 5
    finally:
        process.kill()
        process.wait()
    assert started_at(process.pid) is None


def test_this_process_is_older_than_now() -> None:
    start = started_at(os.getpid())
    assert start is not None
    assert start <= time.time() + 2


def test_what_names_a_folder_is_ended_whatever_its_session(tmp_path: Path) -> None:
    inside = subprocess.Popen(["sh", "-c", "sleep 60; :", str(tmp_path / "run")], start_new_session=True)
    outside = subprocess.Popen(["sleep", "60"])
    try:
        kill_naming(tmp_path / "run")
        assert inside.wait(5) == -signal.SIGKILL
        assert outside.poll() is None
    finally:
        outside.kill()
        outside.wait()
        subprocess.run(["pkill", "-9", "-s", str(inside.pid)], check=False)
