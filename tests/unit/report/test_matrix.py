"""The matrix of who may reach whom."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from idc.report.graph import reachability_svg
from idc.report.graph.canvas import Canvas, width
from idc.report.graph.matrix import matrix
from idc.report.graph.reachability import draw_matrix
from tests.unit.report import sample


def test_every_flow_is_a_cell_and_nothing_else_is() -> None:
    plan = sample.busy()
    data = matrix(plan)
    ends = [(flow.source, flow.destination) for flow in plan.flows]
    named = {plan.fabric: "fabric"}
    from_flows = {(a.segment or named.get(a.ref, a.ref), b.segment or b.ref) for a, b in ends}
    from_ssh = {("host/core-1", f"host/{host.name}") for host in plan.hosts if host.name != "core-1"}
    assert set(data.ports) == from_flows | from_ssh


def test_every_pair_has_a_row_and_a_column() -> None:
    for plan in (sample.busy(), sample.single_host(), sample.sized(120, 4)):
        data = matrix(plan)
        sources, targets = {axis.key for axis in data.sources}, {axis.key for axis in data.targets}
        assert all(source in sources and target in targets for source, target in data.ports)
        assert all(source in sources and target in targets for source, target in data.named)


def test_every_host_has_a_row_also_those_that_reach_nothing() -> None:
    plan = sample.reference()
    rows = [axis.key for axis in matrix(plan).sources]
    assert [key for key in rows if key.startswith("host/")] == [f"host/{host.name}" for host in plan.hosts]


def test_in_a_large_centre_the_hosts_that_manage_none_are_one_row() -> None:
    data = matrix(sample.sized(120, 4))
    assert [axis.label for axis in data.sources][-2:] == ["host core-1", "every other host"]
    assert [source for source, _ in data.ports if source == data.sources[-1].key] == []


def test_bold_text_is_taken_to_be_as_wide_as_a_wide_font_draws_it() -> None:
    """DejaVu Sans Bold draws this heading 864 pixels wide; with less room it was cut where that is the only font."""
    assert 864 <= width("The reference centre's extranet: who may reach whom", 28, bold=True) < 1000


def test_no_text_leaves_the_picture() -> None:
    for plan in (sample.busy(), sample.reference(), sample.single_host(), sample.sized(120, 4)):
        canvas = Canvas()
        document = draw_matrix(canvas, plan, plan.id)
        wide, high = (float(size) for size in ElementTree.fromstring(document).attrib["viewBox"].split()[2:])
        for label in canvas.texts:
            assert label.box.x >= 0, label
            assert label.box.right <= wide, label
            assert label.box.y >= 0, label
            assert label.box.bottom <= high, label


def test_a_site_of_the_fabric_is_not_asked_for_from_the_internet() -> None:
    data = matrix(sample.reference())
    assert ("fabric", "personnel-staff-web") in data.named
    assert ("internet", "personnel-staff-web") not in data.named


def test_no_tenant_reaches_another_in_the_reference() -> None:
    plan = sample.reference()
    tenant_of = {segment.name: segment.tenant for segment in plan.segments}
    crossing = [
        pair
        for pair in matrix(plan).ports
        if tenant_of.get(pair[0]) and tenant_of.get(pair[0]) != tenant_of.get(pair[1])
    ]
    assert crossing == []


def test_a_large_centre_is_taken_together_by_zone() -> None:
    data = matrix(sample.sized(1500, 8))
    assert data.ports["zone/web", "zone/data"] == ("own 5432",)
    assert len(data.targets) < 8


def test_the_drawing_is_stable_and_well_formed() -> None:
    document = reachability_svg(sample.busy())
    assert document == reachability_svg(sample.busy())
    root = ElementTree.fromstring(document)
    described = root.findtext("{http://www.w3.org/2000/svg}desc") or ""
    assert "tax / file to tax / file · data: 5432" in described
