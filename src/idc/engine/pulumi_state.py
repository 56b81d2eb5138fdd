"""Pulumi's own files in a station, as far as idc reads and writes them itself: that saves a start of the CLI each time.

    state/.pulumi/meta.yaml                          layout of the backend
    state/.pulumi/stacks/idc/<stack>.json            checkpoint: resources, and operations that were not finished
    state/.pulumi/locks/organization/idc/<stack>/    one file for each CLI that works on the stack
    pulumi/Pulumi.<stack>.yaml                       the stack's configuration: the salt of its encryption, nothing more

The layout is that of the CLI's file backend; tests/live/test_toolchain.py sees that the CLI takes what is written here.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import shutil
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from idc.engine import files
from idc.engine.sessions import started_at
from idc.errors import EngineError

PROJECT: Final = "idc"
_ITERATIONS: Final = 1_000_000  # Pulumi's own
_HISTORY_KEPT: Final = 20  # updates whose checkpoints are kept per stack
_CLOCK_SLACK: Final = 2.0  # seconds: /proc tells a process's start only to about a second


@dataclass(frozen=True)
class StackLock:
    """A lock that some CLI has taken on a stack."""

    path: Path
    stack: str
    pid: int
    hostname: str
    taken_at: float  # seconds of the epoch


@dataclass(frozen=True)
class Backend:
    """The station's Pulumi backend."""

    state: Path
    config: Path  # folder of the Pulumi.<stack>.yaml
    passphrase_file: Path

    @property
    def url(self) -> str:
        """For ``PULUMI_BACKEND_URL``. Without the side files that the CLI would write for each file's content type."""
        return f"{self.state.resolve().as_uri()}?metadata=skip"

    def _own(self, *parts: str) -> Path:
        return self.state.joinpath(".pulumi", *parts)

    def checkpoint(self, stack: str) -> Path:
        """The stack's state."""
        return self._own("stacks", PROJECT, f"{stack}.json")

    def config_file(self, stack: str) -> Path:
        """The stack's configuration."""
        return self.config / f"Pulumi.{stack}.yaml"

    def stacks(self) -> list[str]:
        """Names of all stacks, from the folder alone."""
        folder = self._own("stacks", PROJECT)
        return sorted(file.name.removesuffix(".json") for file in folder.glob("*.json"))

    # -- making --------------------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Make the backend where there is none, before several CLIs would do it at once."""
        files.make_folder(self.config)
        meta = self._own("meta.yaml")
        if not meta.exists():
            files.write_atomic(meta, "version: 1\n")

    def is_known(self, stack: str) -> bool:
        """Whether the stack has a state, or had one of which a copy is there."""
        return self.checkpoint(stack).exists() or bool(self._predecessors(stack))

    def create(self, stack: str, cli_version: str) -> None:
        """Make a stack without resources; one that is there is left alone."""
        salt = self._salt()
        if not self.config_file(stack).exists():
            files.write_atomic(self.config_file(stack), f"encryptionsalt: {salt}\n")
        if self.checkpoint(stack).exists():
            return
        if self.is_known(stack):
            self.mended(stack)  # its copies are there: what it made must not be made a second time
            return
        manifest = {
            "time": datetime.now().astimezone().isoformat(),
            "magic": hashlib.sha256(cli_version.encode()).hexdigest(),
            "version": cli_version,
        }
        document = {
            "version": 3,
            "checkpoint": {
                "stack": f"organization/{PROJECT}/{stack}",
                "latest": {
                    "manifest": manifest,
                    "secrets_providers": {"type": "passphrase", "state": {"salt": salt}},
                    "metadata": {},
                },
            },
        }
        files.write_atomic(self.checkpoint(stack), json.dumps(document))

    def _salt(self) -> str:
        """The salt of all the station's stacks, with the word by which the CLI knows a wrong passphrase."""
        file = self.config / "salt"
        if not file.exists():
            salt = os.urandom(8)
            passphrase = files.read_text(self.passphrase_file).strip()
            key = hashlib.pbkdf2_hmac("sha256", passphrase.encode(), salt, _ITERATIONS, 32)
            nonce = os.urandom(12)
            check = AESGCM(key).encrypt(nonce, b"pulumi", None)
            files.write_once(file, f"v1:{_b64(salt)}:v1:{_b64(nonce)}:{_b64(check)}\n")
        return file.read_text().strip()

    def forget(self, stack: str) -> None:
        """Remove what is left of a stack that the CLI has removed: its configuration and its history."""
        self.config_file(stack).unlink(missing_ok=True)
        self.checkpoint(stack).with_suffix(".json.bak").unlink(missing_ok=True)
        self.refreshed(stack)
        for kind in ("history", "backups"):
            shutil.rmtree(self._own(kind, PROJECT, stack), ignore_errors=True)

    def trim_history(self, stack: str) -> None:
        """Keep the checkpoints of the last updates only: the CLI would keep each one for ever."""
        files_kept = _HISTORY_KEPT * 2  # a checkpoint and a description each
        history = sorted(self._own("history", PROJECT, stack).glob("*.json"))
        for file in history[:-files_kept]:
            file.unlink(missing_ok=True)

    # -- after a run that died -----------------------------------------------------------------------------------------

    def recover(self, stack: str) -> bool:
        """Make a stack's state usable after a run that was killed in the middle; True if it had been.

        Operations that were begun and not finished are struck out: what a begun creation may have left on an engine
        carries labels and is removed before the stack runs; the stack is to be refreshed to see what became of others.
        """
        document = self.mended(stack)
        latest = document["checkpoint"].get("latest") or {}
        if not latest.get("pending_operations"):
            return self.is_older(stack)
        del latest["pending_operations"]
        files.write_atomic(self.checkpoint(stack), json.dumps(document))
        return True

    def mended(self, stack: str) -> dict[str, Any]:
        """The checkpoint; where a power cut has left half of it or none, the newest whole one before takes its place.

        Raises EngineError where there is none. What was put in place may be older than what stands: until the stack has
        been refreshed (``refreshed``), ``recover`` says so.
        """
        current = self.checkpoint(stack)
        try:
            return _checkpoint(current)
        except (OSError, ValueError) as error:
            problem = f"{current}: {error}"
        for file in self._predecessors(stack):
            with contextlib.suppress(OSError, ValueError):
                document = _checkpoint(file)
                files.write_atomic(self._older(stack), f"taken from {file}\n")
                files.write_atomic(current, json.dumps(document))
                return document
        raise EngineError(f"the state of stack {stack} is damaged: {problem}",
                          hint="restore the file from a backup of the station")  # fmt: skip

    def _predecessors(self, stack: str) -> list[Path]:
        """Copies of a stack's checkpoint, newest first.

        The one before each write (.bak) lacks what was done last; that of the history is from the end of an update and
        lacks nothing, where no update has begun since.
        """
        copies = [self.checkpoint(stack).with_suffix(".json.bak")]
        copies += self._own("history", PROJECT, stack).glob("*.checkpoint.json")
        there = [file for file in copies if file.exists()]
        return sorted(there, key=lambda file: file.stat().st_mtime_ns, reverse=True)

    def is_older(self, stack: str) -> bool:
        """Whether the stack's state was put in the place of a damaged one, and no refresh has been since."""
        return self._older(stack).exists()

    def _older(self, stack: str) -> Path:
        """There while the stack's state is one that was put in the place of a damaged one."""
        return self.config / f"older.{stack}"

    def refreshed(self, stack: str) -> None:
        """A refresh has brought the stack's state to what is really there."""
        self._older(stack).unlink(missing_ok=True)

    # -- locks ---------------------------------------------------------------------------------------------------------

    def locks(self, stack: str = "") -> list[StackLock]:
        """The locks that are held on all stacks, or on one."""
        folder = self._own("locks", "organization", PROJECT)
        pattern = f"{stack}/*.json" if stack else "*/*.json"
        found = (parse_lock(file, _text(file)) for file in sorted(folder.glob(pattern)))
        return [lock for lock in found if lock is not None]

    def break_locks(self, locks: Iterable[StackLock]) -> list[str]:
        """Remove locks; returns what was removed, in words."""
        words = []
        for lock in locks:
            lock.path.unlink(missing_ok=True)
            words.append(f"stack {lock.stack}, held by pid {lock.pid}, which is gone")
        return words

    def stranded_locks(self) -> list[StackLock]:
        """Locks whose process on this machine is dead."""
        host = socket.gethostname()
        return [lock for lock in self.locks() if is_stranded(lock, host, started_at(lock.pid))]


