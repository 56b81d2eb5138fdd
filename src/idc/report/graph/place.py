"""Places a plan on a Layout, top down: each location as an area over the full width, in it its hosts row by row.

A host with segments is a strip: its name and figures on the left, its zones as bands on the right, one column a site.
Several hosts without segments, and hosts of a centre too large to show each site, are small cards side by side.
"""

from __future__ import annotations

from collections.abc import Sequence

from idc.model.types import Zone
from idc.plan.types import Host, Segment
from idc.report.graph.canvas import Box
from idc.report.graph.facts import ZONE_ORDER, Facts, Group
from idc.report.graph.layout import (
    COLUMN,
    EDGE_HEIGHT,
    GUTTER,
    LINE,
    MARGIN,
    OUTSIDE,
    PAD,
    PANEL,
    PER_ROW,
    SPINE,
    TILE_HEIGHT,
    TOP,
    TRACKS,
    TRUNK,
    Band,
    Card,
    Hall,
    Lane,
    Layout,
    Placed,
    Tally,
    dot_rows,
    tally_drop,
)  # fmt: skip


def lay_out(facts: Facts) -> Layout:
    """Place a plan."""
    most = 0
    if not facts.collapsed:
        most = max((sum(1 for group in groups if group.tenant) for groups in facts.groups.values()), default=0)
    columns = max(3, min(most, 4 if most <= 8 else 6))
    layout = Layout(facts, columns, tracks=min(TRACKS, 2 + len(facts.declared)), width=0)
    layout.width = MARGIN + 20 + layout.card_width + TRUNK + 10 + MARGIN
    y = TOP + OUTSIDE + 14
    layout.lanes.append(Lane(y + 4))  # lane 0: from the outside
    y += layout.lane_height + 6
    for name, hosts in _halls(facts):
        y = _hall(layout, name, hosts, y) + 26
    layout.bottom = y
    return layout


def _halls(facts: Facts) -> Sequence[tuple[str, list[Host]]]:
    """Locations with their hosts: the one where the outside enters first; in it edges first, idle hosts last."""
    by_location: dict[str, list[Host]] = {}
    for host in facts.plan.hosts:
        by_location.setdefault(host.location, []).append(host)
    entering = {listener.host for listener in facts.plan.listeners}

    def rank(host: Host) -> tuple[bool, bool, bool, str]:
        busy = any(zone in host.zones for zone in (Zone.WEB, Zone.DATA))
        return (host.name not in entering, Zone.EDGE not in host.zones, not busy, host.name)

    for members in by_location.values():
        members.sort(key=rank)
    return sorted(by_location.items(), key=lambda item: (*rank(item[1][0])[:3], item[0]))


def _hall(layout: Layout, name: str, hosts: Sequence[Host], top: float) -> float:
    """Place one location; returns its lower side."""
    y = top + 34
    first = True
    rows = _rows(layout.facts, hosts)
    for index, row in enumerate(rows):
        reached = _reached(layout.facts, row)
        strip = len(row) == 1 and not (layout.facts.collapsed and reached and not _is_strip(layout.facts, row[0]))
        if first and strip and not layout.placed and not layout.tallies:
            lane = 0  # the first row is reached from the outside lane itself
        elif reached:
            layout.lanes.append(Lane(y + (0 if first else 10)))
            lane = len(layout.lanes) - 1
            y += layout.lane_height + 4
        else:
            lane, y = len(layout.lanes) - 1, y + (0 if first else 14)
        first = False
        y = _strip(layout, row[0], y, lane) if strip else _small_row(layout, row, y, lane)
        leaving = any(placed.exit_lane == len(layout.lanes) for placed in layout.placed.values())
        if leaving and not (index + 1 < len(rows) and _reached(layout.facts, rows[index + 1])):
            layout.lanes.append(Lane(y + 10))
            y += layout.lane_height
    bottom = y + 20
    layout.halls.append(Hall(name, Box(MARGIN, top, layout.width - 2 * MARGIN, bottom - top), len(hosts)))
    return bottom


def _reached(facts: Facts, row: Sequence[Host]) -> bool:
    return any(facts.groups.get(host.name) for host in row)


def _is_strip(facts: Facts, host: Host) -> bool:
    groups = facts.groups.get(host.name, ())
    return any(not group.tenant for group in groups) or (bool(groups) and not facts.collapsed)


