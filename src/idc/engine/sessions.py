"""Sessions of processes: what a program started, and what that started in turn, ended together.

Pulumi puts each plugin into a process group of its own, so killing its group leaves them behind; a session holds them
all. A session is named by the pid of the process that opened it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

_ROUNDS: Final = 20
_PAUSE: Final = 0.02  # seconds between two rounds: time for a forking process to show its child


def kill_session(session: int) -> None:
    """Kill every process of a session, again until none is left: one may have forked meanwhile."""
    _kill_all(lambda: session_members(session))


def kill_naming(folder: Path) -> None:
    """Kill every process whose command line names a folder: for programs whose workers open sessions of their own."""
    _kill_all(lambda: naming(os.fsencode(folder)))


def _kill_all(members: Callable[[], list[int]]) -> None:
    for _ in range(_ROUNDS):
        found = members()
        if not found:
            return
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_PAUSE)


def naming(*wanted: bytes, program: bytes = b"") -> list[int]:
    """Pids of the other processes whose command line begins with ``program`` and holds all that is ``wanted``."""
    found = []
    for pid in _all():
        try:
            line = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue  # it has just gone
        if pid != os.getpid() and line.startswith(program) and all(words in line for words in wanted):
            found.append(pid)
    return found


def _all() -> list[int]:
    return [int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit()]


@contextmanager
def deadline(process: subprocess.Popen[Any], seconds: float, grace: float = 0.0) -> Iterator[threading.Event]:
    """End the session that ``process`` opened when the time is over, whatever waits for its output meanwhile.

    The event that is yielded says that it was so. With ``grace`` the process is interrupted first, and has so many
    seconds to end by itself.
    """
    late = threading.Event()

    def end() -> None:
        late.set()
        if grace:
            interrupt([process], grace)
        kill_session(process.pid)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()
        if late.is_set():
            timer.join()  # its pid is not another's before the session is gone


def interrupt(processes: Iterable[subprocess.Popen[Any]], grace: float) -> None:
    """Send the interrupt that lets programs write down what they did; wait ``grace`` seconds at most for their end."""
    waited = list(processes)
    for process in waited:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGINT)
    until = time.monotonic() + grace
    while time.monotonic() < until and any(process.poll() is None for process in waited):
        time.sleep(0.05)


def session_members(session: int) -> list[int]:
    """Pids of a session's processes that still run (those that only wait to be collected do not count)."""
    members = []
    for pid in _all():
        fields = stat_fields(pid)
        if fields and int(fields[3]) == session and fields[0] != "Z":
            members.append(pid)
    return members


def stat_fields(pid: int) -> list[str]:
    """``/proc/<pid>/stat`` from its third field (the state) on; empty where there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (OSError, ValueError):
        return []
    # The second field is the program's name in brackets, which may hold blanks and brackets itself.
    return text.rpartition(")")[2].split()


def started_at(pid: int) -> float | None:
    """When a process was started, in seconds of the epoch (exact to about a second); None where there is none."""
    fields = stat_fields(pid)
    if not fields or fields[0] == "Z":
        return None
    ticks = int(fields[19])  # since the machine's boot
    return _booted_at() + ticks / os.sysconf("SC_CLK_TCK")


def _booted_at() -> float:
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith("btime "):
            return float(line.split()[1])
    return 0.0
