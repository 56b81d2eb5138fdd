"""Puts the map together: title, layout, what stands, flows, legend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from idc.model.types import Visibility, Zone
from idc.plan.types import Flow, Plan
from idc.proof.delta import Delta
from idc.report.graph import changes, draw, routes, style
from idc.report.graph.canvas import Box, Canvas, clean, number, width
from idc.report.graph.facts import ZONE_ORDER, Facts, plural
from idc.report.graph.layout import MARGIN, Layout
from idc.report.graph.place import lay_out

# What the lines mean, in the order of the legend.
_LINES: Final = (
    ("internet", "from the Internet, through the edge"),
    ("fabric", "from the fabric's users, through the edge"),
    ("own", "a site to its own data"),
    ("declared", "declared by a person, numbered below"),
)


def draw_map(canvas: Canvas, plan: Plan, title: str, apart: Mapping[str, str], delta: Delta | None = None) -> str:
    """Draw the map on ``canvas`` and return the SVG document; ``delta`` is what the plan opens and closes."""
    delta = delta or Delta()
    facts = Facts(plan, frozenset(p.declared.id for p in delta.opened if isinstance(p.declared, Flow)))
    layout = lay_out(facts)
    summary = _summary(facts)
    canvas.text(MARGIN, 56, title, "ink", size=28, room=layout.width - 2 * MARGIN, bold=True)
    canvas.text(MARGIN, 82, summary, "soft", size=14, room=layout.width - 2 * MARGIN)
    for hall in layout.halls:
        draw.hall(canvas, hall.name, hall.box, hall.hosts)
    for card in layout.cards:
        draw.card(canvas, facts, card)
    draw.bands(canvas, layout)
    for tally in layout.tallies:
        draw.tally(canvas, facts, tally)
    for placed in layout.placed.values():
        if placed.segment.zone is Zone.EDGE:
            draw.edge(canvas, layout, placed)
        else:
            draw.segment(canvas, facts, placed)
    routes.draw(canvas, layout, apart)
    bottom = _legend(canvas, layout, delta)
    return document(canvas, layout.width, bottom, title, f"{summary}. {_spoken(facts)}")


def document(canvas: Canvas, wide: float, high: float, title: str, description: str) -> str:
    """The SVG document around what was drawn: size, accessible name, style sheet, background."""
    size = f"{number(wide)} {number(high)}"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" width="{number(wide)}" '
            f'height="{number(high)}" role="img" aria-labelledby="title desc">',
            f'<title id="title">{clean(title)}</title>',
            f'<desc id="desc">{clean(description)}</desc>',
            f"<style>\n{style.css()}\n</style>",
            style.definitions(),
            f'<rect class="page" width="{number(wide)}" height="{number(high)}"/>',
            *canvas.parts,
            "</svg>",
            "",
        ]
    )


def _summary(facts: Facts) -> str:
    plan = facts.plan
    locations = len({host.location for host in plan.hosts})
    return " · ".join(
        [
            f"profile {plan.profile}",
            plan.domain,
            str(plan.prefix),
            f"{plural(len(plan.hosts), 'host')} in {plural(locations, 'location')}",
            f"{plural(len(plan.tenants), 'tenant')} with {plural(len(plan.sites), 'site')}",
            f"{plural(len(plan.flows), 'flow')} allowed, all else denied",
        ]
    )


def _spoken(facts: Facts) -> str:
    """What a person who cannot see the picture should know of it."""
    plan = facts.plan
    parts = []
    for visibility in (Visibility.INTERNET, Visibility.FABRIC):
        names = sorted(name for site in plan.sites if site.visibility is visibility for name in site.names)
        if names:
            listed = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
            parts.append(f"Sites asked for from the {visibility}: {listed}.")
    parts += [f"Tenant {tenant} is {reason}: nothing reaches it." for tenant, reason in sorted(facts.shut.items())]
    return " ".join(parts)


def _legend(canvas: Canvas, layout: Layout, delta: Delta) -> float:
    """Zones, lines and signs that occur in this picture; returns the lower side."""
    facts = layout.facts
    x, y = MARGIN, layout.bottom + 20
    right = layout.width - MARGIN
    used = {band.zone for band in layout.bands}
    for zone in (zone for zone in ZONE_ORDER if zone in used):
        canvas.rect(Box(x, y - 11, 14, 14), f"s-{zone}", radius=3)
        x += 22 + canvas.text(x + 20, y, f"zone {zone}", "ink", size=12) + 18
    x, y = MARGIN, y + 28
    kinds = {f"f-{name}" for name in ("internet", "fabric", "own", "declared")} & _drawn(canvas)
    for name, meaning in _LINES:
        if f"f-{name}" not in kinds:
            continue
        wide = 44 + width(meaning, 12) + 24
        if x + wide > right:
            x, y = MARGIN, y + 24
        canvas.open(f"f-{name}")
        canvas.path(f"M{number(x)} {number(y - 4)}H{number(x + 36)}", "line", end=f"end-{name}")
        canvas.close()
        canvas.text(x + 44, y, meaning, "ink", size=12)
        x += wide
    signs: list[tuple[str, str]] = []
    if " opens" in "".join(part for part in canvas.parts if part.startswith('<g class="flow ')):
        signs.append(("opens", "opens beside what was applied"))
    if facts.shut:
        signs.append(("shut", "tenant shut: no flow, no host name"))
    if facts.bare_services:
        signs.append(("empty", "service placed here, no container yet"))
    for sign, meaning in signs:
        wide = 44 + width(meaning, 12) + 24
        if x + wide > right:
            x, y = MARGIN, y + 24
        box = Box(x, y - 12, 36, 16)
        if sign == "opens":
            canvas.open("opens")
            canvas.path(f"M{number(x)} {number(y - 4)}H{number(x + 36)}", "line")
            canvas.close()
        elif sign == "shut":
            canvas.open("shut")
            canvas.rect(box, "box", radius=4)
            canvas.rect(box, "hatch", radius=4)
            canvas.close()
        else:
            canvas.rect(box, "chip empty", radius=8)
        canvas.text(x + 44, y, meaning, "ink", size=12)
        x += wide
    y += 30
    if facts.declared:
        y = routes.table(canvas, facts, MARGIN, y, right - MARGIN) + 8
    if not delta.empty:
        y = changes.table(canvas, delta, MARGIN, y, right - MARGIN) + 8
    digest = facts.plan.declaration_digest
    drawn = "Drawn by idc from the plan" + (f" of declaration {digest.removeprefix('sha256:')[:12]}" if digest else "")
    canvas.text(MARGIN, y, drawn, "soft", size=11)
    return y + 24


def _drawn(canvas: Canvas) -> set[str]:
    return {
        css for part in canvas.parts if part.startswith('<g class="flow ') for css in part[3:-1].split('"')[1].split()
    }
