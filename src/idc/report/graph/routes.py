"""Draws the flows, along lanes, gutters and the trunk only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from idc.model.types import Visibility, Zone
from idc.plan.types import Endpoint, Flow
from idc.report.graph.canvas import Box, Canvas, Point
from idc.report.graph.draw import host_network, outside, outside_box
from idc.report.graph.facts import Facts, plural, short
from idc.report.graph.layout import MARGIN, Layout, Placed, tally_drop

# Numbered flows that are drawn as lines; the table under the picture lists more.
DRAWN: Final = 12
_TRACK: Final = {Visibility.INTERNET: 0, Visibility.FABRIC: 1}


@dataclass(frozen=True)
class Anchor:
    """Where a line meets a segment's left side, and the gutter and lane that lead there."""

    lane: int
    gutter: float
    x: float
    y: float


@dataclass
class Anchors:
    """Hands out places on the left side of boxes, so that lines to the same box do not lie on each other."""

    layout: Layout
    used: dict[str, int] = field(default_factory=dict)

    def main(self, segment: str) -> Anchor | None:
        """The place for the flow from the edge."""
        placed = self.layout.placed.get(segment)
        if placed:
            return Anchor(placed.lane, placed.gutter, placed.box.x, placed.box.y + 16)
        return self._tally(segment)

    def next(self, segment: str) -> Anchor | None:
        """A further place."""
        placed = self.layout.placed.get(segment)
        if placed is None:
            return self._tally(segment)
        count = self.used[segment] = self.used.get(segment, 0) + 1
        return Anchor(
            placed.lane, placed.gutter, placed.box.x, min(placed.box.y + 18 + 17 * count, placed.box.bottom - 8)
        )

    def _tally(self, segment: str) -> Anchor | None:
        this = self.layout.facts.plan.segment_by_name.get(segment)
        for tally in self.layout.tallies:
            if this and tally.host == this.host and tally.band.zone is this.zone:
                y = tally.band.box.y + 33 + tally_drop(this.zone)
                return Anchor(tally.lane, tally.gutter, tally.gutter + 38, y)
        return None


def draw(canvas: Canvas, layout: Layout, apart: Mapping[str, str]) -> None:
    """Draw the outside row and every flow."""
    anchors = Anchors(layout)
    _entering(canvas, layout)
    _apart(canvas, apart)
    _served(canvas, layout, anchors)
    _own(canvas, layout)
    _numbered(canvas, layout, anchors)


def _entering(canvas: Canvas, layout: Layout) -> None:
    """The outside networks and the way from each to the edge's listeners."""
    facts = layout.facts
    drawn: dict[Visibility, Box] = {}
    for placed in (p for p in layout.placed.values() if p.segment.zone is Zone.EDGE):
        listeners = facts.listeners.get(placed.segment.name, ())
        for position, listener in enumerate(listeners):
            x = layout.listener_x(placed, position, len(listeners))
            visibility, host = listener.visibility, facts.plan.host_by_name[listener.host]
            if visibility not in drawn:
                drawn[visibility] = outside_box(layout, x)
                outside(canvas, drawn[visibility], visibility, facts.plan.fabric, host_network(host, visibility))
            pill, track = drawn[visibility], _TRACK[visibility]
            start: Point = (pill.middle, pill.bottom)
            if placed.lane == 0:
                points = [
                    start,
                    (pill.middle, layout.lane_y(0, track)),
                    (x, layout.lane_y(0, track)),
                    (x, placed.box.y),
                ]
            else:
                gutter = layout.gutter_x(placed.gutter, track)
                y = placed.box.y + 16 + 14 * position
                points = [start, (pill.middle, layout.lane_y(0, track)), *_along(layout, 0, placed.lane, track, gutter)]
                points += [(gutter, y), (placed.box.x, y)]
            title = f"{visibility} -> {placed.segment.owner}: {listener.address}:{listener.port}/tcp"
            canvas.route(points, f"f-{visibility}", title=title, end=f"end-{visibility}")


