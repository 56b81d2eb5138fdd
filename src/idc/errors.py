"""Every error idc raises on purpose, as one tree.

IdcError                  exit code, message, hint
├── InputError       (2)  the declaration or the command line is wrong: a list of problems with file:line
│   └── UsageError        the command line is wrong
├── RefusedError     (1)  understood, and refused: a finding, an older declaration, a destroy of real hosts
├── Interrupted    (130)  Ctrl-C
└── EngineError      (3)  an engine, host or tool failed; keeps its own words
    ├── Unreachable       a host or engine did not answer within its deadline
    ├── BusyError         another run holds the station
    └── ToolError         a program idc needs is missing, cannot be built, or failed
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WINDOW: Final = 120  # characters of a line that are shown around the place that is meant
LONGEST: Final = 400  # characters of a message; what a file holds may be as long as the file
MANY: Final = 50  # problems that are shown; who has more has one cause for most of them


def brief(text: str) -> str:
    """A message without the middle of what it quotes at length."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 120]} … {text[-100:]}"


def _window(line: str, column: int) -> tuple[str, int]:
    """The part of a line around a 1-based column, and the column in it. What does not show is `\ufffd`."""
    start = max(0, min(column - 1 - WINDOW // 2, len(line) - WINDOW)) if len(line) > WINDOW else 0
    shown = line[start : start + WINDOW]
    shown = "".join(character if character.isprintable() or character == "\t" else "\ufffd" for character in shown)
    before, after = "… " if start else "", " …" if start + WINDOW < len(line) else ""
    return f"{before}{shown}{after}", column - start + len(before)


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
        lines = [f"error: {brief(self.message)}", f"  --> {place}"]
        if self.source:
            number = str(self.line)
            shown, column = _window(self.source, self.column)
            lines.append(f"  {number} | {shown}")
            if self.column:
                lines.append(f"  {' ' * len(number)} | {' ' * (column - 1)}^")
        if self.hint:
            lines.append(f"  hint: {brief(self.hint)}")
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
        """The first problems, then the number of all."""
        count = len(self.problems)
        tail = f"{count} problem{'s' if count != 1 else ''}; nothing was changed"
        if count > MANY:
            tail = f"and {count - MANY} more; {tail}"
        return "\n\n".join([*(problem.render() for problem in self.problems[:MANY]), tail])

    def as_data(self) -> list[dict[str, str | int]]:
        """The first problems for machines."""
        return [
            {"file": p.file, "line": p.line, "column": p.column, "message": brief(p.message), "hint": brief(p.hint)}
            for p in self.problems[:MANY]
        ]


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
