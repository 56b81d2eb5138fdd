"""Sessions of processes: what a program started, and what that started in turn, ended together.

Pulumi puts each plugin into a process group of its own, so killing its group leaves them behind; a session holds them
all. A session is named by the pid of the process that opened it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Final

_ROUNDS: Final = 20
_PAUSE: Final = 0.02  # seconds between two rounds: time for a forking process to show its child


def kill_session(session: int) -> None:
    """Kill every process of a session, again until none is left: one may have forked meanwhile."""
    for _ in range(_ROUNDS):
        members = session_members(session)
        if not members:
            return
        for pid in members:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_PAUSE)


def kill_naming(folder: Path) -> None:
    """Kill every process whose command line names a folder: for programs whose workers open sessions of their own."""
    wanted = os.fsencode(folder)
    for _ in range(_ROUNDS):
        members = [pid for pid in _all() if pid != os.getpid() and wanted in _command_line(pid)]
        if not members:
            return
        for pid in members:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_PAUSE)


def _all() -> list[int]:
    return [int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit()]


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""  # it has just gone


def session_members(session: int) -> list[int]:
    """Pids of a session's processes that still run (those that only wait to be collected do not count)."""
    members = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            fields = stat_fields(int(entry.name))
            if fields and int(fields[3]) == session and fields[0] != "Z":
                members.append(int(entry.name))
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
