"""The language host of a run (see idc.engine.language_host) as idc holds it: a process in a session of its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Final

from idc.engine.sessions import kill_session
from idc.errors import EngineError

_START: Final = 60.0  # seconds


class LanguageHostProcess:
    """Started when made; ``close`` ends it with all that runs in it."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self._log = log
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "idc.engine.language_host", "--watched"],
                env=dict(environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=descriptor,
                text=True, start_new_session=True,
            )  # fmt: skip
        finally:
            os.close(descriptor)
        self._port = 0

    def port(self) -> int:
        """The port it serves on; waits until it is ready. Raises EngineError with its own words if it fails."""
        if not self._port:
            timer = threading.Timer(_START, self._process.kill)
            timer.daemon = True
            timer.start()
            line = _pipe(self._process.stdout).readline()
            timer.cancel()
            if not line.strip().isdigit():
                words = self._log.read_text(errors="replace").strip()[-2000:]
                raise EngineError(f"the language host did not start\n{words}", hint="`./idc test --fast` may say more")
            self._port = int(line)
        return self._port

    def register(self, session: int) -> None:
        """Tell it of a session to end should idc die (``-session``: no longer)."""
        with contextlib.suppress(OSError, ValueError):
            pipe = _pipe(self._process.stdin)
            pipe.write(f"{session:+d}\n")
            pipe.flush()

    def close(self) -> None:
        """End it with its children."""
        with contextlib.suppress(OSError):
            _pipe(self._process.stdin).close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            kill_session(self._process.pid)
            self._process.wait()
        kill_session(self._process.pid)
        _pipe(self._process.stdout).close()


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe
