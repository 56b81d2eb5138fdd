"""A small SVG writer: text that is measured before it is placed, and paths with rounded corners.

Everything placed is also kept as data (``texts``, ``routes``), so that a test can ask whether a line runs
across a label.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from typing import Literal

Anchor = Literal["start", "middle", "end"]
Point = tuple[float, float]

_NARROW = frozenset("fijlrt.,:;|!'()[]/ -")
_WIDE = frozenset("mwMW@%")
# What XML 1.0 cannot carry at all, not even escaped.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


@dataclass(frozen=True)
class Box:
    """A rectangle."""

    x: float
    y: float
    w: float
    h: float

    @property
    def right(self) -> float:
        """X of the right side."""
        return self.x + self.w

    @property
    def bottom(self) -> float:
        """Y of the lower side."""
        return self.y + self.h

    @property
    def middle(self) -> float:
        """X of the vertical axis."""
        return self.x + self.w / 2

    def inset(self, dx: float, dy: float | None = None) -> Box:
        """The box smaller by ``dx`` (and ``dy``) on each side."""
        dy = dx if dy is None else dy
        return Box(self.x + dx, self.y + dy, self.w - 2 * dx, self.h - 2 * dy)


@dataclass(frozen=True)
class Label:
    """A text as placed, with the rectangle it is taken to cover."""

    text: str
    box: Box


@dataclass(frozen=True)
class Route:
    """A flow as drawn: its corner points and what it stands for."""

    points: tuple[Point, ...]
    title: str


def width(text: str, size: float, *, mono: bool = False, bold: bool = False) -> float:
    """Estimated width in pixels: that of a wide font (DejaVu Sans), since the reader's fonts are not known."""
    units = 0.0
    for character in text:
        if unicodedata.east_asian_width(character) in "WF":
            units += 1.0
        elif unicodedata.combining(character):
            continue
        elif mono:
            units += 0.61
        elif character in _NARROW:
            units += 0.34
        elif character in _WIDE:
            units += 0.9
        elif character.isupper():
            units += 0.7
        else:
            units += 0.57
    return units * size * (1.21 if bold else 1.0)


def fit(text: str, size: float, room: float, *, mono: bool = False, bold: bool = False) -> str:
    """``text``, cut with an ellipsis where it is wider than ``room``."""
    if width(text, size, mono=mono, bold=bold) <= room:
        return text
    cut = text
    while cut and width(cut + "…", size, mono=mono, bold=bold) > room:
        cut = cut[:-1]
    return cut.rstrip() + "…"


def number(value: float) -> str:
    """A coordinate: at most one decimal, never ``-0``."""
    return f"{round(value, 1) + 0.0:g}"


def clean(text: str) -> str:
    """``text`` escaped for XML, without what XML cannot carry."""
    return escape(_FORBIDDEN.sub("\ufffd", text), quote=True)


def rounded(points: Sequence[Point], radius: float = 7) -> str:
    """Path data of a polyline with right angles, its corners rounded."""
    parts = [f"M{number(points[0][0])} {number(points[0][1])}"]
    for (x0, y0), (x1, y1), (x2, y2) in zip(points, points[1:], points[2:], strict=False):
        before = min(radius, (abs(x1 - x0) + abs(y1 - y0)) / 2)
        after = min(radius, (abs(x2 - x1) + abs(y2 - y1)) / 2)
        ax, ay = x1 - _sign(x1 - x0) * before, y1 - _sign(y1 - y0) * before
        bx, by = x1 + _sign(x2 - x1) * after, y1 + _sign(y2 - y1) * after
        parts.append(f"L{number(ax)} {number(ay)}Q{number(x1)} {number(y1)} {number(bx)} {number(by)}")
    parts.append(f"L{number(points[-1][0])} {number(points[-1][1])}")
    return "".join(parts)


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)


