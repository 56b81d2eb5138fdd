"""The map of a fabric: what it must show, and that no line runs across a label."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest

from idc.model.profiles import load_profile
from idc.model.types import Zone
from idc.plan.types import Plan
from idc.report.graph import apart_from, svg
from idc.report.graph.canvas import Canvas, crosses
from idc.report.graph.map import draw_map
from tests.unit.report import sample

PLANS = {
    "reference": sample.reference(),
    "busy": sample.busy(),
    "single host": sample.single_host(),
    "forty sites": sample.sized(40, 3, 2),
    "counted": sample.sized(90, 5, 2),
}
SVG = "{http://www.w3.org/2000/svg}"
APART = {"office-intranet": "physical", "secret-net": "absolute"}


def canvas_of(plan: Plan) -> Canvas:
    canvas = Canvas()
    draw_map(canvas, plan, plan.id, APART)
    return canvas


def words(document: str) -> str:
    """All visible text."""
    root = ElementTree.fromstring(document)
    return "\n".join(element.text or "" for element in root.iter(f"{SVG}text"))


@pytest.mark.parametrize("name", PLANS)
def test_no_flow_runs_across_a_label(name: str) -> None:
    canvas = canvas_of(PLANS[name])
    # A badge with a flow's number stands on its line by intent.
    labels = [label for label in canvas.texts if not re.fullmatch(r"\d{1,2}", label.text)]
    crossed = [
        f"{route.title.splitlines()[0]} runs across {label.text!r}"
        for route in canvas.routes
        for label in labels
        if crosses(route.points, label.box)
    ]
    assert canvas.routes
    assert crossed == []


@pytest.mark.parametrize("name", PLANS)
def test_lines_turn_at_right_angles_and_stay_inside(name: str) -> None:
    canvas = Canvas()
    document = draw_map(canvas, PLANS[name], "x", {})
    wide, high = (float(n) for n in re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', document)[0])
    for route in canvas.routes:
        for (x0, y0), (x1, y1) in zip(route.points, route.points[1:], strict=False):
            assert x0 == x1 or y0 == y1, route.title
            assert 0 < x1 < wide
            assert 0 < y1 < high


@pytest.mark.parametrize("name", PLANS)
def test_labels_do_not_lie_on_each_other(name: str) -> None:
    labels = [label for label in canvas_of(PLANS[name]).texts if label.text]
    overlapping = [
        (one.text, other.text)
        for index, one in enumerate(labels)
        for other in labels[index + 1 :]
        if one.box.x < other.box.right - 0.5
        and other.box.x < one.box.right - 0.5
        and one.box.y < other.box.bottom - 0.5
        and other.box.y < one.box.bottom - 0.5
    ]
    assert overlapping == []


def test_the_same_plan_gives_the_same_picture() -> None:
    assert svg(sample.busy(), apart=APART) == svg(sample.busy(), apart=APART)


def test_it_names_every_host_site_and_subnet() -> None:
    plan = sample.reference()
    text = words(svg(plan))
    wanted = [host.name for host in plan.hosts] + [host.location for host in plan.hosts]
    wanted += [site.names[0] for site in plan.sites] + [str(segment.subnet) for segment in plan.segments]
    wanted += [str(container.address()) for container in plan.containers]
    assert [each for each in wanted if each not in text] == []


def test_every_flow_of_a_detailed_plan_is_a_line() -> None:
    plan = sample.busy()
    drawn = {route.title for route in canvas_of(plan).routes}
    for flow in plan.flows:
        if flow.source.host is None and flow.destination.segment == "edge":
            visibility = "internet" if flow.source.ref == "internet" else "fabric"
            assert any(title.startswith(f"{visibility} -> service/edge") for title in drawn)
        else:
            assert any(flow.id in title for title in drawn), flow.id


def test_a_site_of_the_fabric_has_no_line_of_the_internet() -> None:
    document = svg(sample.reference())
    groups = re.findall(r'<g class="flow f-(\w+)">\s*<title>([^<]*)</title>', document)
    staff = {kind for kind, title in groups if "tenant/personnel/site/staff" in title}
    assert staff == {"fabric"}


def test_an_isolated_tenant_is_shown_shut_with_no_line() -> None:
    plan = sample.busy()
    document = svg(plan)
    assert "isolated" in words(document)
    assert document.count('class="shut"') == 3  # web segment, data segment, legend
    assert not any("lands" in route.title for route in canvas_of(plan).routes)


def test_a_stale_flow_of_an_isolated_tenant_is_not_drawn_as_open() -> None:
    open_plan = sample.reference()
    tenants = tuple(replace(each, isolated=each.id == "tax") for each in open_plan.tenants)
    canvas = canvas_of(replace(open_plan, tenants=tenants))
    assert not any(route.title.startswith("service/edge -> tenant/tax") for route in canvas.routes)


def test_a_retiring_tenant_says_so() -> None:
    plan = sample.reference()
    tenants = tuple(replace(each, state="retiring" if each.id == "portal" else each.state) for each in plan.tenants)
    assert "retiring" in words(svg(replace(plan, tenants=tenants)))


def test_declared_flows_are_numbered_and_explained() -> None:
    text = words(svg(sample.busy()))
    assert "payroll asks for the tax classes of employees (until 2027-06-30)" in text
    assert "tax / file → 192.0.2.0/28  tcp/443" in text


def test_many_declared_flows_stay_drawable() -> None:
    plan = sample.busy()
    flows = [replace(flow, port=9000 + n) for n in range(40) for flow in plan.flows if flow.until]
    text = words(svg(replace(plan, flows=plan.flows + tuple(flows))))
    assert "and 58 more" in text


def test_fabrics_kept_apart_are_named_without_a_line() -> None:
    canvas = canvas_of(sample.reference())
    assert {"office-intranet", "secret-net", "physical", "absolute"} <= {label.text for label in canvas.texts}
    assert not any("secret" in route.title for route in canvas.routes)


def test_a_large_centre_shows_counts_and_stays_small() -> None:
    plan = sample.sized(1500, 8, 2)
    document = svg(plan)
    text = words(document)
    assert "1,500 tenants with 1,500 sites" in text
    assert "188 sites, 8 shut" in text
    assert "d0004 / www" not in text
    assert len(document) < 200_000


def test_hostile_names_stay_text() -> None:
    plan = sample.reference()
    evil = '</title><script>alert("x")</script>\x00\x1b[2J'
    sites = tuple(replace(site, department=evil, names=(evil,)) for site in plan.sites)
    document = svg(replace(plan, sites=sites), title=evil)
    assert "<script" not in document
    assert not any(element.tag.endswith("script") for element in ElementTree.fromstring(document).iter())


def test_it_is_accessible_and_follows_the_readers_colours() -> None:
    document = svg(sample.busy(), title="The city's extranet")
    root = ElementTree.fromstring(document)
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-labelledby"] == "title desc"
    assert root.findtext(f"{SVG}title") == "The city's extranet"
    assert "Tenant lands is isolated" in (root.findtext(f"{SVG}desc") or "")
    assert "@media (prefers-color-scheme:dark)" in document


def test_an_edge_in_the_last_location_is_still_reached() -> None:
    plan = sample.reference()
    hosts = tuple(replace(host, location="hall-z") if host.name == "web-1" else host for host in plan.hosts)
    canvas = canvas_of(replace(plan, hosts=hosts))
    assert any("tenant/tax/site/file" in route.title for route in canvas.routes)


def test_the_fabrics_kept_apart_come_from_the_profile() -> None:
    assert apart_from(load_profile("local-government"), "government-extranet") == {
        "government-intranet": "physical",
        "office-intranet": "physical",
        "secret-net": "absolute",
    }


@pytest.mark.parametrize("missing", ["sites", "everything"])
def test_an_empty_centre_is_drawn(missing: str) -> None:
    plan = sample.reference()
    keep = tuple(segment for segment in plan.segments if missing == "sites" and segment.zone is Zone.EDGE)
    empty = replace(
        plan,
        tenants=(),
        sites=(),
        segments=keep,
        containers=(),
        flows=(),
        vhosts=(),
        listeners=plan.listeners if keep else (),
    )
    ElementTree.fromstring(svg(empty))


@pytest.mark.parametrize("name", PLANS)
def test_names_of_what_is_outside_are_not_cut(name: str) -> None:
    assert [label.text for label in canvas_of(PLANS[name]).texts if re.match(r"Users of .*…", label.text)] == []
