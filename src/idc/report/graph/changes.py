"""What a plan opens and closes beside what was applied, listed under the map."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from idc.proof.delta import Delta, Pair
from idc.report.graph.canvas import Canvas
from idc.report.graph.facts import short

SHOWN: Final = 12  # of what closes, and again of what opens; `idc plan` tells of all


def table(canvas: Canvas, delta: Delta, x: float, y: float, room: float) -> float:
    """The lines, those that nothing declares first; returns the lower side."""
    canvas.text(x, y, "Beside what was applied", "ink", size=12, bold=True)
    y += 20
    for sign, css, lines in (("-", "closes-text", list(_closing(delta))), ("+", "opens-text", list(_opening(delta)))):
        for line in lines[:SHOWN]:
            canvas.text(x + 4, y, sign, css, size=12, bold=True)
            loud = "alarm" if line.endswith(_UNDECLARED) else css
            canvas.text(x + 20, y, line, loud, size=12, room=room - 20)
            y += 18
        if len(lines) > SHOWN:
            canvas.text(x + 20, y, f"and {len(lines) - SHOWN:,} more: `idc plan` tells of them", "soft", size=12)
            y += 18
    for what in delta.unknown[:SHOWN]:
        canvas.text(x + 20, y, f"not understood, so that what opens there is not known: {what}", "alarm", size=12,
                    room=room - 20)  # fmt: skip
        y += 18
    return y + 4


_UNDECLARED: Final = "NOTHING DECLARES IT"


def _closing(delta: Delta) -> Iterator[str]:
    yield from (_pair(pair) for pair in delta.closed)
    yield from (f"{name.name} for the {name.listener}" for name in delta.names if not name.opens)


def _opening(delta: Delta) -> Iterator[str]:
    yield from (f"{_pair(pair)}: {_UNDECLARED}" for pair in delta.undeclared)
    yield from (_pair(pair) for pair in delta.opened if pair.declared is not None)
    yield from (f"{name.name} for the {name.listener}" for name in delta.names if name.opens)


def _pair(pair: Pair) -> str:
    ports = f" {pair.ports}" if pair.ports else ""
    return f"{short(pair.source.ref)} → {short(pair.destination.ref)}  {pair.protocol}{ports}"
