"""Writing a lock: a write that dies leaves the old one or the new, and what stands is on the disk."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from idc.plan.lock import Lock
from tests.unit.plan import build


def test_a_write_that_was_killed_leaves_a_lock_that_is_read(lock: Lock, folder: Path) -> None:
    (folder / "tenants" / ".roads.yaml.new").write_text("{ half")
    assert Lock.read(folder) == lock


class KilledError(BaseException):
    """As if the process had gone: nothing is tidied up."""


@pytest.mark.parametrize("steps", range(8))
def test_a_write_that_is_killed_at_any_step_leaves_the_old_lock_or_the_new(
    lock: Lock, folder: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    specs = [build.tenant("parks", build.site(), build.site("maps")), build.tenant("roads")]
    freed = lock.free("tax")
    _, later = build.plan(build.declare(*specs), freed)
    later = replace(later, serial=lock.serial + 1)
    left = steps
    names = ("replace", "unlink")
    plain = {name: getattr(Path, name) for name in names}

    def killed(name: str) -> Callable[..., object]:
        def step(self: Path, *args: object, **keys: object) -> object:
            nonlocal left
            left -= 1
            if left < 0:
                raise KilledError
            return plain[name](self, *args, **keys)

        return step

    for name in names:
        monkeypatch.setattr(Path, name, killed(name))
    died = False
    try:
        later.write(folder)
    except KilledError:
        died = True
    monkeypatch.undo()
    assert died == (steps < 5)  # parks, roads and the platform into place, tax aside and gone
    assert Lock.read(folder) in (lock, later)
    assert (Lock.read(folder) == later) == (steps >= 2)
    later.write(folder)
    assert Lock.read(folder) == later
    assert not [*folder.rglob("*.new")]


@pytest.mark.parametrize("number", [2, 40])  # below and above the number from which the disk is synced as a whole
def test_what_stands_is_on_the_disk_before_the_next_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Contents and their names before the platform's file, that one before any tenant's, everything at the end."""
    quota = {"cpus": 0.1, "memory": "128MiB", "bandwidth": "100kbit/s"}
    _, lock = build.plan(build.declare(*(build.tenant(f"t{n:02}", quota=quota) for n in range(number))))
    steps: list[str] = []
    rename, flush = Path.replace, os.fsync

    def replace(path: Path, target: Path) -> Path:
        steps.append(f"rename {target.name}")
        return rename(path, target)

    def fsync(descriptor: int) -> None:
        steps.append(f"sync {Path(f'/proc/self/fd/{descriptor}').readlink().name}")
        flush(descriptor)

    monkeypatch.setattr(Path, "replace", replace)
    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "sync", lambda: steps.append("sync all"))
    lock.write(tmp_path / "locks")
    first = steps.index("rename platform.yaml")
    contents = ["sync .platform.yaml.new", *(f"sync .t{n:02}.yaml.new" for n in range(number))]
    assert steps[:first] == ([*contents, "sync locks", "sync tenants"] if number == 2 else ["sync all"])
    assert steps[first + 1] == "sync locks"
    assert steps[first + 2 : -2] == [f"rename t{n:02}.yaml" for n in range(number)]
    assert steps[-2:] == ["sync locks", "sync tenants"]
