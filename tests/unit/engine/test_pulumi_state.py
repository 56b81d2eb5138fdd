"""Pulumi's files as idc writes and reads them: stacks, locks, and what a killed run leaves."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from idc.engine.pulumi_state import Backend, StackLock, is_stranded, parse_lock
from idc.errors import EngineError

GO_TIME = "2026-11-24T00:09:55.068555496Z"


@pytest.fixture
def backend(tmp_path: Path) -> Backend:
    (tmp_path / "passphrase").write_text("correct horse battery staple\n")
    made = Backend(state=tmp_path / "state", config=tmp_path / "pulumi", passphrase_file=tmp_path / "passphrase")
    made.prepare()
    return made


def _lock(backend: Backend, stack: str, pid: int, *, host: str = "", age: float = 0.0) -> Path:
    folder = backend.state / ".pulumi" / "locks" / "organization" / "idc" / stack
    folder.mkdir(parents=True, exist_ok=True)
    taken = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() - age)) + ".123456789Z"
    file = folder / "0b3c9c1e.json"
    content = {"pid": pid, "username": "root", "hostname": host or socket.gethostname(), "timestamp": taken}
    file.write_text(json.dumps(content))
    return file


def _latest(backend: Backend, stack: str) -> dict[str, Any]:
    latest: dict[str, Any] = json.loads(backend.checkpoint(stack).read_text())["checkpoint"]["latest"]
    return latest


def test_a_new_stack_is_listed_and_its_files_are_private(backend: Backend) -> None:
    backend.create("tenant-tax", "3.258.0")
    assert backend.stacks() == ["tenant-tax"]
    for file in (backend.checkpoint("tenant-tax"), backend.config_file("tenant-tax")):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_all_stacks_of_a_station_share_a_salt_and_none_holds_the_passphrase(backend: Backend) -> None:
    backend.create("tenant-tax", "3.258.0")
    backend.create("platform", "3.258.0")
    salts = {_latest(backend, stack)["secrets_providers"]["state"]["salt"] for stack in backend.stacks()}
    assert len(salts) == 1
    everything = "".join(file.read_text() for file in backend.state.rglob("*") if file.is_file())
    assert "horse" not in everything


def test_making_a_stack_twice_changes_nothing(backend: Backend) -> None:
    backend.create("tenant-tax", "3.258.0")
    before = backend.checkpoint("tenant-tax").read_bytes()
    backend.create("tenant-tax", "3.258.0")
    assert backend.checkpoint("tenant-tax").read_bytes() == before


def test_unfinished_operations_are_struck_out_and_resources_stay(backend: Backend) -> None:
    backend.create("tenant-tax", "3.258.0")
    file = backend.checkpoint("tenant-tax")
    document = json.loads(file.read_text())
    document["checkpoint"]["latest"]["resources"] = [{"urn": "a"}]
    document["checkpoint"]["latest"]["pending_operations"] = [{"type": "creating", "resource": {"urn": "b"}}]
    file.write_text(json.dumps(document))
    assert backend.recover("tenant-tax")
    assert "pending_operations" not in _latest(backend, "tenant-tax")
    assert _latest(backend, "tenant-tax")["resources"] == [{"urn": "a"}]
    assert not backend.recover("tenant-tax")


def test_half_a_state_gives_way_to_the_one_before(backend: Backend) -> None:
    backend.create("tenant-tax", "3.258.0")
    file = backend.checkpoint("tenant-tax")
    file.with_suffix(".json.bak").write_bytes(file.read_bytes())
    file.write_text('{"version":3,"checkp')
    assert backend.recover("tenant-tax"), "it may be older than what stands: a refresh must see"
    assert _latest(backend, "tenant-tax")
    assert backend.recover("tenant-tax"), "until the refresh went well"
    backend.refreshed("tenant-tax")
    assert not backend.recover("tenant-tax")


def test_a_state_of_which_only_a_copy_is_left_is_not_begun_anew(backend: Backend) -> None:
    backend.create("tenant-tax", "3.258.0")
    file = backend.checkpoint("tenant-tax")
    document = json.loads(file.read_text())
    document["checkpoint"]["latest"]["resources"] = [{"urn": "a"}]
    file.with_suffix(".json.bak").write_text(json.dumps(document))
    file.unlink()
    backend.create("tenant-tax", "3.258.0")
    assert _latest(backend, "tenant-tax")["resources"] == [{"urn": "a"}]
    assert backend.is_older("tenant-tax")


def test_the_newest_whole_copy_takes_the_place_of_half_a_state(backend: Backend) -> None:
    backend.create("tenant-tax", "3.258.0")
    file = backend.checkpoint("tenant-tax")
    history = backend.state / ".pulumi" / "history" / "idc" / "tenant-tax"
    history.mkdir(parents=True)
    copies = [file.with_suffix(".json.bak"), *(history / f"tenant-tax-{n}.checkpoint.json" for n in (1, 2, 3))]
    for age, copy in zip((30, 40, 20, 10), copies, strict=True):
        document = json.loads(file.read_text())
        document["checkpoint"]["latest"]["resources"] = [{"urn": copy.name}]
        copy.write_text(json.dumps(document))
        os.utime(copy, (time.time() - age,) * 2)
    copies[3].write_text("{")
    os.utime(copies[3], (time.time() - 10,) * 2)
    file.write_bytes(b"\0" * 4096)  # as a power cut leaves a file that was written and not synced
    assert backend.recover("tenant-tax")
    assert _latest(backend, "tenant-tax")["resources"] == [{"urn": "tenant-tax-2.checkpoint.json"}]


def test_a_state_beyond_repair_is_an_error_that_names_the_file(backend: Backend) -> None:
    backend.create("tenant-tax", "3.258.0")
    backend.checkpoint("tenant-tax").write_text("{")
    with pytest.raises(EngineError, match=r"tenant-tax\.json"):
        backend.recover("tenant-tax")


def test_a_forgotten_stack_leaves_nothing(backend: Backend) -> None:
    backend.create("tenant-tax", "3.258.0")
    backend.checkpoint("tenant-tax").unlink()  # the CLI's part
    backend.forget("tenant-tax")
    left = [file.name for file in backend.state.rglob("*") if file.is_file()]
    assert left == ["meta.yaml"]


def test_the_history_is_kept_short(backend: Backend) -> None:
    folder = backend.state / ".pulumi" / "history" / "idc" / "tenant-tax"
    folder.mkdir(parents=True)
    for number in range(50):
        for kind in ("checkpoint", "history"):
            (folder / f"tenant-tax-{1000 + number}.{kind}.json").touch()
    backend.trim_history("tenant-tax")
    left = sorted(file.name for file in folder.iterdir())
    assert len(left) == 40
    assert left[0].startswith("tenant-tax-1030")


# -- locks -------------------------------------------------------------------------------------------------------------


def test_gos_nanoseconds_are_read() -> None:
    text = json.dumps({"pid": 7, "username": "root", "hostname": "h", "timestamp": GO_TIME})
    lock = parse_lock(Path("locks/tenant-tax/x.json"), text)
    assert lock is not None
    assert (lock.stack, lock.pid, lock.hostname) == ("tenant-tax", 7, "h")
    assert lock.taken_at == pytest.approx(1795478995.068555)


@pytest.mark.parametrize("text", ["{", "[]", '{"pid": "x"}', '{"pid": 1, "hostname": "h", "timestamp": "yesterday"}'])
def test_what_is_no_lock_is_left_alone(text: str) -> None:
    assert parse_lock(Path("locks/tenant-tax/x.json"), text) is None


@pytest.mark.parametrize(
    ("hostname", "process_start", "stranded"),
    [
        ("here", None, True),  # its process is gone
        ("here", 900.0, False),  # its process was there before the lock, and still is
        ("here", 1001.0, False),  # the clock of /proc is coarse
        ("here", 1100.0, True),  # another process has got the pid since
        ("elsewhere", None, False),  # of other machines nothing is known
    ],
)
def test_a_lock_is_stranded_only_if_nobody_can_hold_it(
    hostname: str, process_start: float | None, stranded: bool
) -> None:
    lock = StackLock(Path("x"), "tenant-tax", 7, hostname, taken_at=1000.0)
    assert is_stranded(lock, "here", process_start) is stranded


def test_only_locks_of_dead_processes_are_broken(backend: Backend) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    stranded = _lock(backend, "tenant-dead", dead.pid)
    alive = _lock(backend, "tenant-alive", os.getpid())
    reused = _lock(backend, "tenant-reused", os.getpid(), age=10**6)
    foreign = _lock(backend, "tenant-foreign", dead.pid, host="another-machine")
    words = backend.break_locks(backend.stranded_locks())
    assert [word.split(",")[0] for word in words] == ["stack tenant-dead", "stack tenant-reused"]
    assert (stranded.exists(), reused.exists(), alive.exists(), foreign.exists()) == (False, False, True, True)


def test_an_empty_lock_file_is_a_killed_runs(backend: Backend) -> None:
    file = _lock(backend, "tenant-tax", 1)
    file.write_text("")
    assert [lock.path for lock in backend.stranded_locks()] == [file]
