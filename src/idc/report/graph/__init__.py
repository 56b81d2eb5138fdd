"""Pictures of a plan: the managed fabric as a map, and who may reach whom as a matrix. Pure: same plan, same SVG."""

from __future__ import annotations

from collections.abc import Mapping

from idc.plan.types import Plan
from idc.proof.delta import Delta
from idc.report.graph.canvas import Canvas
from idc.report.graph.facts import apart_from
from idc.report.graph.map import draw_map
from idc.report.graph.reachability import reachability_svg

__all__ = ["apart_from", "reachability_svg", "svg"]


def svg(plan: Plan, *, title: str = "", apart: Mapping[str, str] | None = None, delta: Delta | None = None) -> str:
    """The map of one managed fabric as an SVG document.

    ``title`` stands over the picture (default: the plan's id). ``apart`` names the profile's other fabrics and how each
    is isolated from this one (``physical``, ``absolute``); they are drawn without any line to them. ``delta`` is what
    the plan opens and closes beside what was applied: lines that open are green, and all of it is listed below.
    """
    canvas = Canvas()
    return draw_map(canvas, plan, title or plan.id, apart or {}, delta)
