"""The map with what a plan opens and closes beside what was applied."""

from __future__ import annotations

from dataclasses import replace

from idc.plan.types import Plan
from idc.proof.delta import Delta, compare
from idc.report.graph import svg
from idc.report.graph.canvas import Canvas
from idc.report.graph.map import draw_map
from tests.proof.test_between import before_and_after
from tests.proof.test_delta import with_elements


def drawn(plan: Plan, delta: Delta | None) -> tuple[Canvas, str]:
    canvas = Canvas()
    return canvas, draw_map(canvas, plan, plan.id, {}, delta)


def test_what_opens_is_a_green_line_and_what_closes_is_listed_in_red() -> None:
    old, new = before_and_after()
    canvas, picture = drawn(new, compare(old, new))
    assert picture.count('<g class="flow f-internet opens">') == 1  # from the edge to the one site that is new
    assert picture.count('<g class="flow f-own opens">') == 1
    lines = {label.text: label for label in canvas.texts}
    assert "edge → museum / care  TCP 8080" in lines
    assert "edge → parks / www  TCP 8080" in lines
    assert "museum.town.example for the internet" in lines
    assert "opens beside what was applied" in lines
    assert '"closes-text"' in picture


def test_where_nothing_changes_or_nothing_was_applied_the_map_is_as_ever() -> None:
    old, _ = before_and_after()
    plain = svg(old)
    assert svg(old, delta=compare(old, old)) == svg(old, delta=compare(None, old)) == plain
    assert "Beside what was applied" not in plain


def test_what_nothing_declares_is_named_so() -> None:
    _, new = before_and_after()
    leak = with_elements(new, "web-1", "10.64.16.2 . 10.64.16.50 . tcp . 5432")
    canvas, _ = drawn(new, compare(new, new, ({}, leak)))
    assert any(label.text.endswith("NOTHING DECLARES IT") for label in canvas.texts)


def test_many_changes_are_counted() -> None:
    old, new = before_and_after()
    delta = compare(old, new)
    many = replace(delta, pairs=delta.pairs * 10)
    canvas, _ = drawn(new, many)
    assert any("more: `idc plan` tells of them" in label.text for label in canvas.texts)
