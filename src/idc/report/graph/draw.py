"""Draws what stands still: locations, hosts, zones, segments, and the outside."""

from __future__ import annotations

from typing import Final

from idc.model.types import Visibility, Zone
from idc.model.units import format_bandwidth, format_bytes
from idc.plan.types import Host, Segment
from idc.report.graph.canvas import Box, Canvas, width
from idc.report.graph.facts import Facts, plural, short
from idc.report.graph.layout import DOTS, GUTTER, LINE, PAD, PANEL, SPINE, Card, Layout, Placed, Tally, tally_drop

_GLOBE: Final = "M-8 0A8 8 0 1 0 8 0A8 8 0 1 0-8 0M-8 0H8M0-8C-5-4-5 4 0 8M0-8C5-4 5 4 0 8"
_DESK: Final = "M-8-7H8V3H-8zM0 3V7M-5 7H5"
_LOCK: Final = "M-5-1H5V7H-5zM-3-1V-4A3 3 0 0 1 3-4V-1"


def hall(canvas: Canvas, name: str, box: Box, hosts: int) -> None:
    """A location's area and name."""
    canvas.rect(box, "hall", radius=14)
    taken = canvas.text(box.x + 20, box.y + 24, name, "ink", size=16, room=box.w / 3, bold=True)
    canvas.text(box.x + 32 + taken, box.y + 24, plural(hosts, "host"), "soft", size=12)


def card(canvas: Canvas, facts: Facts, place: Card) -> None:
    """A host's card with its name and figures (its bands are drawn by ``bands``)."""
    host, box = place.host, place.box
    canvas.rect(box, "card", radius=9)
    figures = [
        f"{host.cpus:g} cpus · {format_bytes(host.memory)} · {format_bytes(host.disk)}",
        f"{host.address} · {format_bandwidth(host.uplink)}",
        ", ".join(str(block) for block in host.blocks),
    ]
    managers = facts.managers(host)
    if managers:
        figures.append("SSH from " + ", ".join(managers))
    if place.strip:
        x, room = box.x + 16, PANEL - 28
        canvas.text(x, box.y + 30, host.name, "ink", size=18, room=room - 40, bold=True)
        y = box.y + 52
    else:
        # The left of a small card is a gutter: lines come down there to the bands below.
        left = GUTTER if facts.groups.get(host.name) else 14
        x, room = box.x + left, box.w - left - 12
        canvas.text(x, box.y + 24, host.name, "ink", size=16, room=room - 60, bold=True)
        y = box.y + 41
        figures = figures[:2]
    kind = "lab" if host.is_lab else "server"
    edge = box.x + PANEL - 12 if place.strip else box.right - 12
    canvas.text(edge, box.y + (30 if place.strip else 24), kind, "soft", size=11, anchor="end")
    for figure in filter(None, figures):
        canvas.text(x, y, figure, "soft", size=11, room=room)
        y += 16


def bands(canvas: Canvas, layout: Layout) -> None:
    """All zones as coloured bands and tiles, with the services that wait there for a container."""
    for band in layout.bands:
        zone, box = band.zone, band.box
        canvas.rect(box.inset(0.5), f"z-{zone}", radius=5)
        services = layout.facts.bare_services.get((band.host, zone), ())
        if band.spine:
            strip = Box(box.x, box.y + 0.5, SPINE - 6, box.h - 1)
            canvas.rect(strip, f"s-{zone}", radius=4)
            canvas.text(strip.middle + 4, box.y + box.h / 2, str(zone), "white", size=11, bold=True, upright=True)
            continue
        tallied = any(tally.band == band for tally in layout.tallies)
        x = box.x + (GUTTER if tallied else 14)
        drop = tally_drop(zone) if tallied else 0
        canvas.text(x, box.y + drop + 20, str(zone), f"t-{zone}", size=12, room=box.right - x - 6, bold=True)
        if tallied:
            continue
        x0 = x
        for service in services:
            wide = width(service, 11) + 14
            if x0 + wide > box.right - 4:
                canvas.text(x0, box.y + 41, "…", "soft", size=11)
                break
            canvas.rect(Box(x0, box.y + 28, wide, 18), "chip empty", radius=9)
            canvas.text(x0 + 7, box.y + 41, service, "soft", size=11)
            x0 += wide + 6
        if not services:
            canvas.text(x, box.y + 40, "nothing here yet", "soft", size=11, room=box.right - x - 6)


