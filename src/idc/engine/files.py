"""Files that are there whole or not at all: written beside, synced, renamed. A full disk leaves the old content.

What cannot be read or written is an EngineError that names the file.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal, TypeVar

from idc.errors import EngineError

Shape = TypeVar("Shape")
_RESTORE: Final = "restore it from a backup of the station"
_WRITE: Final = (
    "nothing was half-written; free space there (df -h) or make it writable, then run the same command again"
)


@contextmanager
def private() -> Iterator[None]:
    """What is written meanwhile, by programs that are started too, is for its owner alone."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def explained(path: Path, done: Literal["written", "read"] = "written") -> Iterator[None]:
    """Turn an OSError about ``path`` into an EngineError that says what to do."""
    try:
        yield
    except OSError as error:
        reason, hint = error.strerror or str(error), _WRITE if done == "written" else _RESTORE
        raise EngineError(f"{path} cannot be {done}: {reason}", hint=hint) from error


def read_text(path: Path) -> str:
    """A file of the station that must be there. Raises EngineError where it cannot be read."""
    with explained(path, "read"):
        try:
            return path.read_text()
        except UnicodeDecodeError as error:
            raise damaged(path, error) from error


def read_json(path: Path, kind: type[Shape], absent: Shape | None = None) -> Shape:
    """A JSON file's content, which must be of this kind (``dict``, ``list``); ``absent`` where there is no such file.

    Raises EngineError that names a file which cannot be read, or holds something else.
    """
    if absent is not None and not path.exists():
        return absent
    text = read_text(path)
    try:
        found = json.loads(text)
    except ValueError as error:
        raise damaged(path, error) from error
    if not isinstance(found, kind):
        raise damaged(path, f"it should hold a {kind.__name__}")
    return found


def damaged(path: Path, why: object) -> EngineError:
    """The error for a file whose content is not what idc has written there."""
    return EngineError(f"{path} is damaged: {why}", hint=_RESTORE)


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