def straightened(points: Sequence[Point]) -> tuple[Point, ...]:
    """The polyline without points that repeat or lie on a straight line between their neighbours."""
    kept: list[Point] = []
    for point in points:
        if kept and kept[-1] == point:
            continue
        if len(kept) > 1 and (kept[-2][0] == kept[-1][0] == point[0] or kept[-2][1] == kept[-1][1] == point[1]):
            kept.pop()
        kept.append(point)
    return tuple(kept)


def crosses(points: Sequence[Point], box: Box) -> bool:
    """True when a polyline with right angles touches the inside of ``box``."""
    for (x0, y0), (x1, y1) in pairwise(points):
        if min(x0, x1) < box.right and max(x0, x1) > box.x and min(y0, y1) < box.bottom and max(y0, y1) > box.y:
            return True
    return False


@dataclass
class Canvas:
    """Collects elements in drawing order."""

    parts: list[str] = field(default_factory=list)
    texts: list[Label] = field(default_factory=list)
    routes: list[Route] = field(default_factory=list)

    def open(self, css: str = "", *, title: str = "") -> None:
        """Open a group; ``title`` is what a pointer resting on it shows."""
        self.parts.append(f'<g class="{css}">' if css else "<g>")
        if title:
            self.parts.append(f"<title>{clean(title)}</title>")

    def close(self) -> None:
        """Close the group."""
        self.parts.append("</g>")

    def rect(self, box: Box, css: str, *, radius: float = 0) -> None:
        """A rectangle, its corners rounded by ``radius``."""
        corner = f' rx="{number(radius)}"' if radius else ""
        self.parts.append(
            f'<rect class="{css}" x="{number(box.x)}" y="{number(box.y)}" '
            f'width="{number(box.w)}" height="{number(box.h)}"{corner}/>'
        )

    def circle(self, x: float, y: float, radius: float, css: str) -> None:
        """A disc."""
        self.parts.append(f'<circle class="{css}" cx="{number(x)}" cy="{number(y)}" r="{number(radius)}"/>')

    def path(self, data: str, css: str, *, move: Point | None = None, end: str = "") -> None:
        """A path; ``move`` shifts it, ``end`` names the marker at its end."""
        shift = f' transform="translate({number(move[0])} {number(move[1])})"' if move else ""
        marker = f' marker-end="url(#{end})"' if end else ""
        self.parts.append(f'<path class="{css}" d="{data}"{shift}{marker}/>')

    def text(
        self,
        x: float,
        y: float,
        text: str,
        css: str,
        *,
        size: float = 12,
        room: float = 0,
        anchor: Anchor = "start",
        mono: bool = False,
        bold: bool = False,
        upright: bool = False,
    ) -> float:
        """A line of text on the baseline ``y``, cut to ``room``; returns its estimated width.

        ``upright`` turns it a quarter to the left: centred on (x, y), or with ``anchor`` "end" going up from there.
        """
        shown = fit(text, size, room, mono=mono, bold=bold) if room else text
        wide = width(shown, size, mono=mono, bold=bold)
        left = {"start": x, "middle": x - wide / 2, "end": x - wide}[anchor]
        weight = ' font-weight="600"' if bold else ""
        place = "" if anchor == "start" else f' text-anchor="{anchor}"'
        classes = f"{css} mono" if mono else css
        if upright:
            up = anchor == "end"
            self.texts.append(Label(shown, Box(x - size, y - wide if up else y - wide / 2, size * 1.2, wide)))
            where = f'transform="translate({number(x)} {number(y)}) rotate(-90)"'
            place = "" if up else ' text-anchor="middle"'
        else:
            self.texts.append(Label(shown, Box(left, y - size * 0.8, wide, size)))
            where = f'x="{number(x)}" y="{number(y)}"'
        self.parts.append(
            f'<text class="{classes}" {where} font-size="{number(size)}"{place}{weight}>{clean(shown)}</text>'
        )
        return wide

    def route(self, points: Sequence[Point], css: str, *, title: str, end: str) -> None:
        """A flow: a line with right angles and an arrow head."""
        corners = straightened(points)
        self.routes.append(Route(corners, title))
        self.open(f"flow {css}", title=title)
        self.path(rounded(corners), "line", end=end)
        self.close()
