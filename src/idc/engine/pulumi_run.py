"""One run of the Pulumi CLI on one stack, in a session of its own, with a deadline."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final, Self

from idc.engine import files
from idc.engine.pulumi_events import Reading, StackResult, redact
from idc.engine.sessions import deadline, interrupt, kill_session
from idc.errors import EngineError

Tell = Callable[[str, str, str], None]  # stack, operation, resource or message

_LAST_WORDS: Final = 5.0  # seconds that a CLI gets to write its state and give back its lock


@dataclass
class Running:
    """The CLIs that run now, so that all can be ended at once, and by whom idc is survived (see language_host)."""

    register: Callable[[int], None]
    _processes: dict[subprocess.Popen[str], str] = field(default_factory=dict)  # with their stacks
    _cut: dict[str, str] = field(default_factory=dict)  # stack -> why it was ended
    _guard: threading.Lock = field(default_factory=threading.Lock)
    ended: bool = False

    def started(self, process: subprocess.Popen[str], stack: str) -> None:
        """Note a CLI. Its pid names its session."""
        with self._guard:
            self._processes[process] = stack
            self._cut.pop(stack, None)
            self.register(process.pid)
        if self.ended:  # it was started while all the others were being ended
            kill_session(process.pid)

    def finished(self, process: subprocess.Popen[str]) -> None:
        """A CLI has ended, and nothing of its session is left."""
        with self._guard:
            self._processes.pop(process, None)
            self.register(-process.pid)

    def stacks(self) -> frozenset[str]:
        """The stacks that run now."""
        with self._guard:
            return frozenset(self._processes.values())

    def cut_off(self, stack: str, why: str) -> None:
        """End one stack as its deadline would, for a reason."""
        with self._guard:
            mine = [process for process, name in self._processes.items() if name == stack]
            if mine:
                self._cut[stack] = why
        interrupt(mine, _LAST_WORDS)
        for process in mine:
            kill_session(process.pid)

    def why_cut(self, stack: str) -> str:
        """Why a stack was cut off; empty where it was not."""
        with self._guard:
            return self._cut.get(stack, "")

    def end_all(self) -> None:
        """End all: first by the interrupt that lets a CLI write its state and give back its lock, then by force."""
        self.ended = True
        with self._guard:
            left = list(self._processes)
        interrupt(left, _LAST_WORDS)
        for process in left:
            kill_session(process.pid)


@dataclass(frozen=True)
class Run:
    """What is to be run."""

    stack: str
    argv: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    log: Path
    secrets: Mapping[str, str]
    deadline: float  # seconds


def run(what: Run, running: Running, tell: Tell) -> StackResult:
    """Run to the end or the deadline; whatever the end, none of its processes is left."""
    start = time.monotonic()
    # setpriv: should idc be killed before the CLI is registered, the kernel ends it. It has no plugins yet then.
    argv = ["setpriv", "--pdeathsig", "KILL", "--", *what.argv]
    with _Log(what.log) as log:
        try:
            process = subprocess.Popen(
                argv, cwd=what.folder, env=dict(what.environment), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise EngineError(f"the Pulumi CLI cannot be started: {error}") from error
        running.started(process, what.stack)
        reading = Reading()
        try:
            with deadline(process, what.deadline, grace=_LAST_WORDS) as late:
                assert process.stdout is not None
                for line in process.stdout:
                    clean = redact(line, what.secrets)
                    log.write(clean)
                    said = reading.feed(clean)
                    if said is not None:
                        tell(what.stack, said.operation, said.what)
                code = process.wait()
        except BaseException:
            kill_session(process.pid)
            process.wait()
            raise
        finally:
            if process.returncode != 0:
                kill_session(process.pid)
            running.finished(process)
    seconds = time.monotonic() - start
    if late.is_set():
        trouble = (
            f"not done within {what.deadline:.0f} s, ended: an engine does not answer, or is too slow. "
            "What was made so far is in the state; the same command goes on from here"
        )
    elif code != 0 and (why := running.why_cut(what.stack)):
        trouble = f"ended: {why}. What was made so far is in the state; the same command goes on from here"
    else:
        trouble = "ended before it was done" if running.ended and code != 0 else ""
    return reading.result(what.stack, code=code, seconds=seconds, trouble=trouble)


class _Log:
    """A run's log. A disk that gets full ends the log, not the run: a CLI killed in the middle strands what it made."""

    def __init__(self, path: Path) -> None:
        with files.explained(path):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self._file: IO[bytes] | None = os.fdopen(descriptor, "wb", buffering=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, line: str) -> None:
        """Keep a line, while there is space for it."""
        if self._file is None:
            return
        try:
            self._file.write(line.encode())
        except OSError:
            self._file.close()
            self._file = None
