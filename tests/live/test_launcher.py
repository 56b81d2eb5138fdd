"""The launcher: makes .venv once, survives being killed and being started twice, and costs next to nothing when warm.

The locks are empty here, so nothing is downloaded; everything else is as in a checkout.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from idc.engine.sessions import kill_session
from tests.live.playground import until

ROOT = Path(__file__).resolve().parents[2]
MAIN = "import sys; print('idc', *sys.argv[1:])\n"


def new_checkout(folder: Path) -> Path:
    (folder / "src" / "idc").mkdir(parents=True)
    (folder / "src" / "idc" / "__init__.py").touch()
    (folder / "src" / "idc" / "__main__.py").write_text(MAIN)
    for lock in ("requirements.lock", "requirements-dev.lock"):
        (folder / lock).write_text("# nothing\n")
    shutil.copy(ROOT / "idc", folder / "idc")
    return folder


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout without .venv."""
    return new_checkout(tmp_path / "a checkout")


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout that has been set up, shared by tests: making one takes seconds."""
    folder = new_checkout(tmp_path_factory.mktemp("warm") / "a checkout")
    first = run(folder, "status", "--json")
    assert (first.returncode, first.stdout) == (0, "idc status --json\n"), first.stderr
    assert "making .venv with" in first.stderr
    return folder


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([folder / "idc", *words], capture_output=True, text=True, check=False, timeout=300)


def test_the_second_run_makes_nothing(warm: Path) -> None:
    second = run(warm, "status")
    assert (second.stdout, second.stderr) == ("idc status\n", "")


def test_what_the_tests_need_is_added_once_and_stays(warm: Path) -> None:
    added = run(warm, "test")
    assert "requirements-dev.lock" in added.stderr
    assert "making .venv with" not in added.stderr
    assert run(warm, "status").stderr == ""
    (warm / "requirements.lock").write_text("# nothing, but changed\n")
    assert "installing Python packages" in run(warm, "status").stderr
    assert run(warm, "test").stderr == ""  # the other lock has not changed


def test_a_lock_that_pip_refuses_is_an_engine_failure_and_can_be_repaired(warm: Path) -> None:
    (warm / "requirements.lock").write_text(f"./missing-1-py3-none-any.whl --hash=sha256:{'0' * 64}\n")
    refused = run(warm, "status")
    assert refused.returncode == 3
    assert "hint:" in refused.stderr
    (warm / "requirements.lock").write_text("# nothing\n")
    assert run(warm, "status").stdout == "idc status\n"


def test_it_works_through_a_link_and_imports_nothing_from_the_current_folder(warm: Path, tmp_path: Path) -> None:
    (tmp_path / "idc").symlink_to(warm / "idc")
    (tmp_path / "json.py").write_text("raise SystemExit('imported from the current folder')")
    (warm / "src" / "idc" / "__main__.py").write_text("import json\n" + MAIN)
    done = subprocess.run(["./idc", "graph"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout == "idc graph\n", done.stderr


def test_a_warm_start_costs_next_to_nothing(warm: Path) -> None:
    assert run(warm, "status").returncode == 0
    python = warm / ".venv" / "bin" / "python"
    real = python.readlink()
    python.unlink()
    python.symlink_to("/bin/true")  # what is left is the launcher's own time
    try:
        before = os.times()
        for _ in range(10):
            run(warm, "status")
        after = os.times()
    finally:
        python.unlink()
        python.symlink_to(real)
    # Processor time, since the machine may be busy with other things.
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    assert spent / 10 < 0.05


def test_a_moved_checkout_gets_a_new_one(warm: Path) -> None:
    moved = warm.rename(warm.with_name("moved"))
    again = run(moved, "status")
    assert (again.returncode, again.stdout) == (0, "idc status\n"), again.stderr
    assert "making .venv with" in again.stderr
    assert str(moved) in next(moved.glob(".venv/lib/*/site-packages/idc.pth")).read_text()


@pytest.mark.parametrize("moment", ["pyvenv.cfg", "lib/python*/site-packages/pip"])
def test_killed_in_the_middle_the_next_run_completes(checkout: Path, moment: str) -> None:
    killed = subprocess.Popen([checkout / "idc", "status"], stderr=subprocess.DEVNULL, start_new_session=True)
    until(lambda: any((checkout / ".venv").glob(moment)), f".venv has its {moment}")
    kill_session(killed.pid)
    assert killed.wait() == -signal.SIGKILL
    again = run(checkout, "status")
    assert (again.returncode, again.stdout) == (0, "idc status\n"), again.stderr
    assert run(checkout, "status").stderr == ""


def test_of_two_at_once_one_works_and_one_waits(checkout: Path) -> None:
    both = [
        subprocess.Popen([checkout / "idc", "status"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    ends = [process.communicate(timeout=300) for process in both]
    assert [out for out, _ in ends] == ["idc status\n"] * 2
    assert sorted("making .venv with" in err for _, err in ends) == [False, True]
