"""The matrix by verdict: what is declared and proven, denied, not known, broken."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from idc.plan.types import Plan
from idc.proof import Proof, prove_plan
from idc.proof.from_plan import rendered
from idc.report.graph import reachability_svg
from idc.report.graph.canvas import Canvas
from idc.report.graph.matrix import matrix
from idc.report.graph.reachability import draw_matrix
from tests.proof import centres
from tests.proof.test_delta import with_elements
from tests.unit.plan import build


def proof_with(plan: Plan, **altered: str) -> Proof:
    return prove_plan(plan, {**rendered(plan), **{name.replace("_", "-"): text for name, text in altered.items()}})


def test_what_is_proven_is_said_to_be_and_the_rest_denied() -> None:
    plan = centres.town()
    data = matrix(plan, prove_plan(plan))
    assert {pair for pair, verdict in data.verdicts.items() if verdict == "proven"} == set(data.ports) | data.named
    assert set(data.verdicts.values()) == {"proven", "denied"}


def test_without_a_proof_nothing_is_called_proven() -> None:
    assert set(matrix(centres.town()).verdicts.values()) == {"declared", "denied"}
    assert "proven" not in reachability_svg(centres.town()).split("</style>")[1]


def test_a_leak_is_a_broken_cell_of_the_two_that_it_joins() -> None:
    plan = centres.town()
    care, data = plan.segment_by_name["health-care-web"], plan.segment_by_name["tax-file-data"]
    assert care.host == data.host
    leak = with_elements(plan, care.host, f"{care.subnet[2]} . {data.subnet[2]} . tcp . 5432")
    found = matrix(plan, proof_with(plan, **leak))
    assert {pair for pair, verdict in found.verdicts.items() if verdict == "broken"} == {(care.name, data.name)}
    own = {segment.name for segment in plan.segments if segment.host == care.host} | {f"host/{care.host}"}
    others = {v for pair, v in found.verdicts.items() if own >= set(pair) and not found.open(pair)}
    assert others == {"broken", "unknown"}  # one packet shows one pair; of the rest of that host nothing is promised
    picture = reachability_svg(plan, proof=proof_with(plan, **leak))
    assert "the isolation proof says broken" in picture
    assert 'class="v-broken"' in picture


def test_what_is_declared_and_does_not_pass_is_broken_too() -> None:
    plan = centres.town()
    site = next(flow for flow in plan.flows if flow.destination.ref == "tenant/health/site/care" and flow.port == 8080)
    host = site.destination.host
    assert host is not None
    lines = rendered(plan)[host].splitlines(keepends=True)
    kept = [line for line in lines if f". {site.destination.networks[0]} . tcp . 8080" not in line]
    assert len(kept) < len(lines)
    found = matrix(plan, proof_with(plan, **{host: "".join(kept)}))
    assert found.verdicts[site.source.segment, site.destination.segment] == "broken"


def test_of_a_host_that_is_not_understood_nothing_is_called_proven() -> None:
    plan = centres.town()
    found = matrix(plan, proof_with(plan, web_1="table inet idc {\n\tnonsense\n}\n"))
    on_web_1 = {segment.name for segment in plan.segments if segment.host == "web-1"} | {"host/web-1"}
    for pair, verdict in found.verdicts.items():
        ends = on_web_1 & set(pair)
        if found.open(pair):
            assert verdict == ("unknown" if ends else "proven"), pair
        else:  # the other host denies it by itself
            assert verdict == ("unknown" if len(ends) == 2 else "denied"), pair
    assert found.count("unknown") > 0


def test_forty_sites_stay_readable_with_labels_at_both_ends() -> None:
    tenants = [build.tenant(f"t{n:02}", build.site(names=[f"t{n:02}.town.example"])) for n in range(40)]
    hosts = {**build.HOSTS, "web-1": build.host("web", "data", cpus=64)}
    plan, _ = build.plan(build.declare(*tenants, hosts=hosts))
    canvas = Canvas()
    document = draw_matrix(canvas, plan, plan.id, prove_plan(plan))
    size = ElementTree.fromstring(document).attrib["viewBox"].split()
    assert float(size[2]) < 2600
    labels = [label for label in canvas.texts if label.text == "t39 / www"]
    assert len(labels) == 3  # two ends of its row, and its column
    cells = [label for label in canvas.texts if label.text == "8080"]
    assert len(cells) >= 40
