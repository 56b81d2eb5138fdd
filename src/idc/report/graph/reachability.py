"""The matrix of who may reach whom, drawn: sources down, destinations across, the ports in the cells, by verdict."""

from __future__ import annotations

from typing import Final

from idc.plan.types import Plan
from idc.proof import Proof
from idc.report.graph.canvas import Box, Canvas, width
from idc.report.graph.facts import Facts
from idc.report.graph.layout import MARGIN
from idc.report.graph.map import document
from idc.report.graph.matrix import Axis, Matrix, matrix
from idc.report.graph.verdicts import Verdict

_HIGH: Final = 28.0
_MANY: Final = 24  # columns from which cells are narrower, and rows have their labels at both ends
_FILLS: Final[dict[Verdict, str]] = {
    "declared": "open-fill", "proven": "v-proven", "unknown": "v-unknown", "broken": "v-broken",
}  # fmt: skip
_WORDS: Final[dict[Verdict, str]] = {
    "declared": "declared", "proven": "declared and proven", "unknown": "not known", "broken": "broken",
}  # fmt: skip


def reachability_svg(plan: Plan, *, title: str = "", proof: Proof | None = None) -> str:
    """The matrix of sources and destinations with the allowed ports, coloured by verdict, as an SVG document."""
    return draw_matrix(Canvas(), plan, title or plan.id, proof)


def draw_matrix(canvas: Canvas, plan: Plan, title: str, proof: Proof | None = None) -> str:
    """Draw the matrix on an empty canvas; gives the document."""
    facts, data = Facts(plan), matrix(plan, proof)
    many = len(data.targets) > _MANY
    cell = 78.0 if facts.collapsed else 46.0 if many else 52.0
    left = MARGIN + max(width(axis.label, 12, bold=True) for axis in data.sources) + 28
    head = max(width(axis.label, 12, bold=True) for axis in data.targets) + 20
    top = 112 + head
    heading = f"{title}: who may reach whom"
    right = left + cell * len(data.targets)
    again = left - MARGIN if many else 0.0  # the labels stand at both ends of long rows
    wide = max(right + again + MARGIN, 860, 2 * MARGIN + width(heading, 28, bold=True))
    summary = _summary(data, proof)
    canvas.text(MARGIN, 56, heading, "ink", size=28, bold=True)
    canvas.text(MARGIN, 82, summary, "soft" if proof is None or proof.holds else "alarm", size=14)
    for column, target in enumerate(data.targets):
        x = left + column * cell + cell / 2
        canvas.text(
            x + 4,
            top - 10,
            target.label,
            "alarm" if target.shut else target.css,
            size=12,
            bold=True,
            upright=True,
            anchor="end",
        )
    for row, source in enumerate(data.sources):
        y = top + row * _HIGH
        canvas.text(
            left - 12, y + 18, source.label, "alarm" if source.shut else source.css, size=12, anchor="end", bold=True
        )
        for column, target in enumerate(data.targets):
            _cell(canvas, data, source, target, Box(left + column * cell, y, cell, _HIGH))
        if many:
            canvas.text(right + 12, y + 18, source.label, "alarm" if source.shut else source.css, size=12, bold=True)
    bottom = _legend(canvas, facts, data, proof, top + len(data.sources) * _HIGH + 34)
    return document(canvas, wide, bottom, heading, f"{summary}. {_spoken(data)}")


def _summary(data: Matrix, proof: Proof | None) -> str:
    """How many pairs have which verdict, and what the proof came to."""
    pairs = len(data.verdicts)
    opened = sum(1 for pair in data.verdicts if data.open(pair))
    port = "the cell names the TCP port"
    if proof is None:
        return f"{opened} of {pairs} pairs are declared open, all others denied; {port}"
    counts = [f"{data.count('proven')} of {pairs} pairs are declared and proven", f"{data.count('denied')} denied"]
    counts += [f"{data.count('unknown')} not known"] if data.count("unknown") else []
    counts += [f"{data.count('broken')} broken"] if data.count("broken") else []
    failed = "" if proof.holds else f"; the isolation proof says {proof.verdict}"
    return f"{', '.join(counts)}{failed}; {port}"


def _cell(canvas: Canvas, data: Matrix, source: Axis, target: Axis, box: Box) -> None:
    pair = (source.key, target.key)
    verdict = data.verdicts.get(pair)
    canvas.rect(box, "cell self" if verdict is None else "cell hatch" if source.shut or target.shut else "cell")
    if verdict is None:
        return
    ports = data.ports.get(pair, ())
    if verdict == "denied":
        canvas.circle(box.middle, box.y + _HIGH / 2, 1.6, "icon-dot")
        return
    named = pair in data.named and not ports
    shown = "name" if named else ", ".join(ports) or ("?" if verdict == "unknown" else "!")
    how = "asked for by name, through the edge" if named else ", ".join(ports) or "not declared"
    canvas.open(title=f"{source.label} -> {target.label}: {how}; {_WORDS[verdict]}")
    if named and verdict in ("declared", "proven"):
        canvas.rect(box.inset(4, 5), f"ring-{source.key}", radius=5)
        canvas.text(box.middle, box.y + 18, shown, f"c-{source.key}", size=10.5, anchor="middle", bold=True)
    else:
        canvas.rect(box.inset(4, 5), _FILLS[verdict], radius=5)
        ink = "v-dark" if verdict == "unknown" else "white"
        canvas.text(box.middle, box.y + 18, shown, ink, size=10.5, room=box.w - 9, anchor="middle", bold=True)
    canvas.close()


def _legend(canvas: Canvas, facts: Facts, data: Matrix, proof: Proof | None, y: float) -> float:
    """What each colour means, of those that occur and of those that a reader must know to be absent."""
    x = MARGIN
    if proof is None:
        signs = [("open-fill", "declared: packets pass to this port"), ("icon-dot", "denied")]
    else:
        signs = [(_FILLS["proven"], "declared and proven: packets pass to this port"), ("icon-dot", "denied")]
        signs += [(_FILLS["unknown"], "not known: a host leaks or is not understood")]
        signs += [(_FILLS["broken"], "passes undeclared, or is declared and does not pass")]
    if data.named:
        visibility = max(pair[0] for pair in data.named)
        signs.insert(1, (f"ring-{visibility}", "reached by host name, through the edge only"))
    if facts.shut and not facts.collapsed:
        signs.append(("hatch", "tenant shut"))
    for css, meaning in signs:
        if x + 34 + width(meaning, 12) > 840:
            x, y = MARGIN, y + 24
        if css == "icon-dot":
            canvas.circle(x + 13, y - 4, 1.8, css)
        else:
            canvas.rect(Box(x, y - 13, 26, 17), css, radius=5)
        x += 34 + canvas.text(x + 34, y, meaning, "ink", size=12) + 24
    return y + 28


def _spoken(data: Matrix) -> str:
    """The open pairs in words."""
    names = {axis.key: axis.label for axis in (*data.sources, *data.targets)}
    parts = [
        f"{names.get(source, source)} to {names.get(target, target)}: {', '.join(ports)}"
        for (source, target), ports in sorted(data.ports.items())
    ]
    return "; ".join(parts[:80]) + (f"; and {len(parts) - 80} more" if len(parts) > 80 else "")
