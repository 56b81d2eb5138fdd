"""Files that are there whole or not at all: written beside, synced, renamed. A full disk leaves the old content."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from idc.errors import EngineError


@contextmanager
def private() -> Iterator[None]:
    """What is written meanwhile, by programs that are started too, is for its owner alone."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn an OSError about ``path`` into an EngineError that says what to do."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        hint = "nothing was half-written; free space there (df -h) or make it writable, then run the same command again"
        raise EngineError(f"{path} cannot be written: {reason}", hint=hint) from error


def make_folder(path: Path, mode: int = 0o700) -> Path:
    """Make a folder (and its parents) with exactly this mode; an existing one keeps its content."""
    with explained(path):
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(mode)
    return path


def write_atomic(path: Path, content: str | bytes, mode: int = 0o600) -> None:
    """Write ``path`` by a temporary file beside it, synced and renamed: kill -9 leaves the old content or the new.

    Raises EngineError when the disk is full or the folder cannot be written; the old content then stands.
    """
    data = content.encode() if isinstance(content, str) else content
    beside = _beside(path)
    with explained(path), _removed_on_failure(beside):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write_synced(beside, data, mode)
        beside.replace(path)
        sync_folder(path.parent)


def write_once(path: Path, content: str | bytes, mode: int = 0o600) -> bool:
    """Write a file only if there is none; of two writers at once one wins. True when this one did."""
    data = content.encode() if isinstance(content, str) else content
    beside = _beside(path)
    with explained(path), _removed_on_failure(beside):
        _write_synced(beside, data, mode)
        try:
            os.link(beside, path)
        except FileExistsError:
            return False
        finally:
            beside.unlink()
        sync_folder(path.parent)
    return True


def sync_folder(path: Path) -> None:
    """Make renames in a folder last through a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")


def _write_synced(path: Path, data: bytes, mode: int) -> None:
    # Made with the final mode: a secret is never readable by others, not even for a moment.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), mode)  # whatever the umask
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _removed_on_failure(path: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            path.unlink()
        raise