def _along(layout: Layout, start: int, target: int, track: int, x: float) -> list[Point]:
    """From a lane to the point at ``x`` in another one, by the trunk unless they are the same."""
    if start == target:
        return [(x, layout.lane_y(target, track))]
    trunk = layout.trunk_x(track)
    return [
        (trunk, layout.lane_y(start, track)),
        (trunk, layout.lane_y(target, track)),
        (x, layout.lane_y(target, track)),
    ]


def _apart(canvas: Canvas, apart: Mapping[str, str]) -> None:
    """Fabrics that the profile keeps apart: no line leads there."""
    y = 112.0
    if apart:
        canvas.text(MARGIN, y + 4, "Kept apart: no line leads there", "soft", size=11)
        y += 12
    for fabric, isolation in sorted(apart.items()):
        box = Box(MARGIN, y, 222, 22)
        canvas.rect(box, "apart", radius=11)
        canvas.text(box.x + 12, y + 15, fabric, "ink", size=11, room=140, bold=True)
        canvas.text(box.right - 10, y + 15, isolation, "soft", size=11, anchor="end")
        y += 26


def _exit(layout: Layout, edge: Placed, visibility: Visibility) -> float:
    """X at which the flows of a visibility leave an edge downwards."""
    listeners = layout.facts.listeners.get(edge.segment.name, ())
    for position, listener in enumerate(listeners):
        if listener.visibility is visibility:
            return layout.listener_x(edge, position, len(listeners))
    return edge.box.middle


def _served(canvas: Canvas, layout: Layout, anchors: Anchors) -> None:
    """Edge to web: one line a site, or one a host and visibility where sites are only counted."""
    facts = layout.facts
    merged: dict[tuple[str, Anchor, Visibility], list[Flow]] = {}
    for flow in facts.served:
        target = facts.segment(flow.destination)
        edge, anchor = layout.placed.get(flow.source.segment), anchors.main(flow.destination.segment)
        if target and edge and anchor and target.tenant not in facts.shut:
            merged.setdefault((edge.segment.name, anchor, facts.visibility(target.owner)), []).append(flow)
    for (name, anchor, visibility), flows in merged.items():
        edge, track = layout.placed[name], _TRACK[visibility]
        x, gutter = _exit(layout, edge, visibility), layout.gutter_x(anchor.gutter, track)
        y = anchor.y + (9 * track if facts.collapsed else 0)
        points: list[Point] = [(x, edge.box.bottom), (x, layout.lane_y(edge.exit_lane, track))]
        points += [*_along(layout, edge.exit_lane, anchor.lane, track, gutter), (gutter, y), (anchor.x, y)]
        title = (
            flows[0].id + f"\n{flows[0].reason}" if len(flows) == 1 else plural(len(flows), "flow") + " of this kind"
        )
        canvas.route(points, f"f-{visibility}{facts.mark(*flows)}", title=title, end=f"end-{visibility}")
    for placed in layout.placed.values():  # what is shut: a bar where the arrow would be
        segment = placed.segment
        if segment.tenant in facts.shut and segment.zone is Zone.WEB:
            x, y = placed.box.x - 9, placed.box.y + 16
            canvas.path(f"M{x:g} {y - 8:g}V{y + 8:g}M{x:g} {y:g}H{placed.box.x:g}", "alarm-line")


def _own(canvas: Canvas, layout: Layout) -> None:
    """Web to data inside a site: straight down."""
    facts = layout.facts
    done: set[tuple[float, float]] = set()
    for flow in facts.own:
        source, target = layout.placed.get(flow.source.segment), layout.placed.get(flow.destination.segment)
        if source and target:
            start, end = (source.box.x + 30, source.box.bottom), (target.box.x + 30, target.box.y)
            text = f"{flow.protocol}/{flow.port}"
        else:
            place = next(
                (t for t in layout.tallies if t.host == flow.destination.host and t.band.zone is Zone.DATA), None
            )
            if place is None:
                continue
            top = place.band.box.y
            start, end = (place.gutter + 30, top - 12), (place.gutter + 30, top + 16)
            text = f"own {flow.protocol}/{flow.port} only"
        if start in done or flow.source.host != flow.destination.host:
            continue
        done.add(start)
        canvas.route([start, end], f"f-own{facts.mark(flow)}", title=f"{flow.id}\n{flow.reason}", end="end-own")
        canvas.text(start[0] + 9, (start[1] + end[1]) / 2 + 4, text, "t-data", size=11)


