"""Progress of long work: a live display on a terminal, plain lines off it. On stderr: stdout is for results."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO


@dataclass(frozen=True)
class PhaseTime:
    """How long a phase took, in seconds, and what it came to."""

    name: str
    seconds: float
    result: str


@dataclass
class Progress:
    """Phases with steps. Thread-safe: stacks and hosts report from workers."""

    stream: TextIO = field(default_factory=lambda: sys.stderr)
    quiet: bool = False
    phases: list[PhaseTime] = field(default_factory=list)
    _start: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _name: str = ""
    _result: str = ""
    _status: str = ""
    _said: str = ""

    @property
    def _live(self) -> bool:
        return self.stream.isatty()

    def _write(self, text: str) -> None:
        if self.quiet:
            return
        with self._lock:
            if self._live and self._status:
                self.stream.write("\r\033[2K")
            self.stream.write(f"{time.monotonic() - self._start:7.1f} s  {text}\n")
            if self._live and self._status:
                self.stream.write(self._status)
            self.stream.flush()

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """A named phase; its time is kept. ``result()`` inside says what it came to."""
        self._name, self._result = name, ""
        self._write(f"{name} ...")
        began = time.monotonic()
        try:
            yield
        except BaseException:
            self._clear()
            self._write(f"{name}: not done")
            raise
        self._clear()
        seconds = time.monotonic() - began
        self.phases.append(PhaseTime(name, seconds, self._result))
        self._write(f"{name}: {self._result or 'done'} ({seconds:.1f} s)")

    def result(self, text: str) -> None:
        """What the present phase came to, in a few words."""
        self._result = text

    def step(self, text: str) -> None:
        """One thing that happened in the present phase."""
        self._write(f"  {text}")

    def advance(self, done: int, total: int, text: str = "") -> None:
        """A bar for the present phase (only on a terminal)."""
        if self.quiet or not self._live or total <= 0:
            return
        width = 24
        filled = min(width, round(width * done / total))
        with self._lock:
            self._status = f"\r\033[2K  [{'#' * filled}{'.' * (width - filled)}] {done}/{total} {text[:60]}"
            self.stream.write(self._status)
            self.stream.flush()

    def share(self, text: str, part: float) -> None:
        """What is being done now and how much of the whole is done (0 to 1): a bar, or a line where words are new."""
        if self._live:
            self.advance(round(part * 100), 100, text)
        elif text != self._said:
            self._said = text
            self.step(text)

    def _clear(self) -> None:
        with self._lock:
            if self._status:
                self.stream.write("\r\033[2K")
                self._status = ""
