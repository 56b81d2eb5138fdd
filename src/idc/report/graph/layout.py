"""Where everything stands: rectangles for locations, hosts, zones and segments, and the ways that lines may take.

Lines have places of their own, so that they never run across a label: a *lane* above each row of hosts, a *gutter* left
of each column, and one *trunk* along the right side. ``place.py`` fills a Layout.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from idc.model.types import Zone
from idc.plan.types import Host, Segment
from idc.report.graph.canvas import Box
from idc.report.graph.facts import Facts

MARGIN: Final = 40.0
TOP: Final = 112.0  # title
OUTSIDE: Final = 78.0  # height of the outside row
PANEL: Final = 186.0  # a strip's left part: the host's name and figures
SPINE: Final = 26.0  # the turned zone name beside its band
COLUMN: Final = 250.0
GUTTER: Final = 44.0
TRUNK: Final = 56.0
PAD: Final = 12.0
TRACKS: Final = 9  # lines side by side at most; flows beyond that share a track
PER_ROW: Final = 4  # small cards side by side
EDGE_HEIGHT: Final = 134.0
TILE_HEIGHT: Final = 54.0
LINE: Final = 17.0


@dataclass(frozen=True)
class Lane:
    """A horizontal way for lines; its first track is at ``y``."""

    y: float


@dataclass(frozen=True)
class Placed:
    """A segment's box, with the gutter on its left and the lanes through which it is reached and left."""

    segment: Segment
    box: Box
    gutter: float
    lane: int
    exit_lane: int


@dataclass(frozen=True)
class Band:
    """A zone of a strip, or a tile of a small card."""

    zone: Zone
    box: Box
    spine: bool  # True: the zone's name stands turned at its left
    host: str


@dataclass(frozen=True)
class Tally:
    """A band that stands for many sites; ``gutter`` and ``lane`` as in Placed."""

    host: str
    band: Band
    segments: tuple[Segment, ...]
    gutter: float
    lane: int


@dataclass(frozen=True)
class Card:
    """A host."""

    host: Host
    box: Box
    strip: bool


@dataclass(frozen=True)
class Hall:
    """A location."""

    name: str
    box: Box
    hosts: int


@dataclass
class Layout:
    """Everything placed. ``bottom`` is where the legend may begin."""

    facts: Facts
    columns: int
    tracks: int
    width: float
    bottom: float = 0.0
    halls: list[Hall] = field(default_factory=list)
    cards: list[Card] = field(default_factory=list)
    bands: list[Band] = field(default_factory=list)
    tallies: list[Tally] = field(default_factory=list)
    lanes: list[Lane] = field(default_factory=list)
    placed: dict[str, Placed] = field(default_factory=dict)

    @property
    def content(self) -> float:
        """X where a strip's columns begin."""
        return MARGIN + 20 + PANEL + SPINE

    @property
    def content_width(self) -> float:
        """Width of a strip's columns."""
        return self.columns * (GUTTER + COLUMN) + PAD

    @property
    def card_width(self) -> float:
        """Width of a strip."""
        return PANEL + SPINE + self.content_width

    @property
    def lane_height(self) -> float:
        """Height of a lane with all its tracks."""
        return 18 + 8 * (self.tracks - 1)

    def lane_y(self, lane: int, track: int) -> float:
        """Y of a line in a lane."""
        return self.lanes[lane].y + 8 * (track % self.tracks)

    def trunk_x(self, track: int) -> float:
        """X of a line in the trunk."""
        return MARGIN + 20 + self.card_width + 14 + (TRUNK - 24) * (track % self.tracks) / max(1, self.tracks - 1)

    def gutter_x(self, gutter: float, track: int) -> float:
        """X of a line in a gutter."""
        return gutter + 9 + (GUTTER - 26) * (track % self.tracks) / max(1, self.tracks - 1)

    def listener_x(self, edge: Placed, position: int, count: int) -> float:
        """X of one of an edge's listeners."""
        return edge.box.x + edge.box.w * (2 * position + 1) / (2 * count)

    def first_edge(self) -> Placed | None:
        """The edge that stands directly below the outside, if one does."""
        return next((p for p in self.placed.values() if p.segment.zone is Zone.EDGE and p.lane == 0), None)


def tally_drop(zone: Zone) -> float:
    """Room at the upper side of a counted band for the arrow from the band above it."""
    return 16 if zone is Zone.DATA else 0


DOTS: Final = 600  # at most so many dots a band; beyond that only the count


def dot_rows(count: int, room: float) -> int:
    """Rows of dots that ``count`` segments take in ``room`` pixels."""
    per_row = max(1, int(room // 9))
    return -(-min(count, DOTS) // per_row)