def _numbered(canvas: Canvas, layout: Layout, anchors: Anchors) -> None:
    """Flows that a person declared: dashed, with the number under which the table explains them."""
    facts = layout.facts
    pills: dict[str, Box] = {}
    for index, flow in enumerate(facts.declared[:DRAWN]):
        track, title = 2 + index, f"{index + 1}: {flow.id}\n{flow.reason}"
        source = _end(layout, anchors, flow.source, pills)
        target = _end(layout, anchors, flow.destination, pills)
        if source is None or target is None or (isinstance(source, Box) and isinstance(target, Box)):
            continue
        points = [*_way_out(layout, source, track)]
        points += reversed(_way_out(layout, target, track))
        canvas.route(points, f"f-declared{facts.mark(flow)}", title=title, end="end-declared")
        for end, x_shift in ((source, 0.0), (target, -16.0)):
            x, y = (layout.trunk_x(track), end.bottom + 12) if isinstance(end, Box) else (end.x + x_shift, end.y)
            _badge(canvas, x, y, index + 1)
    for ref, box in pills.items():
        canvas.rect(box, "pill", radius=11)
        canvas.text(box.middle, box.y + 15, ref, "ink", size=11, room=box.w - 12, anchor="middle", mono=True)


def _end(layout: Layout, anchors: Anchors, endpoint: Endpoint, pills: dict[str, Box]) -> Anchor | Box | None:
    """Where a numbered flow ends: at a segment, or at an outside network; None for what has no place in the picture."""
    if endpoint.segment:
        return anchors.next(endpoint.segment)
    if endpoint.host is not None:
        return None
    if endpoint.ref not in pills:
        if len(pills) == 3:
            return None
        right = layout.width - MARGIN
        pills[endpoint.ref] = Box(right - 140, 112 + 24 * len(pills), 140, 21)
    return pills[endpoint.ref]


def _way_out(layout: Layout, end: Anchor | Box, track: int) -> Sequence[Point]:
    """The points from an end to the trunk."""
    trunk = layout.trunk_x(track)
    if isinstance(end, Box):
        return ((trunk, end.bottom),)
    x, y = layout.gutter_x(end.gutter, track), layout.lane_y(end.lane, track)
    return ((end.x, end.y), (x, end.y), (x, y), (trunk, y))


def _badge(canvas: Canvas, x: float, y: float, number: int) -> None:
    canvas.circle(x, y, 8, "badge c-declared")
    canvas.text(x, y + 3.5, str(number), "white", size=10, anchor="middle", bold=True)


def table(canvas: Canvas, facts: Facts, x: float, y: float, room: float) -> float:
    """The numbered flows with their reasons; returns the lower side."""
    limit = 2 * DRAWN
    for index, flow in enumerate(facts.declared[:limit]):
        _badge(canvas, x + 8, y - 4, index + 1)
        until = f" (until {flow.until.isoformat()})" if flow.until else ""
        what = f"{short(flow.source.ref)} → {short(flow.destination.ref)}  {flow.protocol}/{flow.port}"
        taken = canvas.text(x + 26, y, what, "ink", size=12, room=room * 0.45, bold=True)
        canvas.text(x + 40 + taken, y, f"{flow.reason}{until}", "soft", size=12, room=room - taken - 48)
        y += 20
    if len(facts.declared) > limit:
        canvas.text(x + 26, y, f"and {len(facts.declared) - limit} more", "soft", size=12)
        y += 20
    return y


__all__ = ["DRAWN", "draw", "table"]
