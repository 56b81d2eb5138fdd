"""Every error idc raises on purpose, as one tree.

IdcError                  exit code, message, hint
├── InputError       (2)  the declaration or the command line is wrong: a list of problems with file:line
│   └── UsageError        the command line is wrong
├── RefusedError     (1)  understood, and refused: a finding, an older declaration, a destroy without its name
├── Interrupted    (130)  Ctrl-C
└── EngineError      (3)  an engine, host or tool failed; keeps its own words
    ├── Unreachable       a host or engine did not answer within its deadline
    ├── BusyError         another run holds the station
    └── ToolError         a program idc needs is missing, cannot be built, or failed
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong with the input: where (``file:line``), the line, what, and what to write instead."""

    file: str
    line: int  # 1-based; 0 when the whole file (or folder) is meant
    message: str
    hint: str = ""
    source: str = ""  # text of the line, without its newline
    column: int = 0  # 1-based; 0 when unknown

    def render(self) -> str:
        """The problem as a person reads it, in several lines."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        lines = [f"error: {self.message}", f"  --> {place}"]
        if self.source:
            number = str(self.line)
            lines.append(f"  {number} | {self.source}")
            if self.column:
                lines.append(f"  {' ' * len(number)} | {' ' * (self.column - 1)}^")
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)


class IdcError(Exception):
    """Base of all expected failures; never shown with a traceback."""

    exit_code = 3

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def render(self) -> str:
        """The error as a person reads it."""
        return f"error: {self.message}" + (f"\n  hint: {self.hint}" if self.hint else "")


class InputError(IdcError):
    """Bad input: nothing was changed. Carries all problems of the run at once."""

    exit_code = 2

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(f"{len(problems)} problem{'s' if len(problems) != 1 else ''} in the declaration")
        self.problems = tuple(problems)

    def render(self) -> str:
        """All problems, then their number."""
        count = len(self.problems)
        tail = f"{count} problem{'s' if count != 1 else ''}; nothing was changed"
        return "\n\n".join([*(problem.render() for problem in self.problems), tail])


class UsageError(InputError):
    """The command line is wrong: one problem, which is the message itself."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__([Problem("command line", 0, message, hint)])
        self.message = message
        self.hint = hint

    def render(self) -> str:
        """Message and hint; there is no place to show."""
        return IdcError.render(self)


class RefusedError(IdcError):
    """The request was understood and is refused (findings, an older declaration, a missing confirmation)."""

    exit_code = 1


class Interrupted(IdcError):  # noqa: N818 - what happened, as KeyboardInterrupt is
    """The person at the keyboard stopped the run; raised by nobody, it says so in the words of all errors."""

    exit_code = 130

    def __init__(self) -> None:
        super().__init__("interrupted", hint="nothing is lost, the same command goes on from here")


class EngineError(IdcError):
    """An engine, a host or a tool failed. ``host`` names it when one is to blame."""

    exit_code = 3

    def __init__(self, message: str, *, hint: str = "", host: str = "") -> None:
        super().__init__(message, hint=hint)
        self.host = host


class Unreachable(EngineError):  # noqa: N818 - a state of the world, as ConnectionRefusedError is
    """A host or engine did not answer within its deadline."""


class BusyError(EngineError):
    """Another run holds the station."""


class ToolError(EngineError):
    """A program idc needs is missing, could not be built, or failed."""