def _rows(facts: Facts, hosts: Sequence[Host]) -> list[list[Host]]:
    """Hosts row by row: a strip has a row of its own, small cards share one evenly."""
    rows: list[list[Host]] = [[host] for host in hosts if _is_strip(facts, host)]
    for reached in (True, False):
        small = [host for host in hosts if not _is_strip(facts, host) and bool(facts.groups.get(host.name)) == reached]
        count = -(-len(small) // PER_ROW)
        rows += [small[len(small) * row // count : len(small) * (row + 1) // count] for row in range(count)]
    return rows


def _strip(layout: Layout, host: Host, top: float, lane: int) -> float:
    """Place a host with its bands; returns its lower side."""
    facts = layout.facts
    groups = facts.groups.get(host.name, ())
    edges = [group for group in groups if Zone.EDGE in group.segments]
    rest = [group for group in groups if Zone.EDGE not in group.segments]
    tenants = facts.collapsed and any(group.tenant for group in rest)
    if tenants:
        rest = [group for group in rest if not group.tenant]
    y = top
    for group in edges:
        y = _edge(layout, host, group, y, lane)
    if edges and (rest or tenants):  # a lane of its own between the edge and what stands below it in the same host
        layout.lanes.append(Lane(y + 10))
        lane = len(layout.lanes) - 1
        y += layout.lane_height + 2
    for start in range(0, len(rest), layout.columns):
        y = _columns(layout, host, rest[start : start + layout.columns], y, lane)
    if tenants:
        y = _tallies(layout, host, Box(layout.content - SPINE, y, layout.card_width - PANEL, 0), y, lane, spine=True)
    covered = {band.zone for band in layout.bands if band.host == host.name}
    y = _tiles(
        layout,
        host,
        [zone for zone in ZONE_ORDER if zone in host.zones and zone not in covered],
        y,
        TILE_HEIGHT if groups else 112,
    )
    box = Box(MARGIN + 20, top, layout.card_width, max(y - top, 124.0 if groups else 0.0))
    layout.cards.append(Card(host, box, strip=True))
    return box.bottom


def _edge(layout: Layout, host: Host, group: Group, y: float, lane: int) -> float:
    band = Band(
        Zone.EDGE, Box(layout.content - SPINE, y, layout.card_width - PANEL, EDGE_HEIGHT + 2 * PAD), True, host.name
    )
    layout.bands.append(band)
    box = Box(layout.content + GUTTER, y + PAD, layout.content_width - GUTTER - PAD, EDGE_HEIGHT)
    segment = group.segments[Zone.EDGE]
    # The lane below the edge is always the next one made: below the band in this host, or above the next row.
    layout.placed[segment.name] = Placed(segment, box, layout.content, lane, len(layout.lanes))
    return band.box.bottom


def _columns(layout: Layout, host: Host, groups: Sequence[Group], y: float, lane: int) -> float:
    """Place one row of owners: each in a column, each zone a band."""
    for zone in ZONE_ORDER:
        members = [(index, group.segments[zone]) for index, group in enumerate(groups) if zone in group.segments]
        if not members:
            continue
        height = max(segment_height(layout.facts, segment) for _, segment in members)
        gap = 10.0 if zone is Zone.DATA else 0.0  # room for the arrow from web
        band = Band(
            zone, Box(layout.content - SPINE, y, layout.card_width - PANEL, height + 2 * PAD + gap), True, host.name
        )
        layout.bands.append(band)
        for index, segment in members:
            gutter = layout.content + index * (GUTTER + COLUMN)
            box = Box(gutter + GUTTER, y + PAD + gap, COLUMN, height)
            layout.placed[segment.name] = Placed(segment, box, gutter, lane, lane)
        y = band.box.bottom
    return y


def segment_height(facts: Facts, segment: Segment) -> float:
    """Height of a segment's box: name, what it is known by, subnet, containers."""
    site = facts.site_by_ref.get(segment.owner)
    lines = 2 + len(facts.containers.get(segment.name, ())) + (2 if site and segment.zone is Zone.WEB else 0)
    return 14 + lines * LINE


def _tiles(layout: Layout, host: Host, zones: Sequence[Zone], y: float, height: float) -> float:
    """Place a strip's zones that hold no segment, side by side."""
    if not zones:
        return y
    room = layout.card_width - PANEL
    wide = room / len(zones)
    for index, zone in enumerate(zones):
        box = Box(layout.content - SPINE + index * wide, y, wide, height)
        layout.bands.append(Band(zone, box, False, host.name))
    return y + height


def _small_row(layout: Layout, hosts: Sequence[Host], top: float, lane: int) -> float:
    """Place hosts side by side; returns the row's lower side."""
    gap = 16.0
    wide = (layout.card_width - gap * (len(hosts) - 1)) / len(hosts)
    bottom = top
    for index, host in enumerate(hosts):
        x = MARGIN + 20 + index * (wide + gap)
        y = top + 62
        if layout.facts.groups.get(host.name):
            y = _tallies(layout, host, Box(x, y, wide, 0), y, lane, spine=False)
        covered = {band.zone for band in layout.bands if band.host == host.name}
        zones = [zone for zone in ZONE_ORDER if zone in host.zones and zone not in covered]
        for position, zone in enumerate(zones):
            part = wide / len(zones)
            layout.bands.append(Band(zone, Box(x + position * part, y, part, TILE_HEIGHT), False, host.name))
        y += TILE_HEIGHT if zones else 0
        layout.cards.append(Card(host, Box(x, top, wide, y - top), strip=False))
        bottom = max(bottom, y)
    return bottom


def _tallies(layout: Layout, host: Host, frame: Box, y: float, lane: int, *, spine: bool) -> float:
    """Place bands that stand for many sites of one host."""
    by_zone: dict[Zone, list[Segment]] = {}
    for group in layout.facts.groups[host.name]:
        for zone, segment in group.segments.items():
            if group.tenant:
                by_zone.setdefault(zone, []).append(segment)
    for zone in ZONE_ORDER:
        if segments := by_zone.get(zone):
            room = frame.w - GUTTER - 2 * PAD - (SPINE if spine else 0)
            height = 44 + dot_rows(len(segments), room) * 9 + tally_drop(zone)
            band = Band(zone, Box(frame.x, y, frame.w, height), spine, host.name)
            layout.bands.append(band)
            gutter = frame.x + (SPINE if spine else 0)
            layout.tallies.append(Tally(host.name, band, tuple(segments), gutter, lane))
            y += height
    return y
