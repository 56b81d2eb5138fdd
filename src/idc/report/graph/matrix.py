"""Who may reach whom, as a matrix: sources down, destinations across, the allowed ports in the cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from idc.model.types import Visibility, Zone
from idc.plan.types import Endpoint, Flow, Plan, Segment
from idc.report.graph.canvas import Box, Canvas, width
from idc.report.graph.facts import ZONE_ORDER, Facts, plural, short
from idc.report.graph.layout import MARGIN
from idc.report.graph.map import document

_HIGH: Final = 28.0


@dataclass(frozen=True)
class Axis:
    """A row or column: a segment, a class of segments, a host, or something outside."""

    key: str
    label: str
    css: str
    shut: bool = False


@dataclass(frozen=True)
class Matrix:
    """The reachability that a plan allows: per pair of axes the ports, and which sites are asked for by name."""

    sources: tuple[Axis, ...]
    targets: tuple[Axis, ...]
    ports: dict[tuple[str, str], tuple[str, ...]]
    named: frozenset[tuple[str, str]]  # outside -> site, by its host name through the edge


def matrix(plan: Plan) -> Matrix:
    """Collect a plan's flows, host rules and host names. Above 40 sites segments are taken together by zone."""
    facts = Facts(plan)
    found: dict[tuple[str, str], set[str]] = {}
    for flow in plan.flows:
        pair = (_key(facts, flow.source), _key(facts, flow.destination))
        found.setdefault(pair, set()).add(_port(facts, flow))
    managers: set[str] = set()
    for host in plan.hosts:
        for manager in facts.managers(host):
            managers.add(manager)
            target = "hosts" if facts.collapsed else f"host/{host.name}"
            found.setdefault((f"host/{manager}", target), set()).add("22")
    named = set()
    for vhost in plan.vhosts:
        for segment in plan.segments:
            if segment.owner == vhost.site and segment.zone is Zone.WEB:
                named.add((str(vhost.visibility), _segment_key(facts, segment)))
    inner = _inner(facts)
    entering = {listener.visibility for listener in plan.listeners}
    outside = [Axis(str(v), _OUTSIDE[v], f"c-{v}") for v in _OUTSIDE if v in entering]
    every = [Axis(f"host/{host.name}", f"host {host.name}", "soft") for host in plan.hosts]
    managing = [axis for axis in every if axis.key.removeprefix("host/") in managers]
    if facts.collapsed:
        rows = managing + ([Axis("hosts but those", "every other host", "soft")] if len(managing) < len(every) else [])
        columns = [Axis("hosts", "every host", "soft")]
    else:
        rows, columns = every, every
    # What else a person declared, as a network beyond the edge or (in a large centre) one host.
    other_sources = {source for source, _ in found} - {axis.key for axis in (*outside, *inner, *rows)}
    other_targets = {target for _, target in found} - {axis.key for axis in (*inner, *columns)}
    return Matrix(
        sources=(*outside, *(Axis(key, key, "c-declared") for key in sorted(other_sources)), *inner, *rows),
        targets=(*inner, *columns, *(Axis(key, key, "c-declared") for key in sorted(other_targets))),
        ports={pair: tuple(sorted(ports)) for pair, ports in found.items()},
        named=frozenset(named),
    )  # fmt: skip


_OUTSIDE: Final = {Visibility.INTERNET: "Internet", Visibility.FABRIC: "users of the fabric"}


def _inner(facts: Facts) -> list[Axis]:
    """The segments in the order of zones, or their classes."""
    axes: dict[str, Axis] = {}
    for zone in ZONE_ORDER:
        members = sorted((s for s in facts.plan.segments if s.zone is zone), key=lambda s: (s.tenant, s.owner))
        for segment in members:
            key = _segment_key(facts, segment)
            if key.startswith("zone/"):
                many = sum(1 for each in members if each.tenant)
                axes[key] = Axis(key, f"{zone} of {plural(many, 'site')}", f"t-{zone}")
            else:
                suffix = " · data" if zone is Zone.DATA and segment.tenant else ""
                axes[key] = Axis(key, short(segment.owner) + suffix, f"t-{zone}", segment.tenant in facts.shut)
    return list(axes.values())


