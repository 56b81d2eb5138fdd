"""One host's line: an SSH master with the host's engine socket forwarded, shared by everything that goes to the host.

The master outlives idc by a minute at most (ControlPersist), however idc ends. While idc runs, a `cat` on the host
holds the line open and answers at once whether it still carries; it ends when idc is gone and its input closes.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from idc.engine import files, ssh
from idc.engine.alone import alone
from idc.engine.processes import Processes
from idc.engine.sessions import kill_session, naming
from idc.errors import Unreachable

ENGINE_SOCKET: Final = "/var/run/docker.sock"
_PROBE_SECONDS: Final = 3.0
_RETRY_SECONDS: Final = 0.3


class Line:
    """The line to one host, opened when first needed. Not for use by two threads at once."""

    def __init__(self, host: str, config: Path, runtime: Path, processes: Processes, owner: Callable[[], bool]) -> None:
        """``owner`` says whether this run may end a master that others use: it does while it holds the station."""
        self.host = host
        self._owner = owner
        self.socket = runtime / f"{host}.sock"
        self._control = runtime / f"{host}.ctl"
        self._lock = runtime / f"{host}.lock"
        self._config = config
        self._processes = processes
        self._lifeline: subprocess.Popen[bytes] | None = None

    def open(self, deadline: float, *, patient: bool, public_key: str) -> None:
        """Make sure that the line carries. Raises Unreachable.

        ``deadline`` is a monotonic time; ``patient`` tries again until then (a lab host that has only just started).
        """
        if self._carries():
            return
        with self._alone(deadline):
            while self._control.exists():
                if self.socket.exists() and self._hold(deadline):
                    return
                if not self._is_foreign():
                    break
                # A run that works on the centre may use it: it is slow, not ours to end. A dead one ends by itself.
                if time.monotonic() + _RETRY_SECONDS >= deadline:
                    raise ssh.unreachable(self.host, "the line is there, but carries nothing in time", public_key)
                time.sleep(_RETRY_SECONDS)
            end_masters(self._control)
            self._remove_sockets()
            while True:
                words = self._start_master(deadline)
                if words is None and self._hold(deadline):
                    return
                left = deadline - time.monotonic()
                if left <= _RETRY_SECONDS or not patient or ssh.is_final(words or ""):
                    raise ssh.unreachable(self.host, words or "the connection broke at once", public_key)
                time.sleep(_RETRY_SECONDS)

    def let_go(self) -> None:
        """Stop holding the line; its master ends by itself a minute after the last session."""
        if self._lifeline is not None:
            assert self._lifeline.stdin
            assert self._lifeline.stdout
            with contextlib.suppress(OSError):
                self._lifeline.stdin.close()
            self._lifeline.stdout.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._lifeline.wait(1.0)
            kill_session(self._lifeline.pid)
            self._lifeline.wait()
            self._lifeline = None

    def keep(self, seconds: float) -> None:
        """Keep an open line for so long, also without idc: a session that only sleeps holds its master."""
        words = f"sleep {round(seconds)}"
        _end(str(self._control).encode(), b"\0sleep ")  # one is enough: a host takes only so many sessions
        subprocess.Popen(
            ["ssh", "-F", str(self._config), "-S", str(self._control), self.host, words],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    def end(self) -> None:
        """End the line's master at once, whoever else uses it."""
        self.let_go()
        end_masters(self._control)
        self._remove_sockets()
        self._lock.unlink(missing_ok=True)

    # -- the master --------------------------------------------------------------------------------------------------

    def _start_master(self, deadline: float) -> str | None:
        """None when it runs, else what ssh said. ssh goes to the background once the host let it in."""
        output = self._processes.run(
            [
                "ssh", "-F", str(self._config), "-M", "-N", "-S", str(self._control),
                "-o", "ExitOnForwardFailure=yes", "-o", "StreamLocalBindUnlink=yes",
                "-L", f"{self.socket}:{ENGINE_SOCKET}", self.host,
            ],
            deadline - time.monotonic(),
        )  # fmt: skip
        if output.returncode == 0:
            return None
        if output.returncode is None:
            return "no answer in time"
        return output.stderr.decode(errors="replace").strip() or f"ssh ended with code {output.returncode}"

    def _remove_sockets(self) -> None:
        self._control.unlink(missing_ok=True)
        self.socket.unlink(missing_ok=True)

    def _is_foreign(self) -> bool:
        """True while a master lives that this run may not end: it belongs to whoever holds the station."""
        if self._owner():
            return False
        check = ["ssh", "-F", str(self._config), "-S", str(self._control), "-O", "check", self.host]
        return self._processes.run(check, _PROBE_SECONDS).returncode in (0, None)  # None: it lives, and is slow

    @contextmanager
    def _alone(self, deadline: float) -> Iterator[None]:
        # Two masters for one control socket would be started by two idc at once: the second never comes back.
        files.make_folder(self._lock.parent)  # a destroy may have removed it since
        with alone(self._lock, deadline - time.monotonic(), self._busy):
            yield

    def _busy(self, holder: str) -> Unreachable:
        return Unreachable(f"{self.host}: another idc has been connecting to it for too long ({holder})",
                           hint="is the host paused or hung? `idc status` shows each host", host=self.host)  # fmt: skip

    # -- the lifeline ------------------------------------------------------------------------------------------------

    def _hold(self, deadline: float) -> bool:
        self.let_go()
        self._lifeline = subprocess.Popen(
            ["ssh", "-F", str(self._config), "-S", str(self._control), self.host, "cat"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        if self._carries(min(max(deadline - time.monotonic(), 0.1), _PROBE_SECONDS)):
            return True
        self.let_go()
        return False

    def _carries(self, seconds: float = _PROBE_SECONDS) -> bool:
        """Send a byte to the host and see it come back."""
        line = self._lifeline
        if line is None or line.poll() is not None:
            return False
        assert line.stdin
        assert line.stdout
        try:
            line.stdin.write(b"\n")
            line.stdin.flush()
            ready, _, _ = select.select([line.stdout], [], [], seconds)
            return bool(ready) and os.read(line.stdout.fileno(), 1) != b""
        except OSError:
            return False


def end_masters(control: Path) -> None:
    """End the SSH masters whose control socket is this file, or lies in this folder. They name it in their title."""
    _end(str(control).encode())


def _end(*wanted: bytes) -> None:
    for pid in naming(*wanted, program=b"ssh"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
