"""One at a time, between runs of idc: a file under flock. The kernel frees it when its holder ends, however it ends."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from idc.engine import files
from idc.errors import IdcError

_POLL_SECONDS: Final = 0.1


def _nothing(*_: object) -> None:
    """For who has nothing to say or to check."""


@contextmanager
def alone(
    path: Path,
    wait: float,
    busy: Callable[[str], IdcError],
    *,
    on_wait: Callable[[str], object] = _nothing,
    check: Callable[[], None] = _nothing,
    remove: bool = False,
) -> Iterator[int]:
    """Hold the lock file meanwhile; it names its holder's pid. Yields its descriptor, for children that shall hold it.

    Another holder is waited for at most ``wait`` seconds; then ``busy`` makes the error of who that is (``pid 12, since
    …``). ``on_wait`` is told once who it is, where there is something to wait for; ``check`` is called before each try,
    and may raise. With ``remove`` the file is gone when it is free.
    """
    descriptor = _take(path, time.monotonic() + wait, busy, on_wait, check)
    try:
        with suppress(OSError):  # who holds it is only told to people: a full disk stops nobody here
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "since": _now()}).encode(), 0)
        yield descriptor
    finally:
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
            if remove and _is(path, descriptor):
                path.unlink()
        os.close(descriptor)


def _take(
    path: Path,
    until: float,
    busy: Callable[[str], IdcError],
    on_wait: Callable[[str], object],
    check: Callable[[], None],
) -> int:
    waited = False
    while True:
        check()
        with files.explained(path):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(os.pread(descriptor, 4096, 0))
            os.close(descriptor)
            if time.monotonic() >= until:
                raise busy(holder) from None
            if not waited:
                on_wait(holder)
            waited = True
            time.sleep(_POLL_SECONDS)
            continue
        # The file may have been removed between opening and locking it: then this lock guards nothing.
        if _is(path, descriptor):
            return descriptor
        os.close(descriptor)


def _is(path: Path, descriptor: int) -> bool:
    try:
        found = path.stat()
    except FileNotFoundError:
        return False
    own = os.fstat(descriptor)
    return (found.st_dev, found.st_ino) == (own.st_dev, own.st_ino)


def _holder(record: bytes) -> str:
    try:
        known = json.loads(record)
        return f"pid {known['pid']}, since {known['since']}"
    except (ValueError, KeyError, TypeError):
        return "it has only just begun"


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")