def _segment_key(facts: Facts, segment: Segment) -> str:
    return f"zone/{segment.zone}" if facts.collapsed and segment.tenant else segment.name


def _key(facts: Facts, endpoint: Endpoint) -> str:
    segment = facts.segment(endpoint)
    if segment:
        return _segment_key(facts, segment)
    return str(Visibility.FABRIC) if endpoint.ref == facts.plan.fabric else endpoint.ref


def _port(facts: Facts, flow: Flow) -> str:
    port = str(flow.port) + ("" if flow.protocol == "tcp" else f"/{flow.protocol}")
    source, target = facts.segment(flow.source), facts.segment(flow.destination)
    own = facts.collapsed and source is not None and target is not None and source.owner == target.owner
    return f"own {port}" if own else port


def reachability_svg(plan: Plan, *, title: str = "") -> str:
    """The matrix of sources and destinations with the allowed ports, as an SVG document."""
    return draw_matrix(Canvas(), plan, title or plan.id)


def draw_matrix(canvas: Canvas, plan: Plan, title: str) -> str:
    """Draw the matrix on an empty canvas; gives the document."""
    facts, data = Facts(plan), matrix(plan)
    cell = 78.0 if facts.collapsed else 52.0
    left = MARGIN + max(width(axis.label, 12, bold=True) for axis in data.sources) + 28
    head = max(width(axis.label, 12, bold=True) for axis in data.targets) + 20
    top = 112 + head
    heading = f"{title}: who may reach whom"
    wide = max(left + cell * len(data.targets) + MARGIN, 860, 2 * MARGIN + width(heading, 28, bold=True))
    pairs = {(s.key, t.key) for s in data.sources for t in data.targets if s.key != t.key or s.key.startswith("zone/")}
    open_pairs = len(pairs & (set(data.ports) | data.named))
    summary = f"{open_pairs} of {len(pairs)} pairs are open, all others denied; the cell names the TCP port"
    canvas.text(MARGIN, 56, heading, "ink", size=28, bold=True)
    canvas.text(MARGIN, 82, summary, "soft", size=14)
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
    bottom = _legend(canvas, facts, top + len(data.sources) * _HIGH + 34)
    return document(canvas, wide, bottom, heading, f"{summary}. {_spoken(data)}")


def _cell(canvas: Canvas, data: Matrix, source: Axis, target: Axis, box: Box) -> None:
    pair = (source.key, target.key)
    ports = data.ports.get(pair, ())
    itself = source.key == target.key and not source.key.startswith("zone/")
    shut = source.shut or target.shut
    canvas.rect(box, "cell self" if itself else ("cell hatch" if shut else "cell"))
    if ports:
        canvas.open(title=f"{source.label} -> {target.label}: {', '.join(ports)}")
        canvas.rect(box.inset(4, 5), "open-fill", radius=5)
        canvas.text(
            box.middle, box.y + 18, ", ".join(ports), "white", size=10.5, room=box.w - 10, anchor="middle", bold=True
        )
        canvas.close()
    elif pair in data.named:
        canvas.open(title=f"{source.label} -> {target.label}: asked for by name, through the edge")
        canvas.rect(box.inset(4, 5), f"ring-{source.key}", radius=5)
        canvas.text(box.middle, box.y + 18, "name", f"c-{source.key}", size=10.5, anchor="middle", bold=True)
        canvas.close()
    elif not itself:
        canvas.circle(box.middle, box.y + _HIGH / 2, 1.6, "icon-dot")


def _legend(canvas: Canvas, facts: Facts, y: float) -> float:
    x = MARGIN
    signs = [("open-fill", "packets pass to this port")]
    signs += [("ring-internet", "reached by host name, through the edge only"), ("icon-dot", "denied")]
    if facts.shut and not facts.collapsed:
        signs.append(("hatch", "tenant shut"))
    for css, meaning in signs:
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
