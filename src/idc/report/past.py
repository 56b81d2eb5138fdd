"""What of a declaration is past its last day, for a terminal, for a pull request, and for machines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from idc.errors import Problem
from idc.plan.show import escape


def lines(expired: Sequence[Problem]) -> list[str]:
    """``FILE:LINE: it was allowed until …; hint: …``, one each, none left out."""
    return [f"{_place(entry)}: {entry.message}; hint: {entry.hint}" for entry in expired]


def _place(entry: Problem) -> str:
    return f"{entry.file}:{entry.line}" if entry.line else entry.file


def text(expired: Sequence[Problem], console: Console | None = None) -> None:
    """Print the warnings; nothing where there are none."""
    if not expired:
        return
    console = console or Console(highlight=False, soft_wrap=True)
    console.print(Text("\nPast their day", style="bold"))
    for line in lines(expired):
        console.print(Text.assemble("  ", ("warning", "yellow"), f" {line}"))


def markdown(expired: Sequence[Problem]) -> str:
    """The warnings for a pull request."""
    if not expired:
        return ""
    return "\n".join(["", "#### Past their day", "", *(f"- `!` {escape(line)}" for line in lines(expired)), ""])


def document(expired: Sequence[Problem]) -> list[dict[str, Any]]:
    """The warnings for machines."""
    return [
        {"file": entry.file, "line": entry.line, "column": entry.column, "message": entry.message, "hint": entry.hint}
        for entry in expired
    ]
