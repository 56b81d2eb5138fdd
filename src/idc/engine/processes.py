"""Programs run with a deadline, in a session of their own, so that nothing they started is left behind."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from idc.engine.sessions import kill_session
from idc.errors import EngineError

Key = TypeVar("Key")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Output:
    """How a program ended. ``returncode`` is None when its deadline passed and it was killed."""

    returncode: int | None
    stdout: bytes
    stderr: bytes


class Processes:
    """The programs that run now; all of them can be ended at once."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._guard = threading.Lock()

    def run(self, argv: Sequence[str], deadline: float, stdin: bytes = b"") -> Output:
        """Run a program to its end or its deadline (seconds)."""
        # A session of its own: Ctrl-C reaches idc alone, and a kill reaches all that the program has started.
        process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
        with self._guard:
            self._running.add(process)
        try:
            stdout, stderr = process.communicate(stdin, timeout=max(deadline, 0.1))
            return Output(process.returncode, stdout, stderr)
        except subprocess.TimeoutExpired as expired:
            # Not communicate() again: an SSH master that was handed the pipes may keep them open for long.
            return Output(None, expired.stdout or b"", expired.stderr or b"")
        finally:
            with self._guard:
                self._running.discard(process)
            if process.poll() is None:
                kill_session(process.pid)
                process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()

    def end_all(self) -> None:
        """End whatever runs now."""
        with self._guard:
            for process in self._running:
                kill_session(process.pid)


def _explained(key: object, error: OSError) -> EngineError:
    return EngineError(f"{key}: {error}", hint="is there space (df -h), and are there free files and processes here?")


def side_by_side(
    work: Mapping[Key, Callable[[], Result]], on_interrupt: Callable[[], None] = lambda: None, limit: int = 32
) -> dict[Key, Result | EngineError]:
    """Do independent work in threads; an EngineError, also for an OSError, stands in its place in the result.

    On anything else (Ctrl-C) ``on_interrupt`` is called, so that no thread is waited for in vain, and it is raised.
    """
    if not work:
        return {}
    results: dict[Key, Result | EngineError] = {}
    with ThreadPoolExecutor(max_workers=min(limit, len(work))) as pool:
        futures = {key: pool.submit(task) for key, task in work.items()}
        try:
            for key, future in futures.items():
                try:
                    results[key] = future.result()
                except EngineError as error:
                    results[key] = error
                except OSError as error:  # of one host's files or programs: the others' results are kept
                    results[key] = _explained(key, error)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            on_interrupt()
            raise
    return results