def segment(canvas: Canvas, facts: Facts, placed: Placed) -> None:
    """A segment: whose it is, the names it is known by, its subnet, its containers."""
    this, box = placed.segment, placed.box
    site = facts.site_by_ref.get(this.owner)
    shut = facts.shut.get(this.tenant, "")
    canvas.open("shut" if shut else "", title=_segment_title(facts, this, shut))
    canvas.rect(box, "box", radius=6)
    if shut:
        canvas.rect(box, "hatch", radius=6)
    x, y, right = box.x + 12, box.y + 20, box.right - 10
    name = short(this.owner)
    if site and this.zone is Zone.WEB:
        tag = shut or str(site.visibility)
        css = "alarm" if shut else f"c-{site.visibility}"
        taken = canvas.text(right, y, tag, css, size=11, anchor="end", bold=True)
        if shut:
            canvas.path(_LOCK, "alarm-line", move=(right - taken - 12, y - 5))
            taken += 22
        canvas.text(x, y, name, "ink", size=14, room=right - x - taken - 8, bold=True)
        more = f" +{len(site.names) - 1}" if len(site.names) > 1 else ""
        canvas.text(x, y + LINE, site.names[0] + more if site.names else "no name", "ink", size=12, room=right - x)
        about = f"{site.department} · {site.stage}"
        about = about if width(about, 11) <= right - x else site.department
        canvas.text(x, y + 2 * LINE, about, "soft", size=11, room=right - x)
        y += 2 * LINE
    else:
        suffix = f" · {this.zone}" if this.tenant else ""
        canvas.text(x, y, name + suffix, "ink", size=13, room=right - x, bold=True)
    y += LINE
    canvas.text(x, y, str(this.subnet), "soft", size=11, mono=True)
    for container in facts.containers.get(this.name, ()):
        y += LINE
        canvas.circle(x + 4, y - 4, 4, "dot")
        canvas.text(
            x + 14,
            y,
            f"{container.image} {container.address()}:{container.port}",
            "ink",
            size=11,
            room=right - x - 14,
            mono=True,
        )
    canvas.close()


def _segment_title(facts: Facts, this: Segment, shut: str) -> str:
    lines = [f"{this.owner} in zone {this.zone} on {this.host}", f"subnet {this.subnet}, bridge {this.bridge}"]
    site = facts.site_by_ref.get(this.owner)
    if site:
        lines.append(f"{site.department}; {', '.join(site.names)}; for {', '.join(site.audience)}")
    lines += [
        f"container {container.docker_name()}: {container.image}, user {container.user}"
        for container in facts.containers.get(this.name, ())
    ]
    if shut:
        lines.append(f"tenant {this.tenant} is {shut}: no flow, no host name")
    return "\n".join(lines)


def edge(canvas: Canvas, layout: Layout, placed: Placed) -> None:
    """The edge: its listeners at the upper side, each with the host names it serves."""
    facts, this, box = layout.facts, placed.segment, placed.box
    canvas.open(title=_segment_title(facts, this, ""))
    canvas.rect(box, "box", radius=6)
    listeners = facts.listeners.get(this.name, ())
    share = box.w / max(1, len(listeners))
    for position, listener in enumerate(listeners):
        middle = layout.listener_x(placed, position, len(listeners))
        where = f"{listener.address}:{listener.port}" + (
            f"  [{listener.address6}]:{listener.port}" if listener.address6 else ""
        )
        room = share - 24
        canvas.text(
            middle,
            box.y + 26,
            where,
            f"c-{listener.visibility}",
            size=13,
            room=room,
            anchor="middle",
            mono=True,
            bold=True,
        )
        canvas.text(
            middle,
            box.y + 44,
            f"translated to {listener.container}, port {listener.target_port}",
            "soft",
            size=11,
            room=room,
            anchor="middle",
        )
        names = facts.vhost_names(listener)
        for line, text in enumerate(_wrapped(names, room)):
            canvas.text(middle, box.y + 66 + 16 * line, text, "ink", size=12, room=room, anchor="middle")
    if not listeners:
        canvas.text(box.middle, box.y + 30, "no listener", "soft", size=12, anchor="middle")
    y = box.bottom - 14
    canvas.path(f"M{box.x + 12:g} {y - 18:g}H{box.right - 12:g}", "rule")
    x = box.x + 12
    for container in facts.containers.get(this.name, ()):
        canvas.circle(x + 4, y - 4, 4, "dot")
        x += 30 + canvas.text(x + 14, y, f"{container.image} {container.address()}", "ink", size=11, mono=True)
    subnets = str(this.subnet) + (f"  {this.subnet6}" if this.subnet6 else "")
    canvas.text(box.right - 12, y, subnets, "soft", size=11, room=box.right - 12 - x, anchor="end", mono=True)
    canvas.close()