def _checkpoint(file: Path) -> dict[str, Any]:
    """A whole checkpoint. Raises OSError where there is none, ValueError where it is not whole."""
    document = json.loads(file.read_bytes())
    if not isinstance(document, dict) or not isinstance(document.get("checkpoint"), dict):
        raise ValueError("it holds no checkpoint")
    return document


def parse_lock(path: Path, text: str) -> StackLock | None:
    """A lock file's content. One that a kill has left empty or half-written belongs to no living process: pid 0."""
    if not text.strip():
        return StackLock(path, path.parent.name, 0, socket.gethostname(), 0.0)
    try:
        content = json.loads(text)
        taken = datetime.fromisoformat(_microseconds(content["timestamp"])).timestamp()
        return StackLock(path, path.parent.name, int(content["pid"]), str(content["hostname"]), taken)
    except (ValueError, KeyError, TypeError):
        return None  # not a lock as we know it: leave it to the CLI and to people


def is_stranded(lock: StackLock, hostname: str, process_start: float | None) -> bool:
    """True when nobody can hold the lock any more.

    ``process_start`` is when the process that now bears the lock's pid was started, None if there is none. A process
    younger than the lock is another one that got the same pid. Of another machine's locks nothing is known.
    """
    if lock.hostname != hostname:
        return False
    return process_start is None or process_start > lock.taken_at + _CLOCK_SLACK


def _microseconds(timestamp: str) -> str:
    """Go writes nanoseconds, Python reads at most microseconds."""
    head, dot, tail = timestamp.partition(".")
    if not dot:
        return timestamp
    digits = len(tail) - len(tail.lstrip("0123456789"))
    return f"{head}.{tail[:digits][:6]}{tail[digits:]}"


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError):
        return "?"  # it has just gone, or is no lock


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
