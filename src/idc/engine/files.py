"""Files that are there whole or not at all."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from idc.errors import EngineError


def write_atomic(path: Path, content: str | bytes, mode: int = 0o600) -> None:
    """Write ``path`` by a temporary file beside it, synced and renamed: kill -9 leaves the old content or the new.

    Raises EngineError when the disk is full or the folder cannot be written; the old content then stands.
    """
    data = content.encode() if isinstance(content, str) else content
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise _failure(path, error) from error
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        raise _failure(path, error) from error


def _failure(path: Path, error: OSError) -> EngineError:
    hint = "free some space and run the same command again" if error.errno == errno.ENOSPC else ""
    return EngineError(f"cannot write {path}: {error.strerror}", hint=hint)