def _wrapped(names: tuple[str, ...], room: float) -> list[str]:
    """Host names on at most two lines; what has no place there is counted."""
    lines = [f"serves {plural(len(names), 'name')}" + (": " if names else "")]
    for index, name in enumerate(names):
        piece = name + (", " if index + 1 < len(names) else "")
        rest = f"and {len(names) - index} more"
        if width(lines[-1] + piece + (rest if len(lines) == 2 else ""), 12) <= room:
            lines[-1] += piece
        elif len(lines) == 1:
            lines.append(piece)
        else:
            lines[-1] += rest
            break
    return [line.rstrip() for line in lines]


def tally(canvas: Canvas, facts: Facts, this: Tally) -> None:
    """Many segments as a row of dots and their number."""
    band, zone = this.band, this.band.zone
    segments = this.segments
    left = this.gutter + GUTTER
    shut = sum(1 for segment in segments if segment.tenant in facts.shut)
    text = plural(len(segments), "site" if zone is Zone.WEB else "segment") + (f", {shut:,} shut" if shut else "")
    y = band.box.y + tally_drop(zone)
    x = left + (0 if band.spine else width(str(zone), 12, bold=True) + 12)
    canvas.text(x, y + 20, text, "ink", size=12, room=band.box.right - x - 8)
    room = band.box.right - PAD - left
    per_row = max(1, int(room // 9))
    shown = min(len(segments), DOTS)
    paths: dict[str, list[str]] = {}
    for index, segment in enumerate(segments[:shown]):
        css = "alarm" if segment.tenant in facts.shut else f"c-{facts.visibility(segment.owner)}"
        if zone is Zone.DATA and css != "alarm":
            css = "c-own"
        paths.setdefault(css, []).append(f"M{left + index % per_row * 9:g} {y + 30 + index // per_row * 9:g}h6v6h-6z")
    for css in sorted(paths):
        canvas.path("".join(paths[css]), css)


def outside_box(layout: Layout, middle: float) -> Box:
    """The pill of an outside network above the edge's listener; narrower where others stand at its side."""
    beside = any(flow.source.host is None or flow.destination.host is None for flow in layout.facts.declared)
    wide = min(276.0 if beside else 330.0, layout.content_width / 2 - 30)
    return Box(middle - wide / 2, 112, wide, 58)


def outside(canvas: Canvas, box: Box, visibility: Visibility, fabric: str, networks: str) -> None:
    """The Internet, or the fabric's users."""
    canvas.rect(box, "pill", radius=29)
    canvas.path(_GLOBE if visibility is Visibility.INTERNET else _DESK, "icon", move=(box.x + 30, box.y + 29))
    name = "Internet" if visibility is Visibility.INTERNET else f"Users of {fabric}"
    if width(name, 14, bold=True) > box.w - 64:
        name = "Users of the fabric"  # which one, the address of its listener tells
    canvas.text(box.x + 50, box.y + 26, name, "ink", size=14, bold=True)
    canvas.text(box.x + 50, box.y + 44, networks, "soft", size=10.5, room=box.w - 62, mono=True)


def host_network(host: Host, visibility: Visibility) -> str:
    """The network of the interface on which a visibility enters a host."""
    for interface in host.interfaces:
        if str(interface.role) == str(visibility):
            more = f" {interface.address6.network}" if interface.address6 else ""
            return f"{interface.address.network}{more}"
    return ""
