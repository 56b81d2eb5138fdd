"""Rendered files of the small centre's hosts, as a reviewer reads them, and what must hold for any plan.

`python -m tests.unit.render.test_host_files` writes the golden files anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from idc import paths, render
from idc.plan.types import Endpoint, Flow, HostRule
from idc.render.bandwidth import INBOUND, OUTBOUND, outbound_link, redirects
from idc.render.env import environment
from tests.plans.summary import plan_of
from tests.unit.render.small_plan import BY_NAME, PLAN, flow

GOLDEN = Path(__file__).with_name("golden")
FILES: dict[str, Callable[[], str]] = {
    "edge-1.nft": lambda: render.firewall(PLAN, "edge-1"),
    "web-1.nft": lambda: render.firewall(PLAN, "web-1"),
    "core-1.nft": lambda: render.firewall(PLAN, "core-1"),
    "web-1.routes": lambda: render.routes(PLAN, "web-1"),
    "web-1.bandwidth": lambda: render.bandwidth(PLAN, "web-1"),
    "edge-1.sysctl": lambda: render.sysctl(PLAN, "edge-1"),
    "web-1.sysctl": lambda: render.sysctl(PLAN, "web-1"),
}


@pytest.mark.parametrize("name", FILES)
def test_rendered_files_are_as_reviewed(name: str) -> None:
    assert FILES[name]() == (GOLDEN / name).read_text(), "on purpose? then: python -m tests.unit.render.test_host_files"


def test_host_files_are_the_ones_the_roles_put() -> None:
    files = render.host_files(PLAN, "web-1")
    assert sorted(files) == [
        "/etc/idc/bandwidth", "/etc/idc/firewall/ruleset.nft", "/etc/idc/routes", "/etc/sysctl.d/60-idc.conf",
    ]  # fmt: skip
    tasks = "".join(path.read_text() for path in (paths.resources() / "roles").glob("*/tasks/main.yml"))
    for path in files:
        assert "{{ idc_rendered }}" + path in tasks


@pytest.mark.parametrize("fabric", ["extranet", "intranet"])
def test_each_way_of_a_tenant_leads_to_its_one_class(fabric: str) -> None:
    """A host of the intranet has the edge too: what its tenants send there never sees the uplink."""
    plan = plan_of(paths.resources() / "centres/reference" / fabric)
    assert plan.bandwidth
    for share in plan.bandwidth:
        text, found = render.bandwidth(plan, share.host), redirects(plan, share.host)
        for bridge in share.bridges:
            assert found[bridge][-1].device == INBOUND
        assert f"class replace dev {INBOUND} parent 1:ffff classid 1:{share.class_id:x} htb" in text
        others = {s.bridge for s in plan.segments if s.host == share.host and not s.tenant}
        others |= {i.name for i in plan.host_by_name[share.host].interfaces} - {"uplink"}
        assert outbound_link(plan, share.host) == (OUTBOUND if others else "uplink")
        for link in others:
            assert {entry.device for entry in found[link]} == {OUTBOUND}
            assert {entry.source for entry in found[link]} == set(plan.host_by_name[share.host].blocks)
        assert f"dev {outbound_link(plan, share.host)} parent 1:ffff classid 1:{share.class_id:x} htb" in text


def test_a_host_has_only_the_flows_of_its_own_segments() -> None:
    text = render.firewall(PLAN, "web-2")
    assert "10.64.0.0/28 . 10.64.32.0/28 . tcp . 8080" in text
    assert "10.64.16." not in text.replace('"uplink" . 10.64.16.0/20', "")


def test_flows_to_close_are_left_out_on_both_hosts() -> None:
    kept = tuple(f for f in PLAN.flows if f.destination.segment != "parks-blog-web")
    for host in ("edge-1", "web-2"):
        assert "10.64.32.0/28 . tcp" not in render.firewall(PLAN, host, flows=kept)


def test_what_comes_from_outside_is_never_a_flow() -> None:
    """Only the listener's own rules, bound to its interface, let the outside in."""
    everyone = Endpoint("internet", "", None, (IPv4Network("0.0.0.0/1"), IPv4Network("128.0.0.0/1")), "edge-1")
    edge = Endpoint("service/edge", "edge", "edge-1", (IPv4Network("10.64.0.2/31"),))
    plan = replace(PLAN, flows=(Flow(everyone, edge, "tcp", 8080, "requests", "", "service"), *PLAN.flows))
    assert render.firewall(plan, "edge-1") == render.firewall(PLAN, "edge-1")


def test_what_a_host_itself_sends_is_not_forwarded() -> None:
    core = Endpoint("host/core-1", "", "core-1", (IPv4Network("10.71.255.4/32"),))
    web = BY_NAME["parks-blog-web"]
    there = Endpoint("tenant/parks", web.name, web.host, (web.subnet,))
    plan = replace(
        PLAN,
        flows=(Flow(core, there, "tcp", 8080, "a check", "", "declared"),),
        host_rules=(HostRule("core-1", "out", (web.subnet,), "tcp", 8080, "a check"),),
    )
    core_rules, web_rules = render.firewall(plan, "core-1"), render.firewall(plan, "web-2")
    assert "set flows" not in core_rules
    assert "10.64.32.0/28 . tcp . 8080" in core_rules.split("set host_out")[1]
    assert "10.71.255.4/32 . 10.64.32.0/28 . tcp . 8080" in web_rules


def test_egress_to_the_fabrics_users_goes_by_the_edge() -> None:
    users = Endpoint("198.51.100.64/26", "", None, (IPv4Network("198.51.100.64/26"),), "edge-1")
    tax = Endpoint("tenant/tax/site/www", "tax-www-web", "web-1", (BY_NAME["tax-www-web"].subnet,))
    plan = replace(PLAN, flows=(*PLAN.flows, Flow(tax, users, "tcp", 443, "a registry", "", "egress")))
    element = "10.64.16.0/28 . 198.51.100.64/26 . tcp . 443"
    assert element in render.firewall(plan, "web-1")
    assert element in render.firewall(plan, "edge-1")
    assert element not in render.firewall(plan, "web-2")
    assert '"uplink" . 198.51.100.64/26' in render.firewall(plan, "web-1"), "its answers come in by the uplink"
    assert '"uplink" . 198.51.100.64/26' not in render.firewall(plan, "edge-1"), "but not on the edge's uplink"
    assert "198.51.100.64/26 via 10.71.255.1 dev uplink" in render.routes(plan, "web-1")
    assert "198.51.100.64/26" not in render.routes(plan, "edge-1")


def test_closed_is_the_images_own_file_on_a_lab_host() -> None:
    closed = (paths.resources() / "roles/firewall/files/closed.nft").read_text()
    assert render.firewall(PLAN, "web-1", closed=True) == closed


def test_a_closed_server_stays_reachable_over_ssh_and_forwards_nothing() -> None:
    hosts = tuple(replace(host, ssh=host.address) for host in PLAN.hosts)
    text = render.firewall(replace(PLAN, hosts=hosts), "web-1", closed=True)
    assert "# forwarding: \n" in text
    assert "10.71.255.4/32 . tcp . 22" in text
    forward = text.split("chain forward {")[1].split("}")[0]
    assert "accept" not in forward
    assert "br-" not in text


def test_no_rule_says_established_alone_or_related() -> None:
    for host in PLAN.hosts:
        for line in render.firewall(PLAN, host.name).splitlines():
            assert "related" not in line
            assert "established" not in line or "ct direction reply" in line, line


def test_every_base_chain_but_the_translation_drops_by_default() -> None:
    for host in PLAN.hosts:
        chains = [line for line in render.firewall(PLAN, host.name).splitlines() if " hook " in line]
        assert all(line.endswith("policy drop;") for line in chains if "type filter" in line)
        assert len([line for line in chains if "type filter" in line]) == 4
        assert [line for line in chains if "type nat" in line] == (
            ["\t\ttype nat hook prerouting priority dstnat; policy accept;"] if host.name == "edge-1" else []
        )


def test_overlapping_flows_are_said_once() -> None:
    inner = replace(flow("edge", "tax-www-web", 8080).destination, networks=(IPv4Network("10.64.16.2/31"),))
    doubled = replace(flow("edge", "tax-www-web", 8080), destination=inner)
    plan = replace(PLAN, flows=(*PLAN.flows, doubled))
    assert render.firewall(plan, "web-1") == render.firewall(PLAN, "web-1")


def test_a_takeover_translates_to_the_new_slot_and_still_accepts_the_old() -> None:
    plan = replace(PLAN, containers=(replace(PLAN.containers[0], slot="b"),))
    text = render.firewall(plan, "edge-1")
    assert "dnat ip to 10.64.0.3:8080" in text
    assert "dnat ip to 10.64.0.2" not in text
    assert "ip daddr { 10.64.0.2, 10.64.0.3 } tcp dport 8080" in text


def test_a_class_number_that_is_not_a_tenants_is_refused() -> None:
    plan = replace(PLAN, bandwidth=(replace(PLAN.bandwidth[0], class_id=0xFFFF),))
    with pytest.raises(ValueError, match="no HTB class number"):
        render.bandwidth(plan, "web-1")


def test_an_undefined_name_in_a_template_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        environment().from_string("{{ nothing_of_the_kind }}").render()


def test_a_single_host_has_no_neighbours() -> None:
    plan = replace(PLAN, hosts=(PLAN.host_by_name["web-1"],), flows=(), host_rules=(), listeners=())
    assert "@hosts" not in render.firewall(plan, "web-1")
    assert " via " not in render.routes(plan, "web-1")
    assert IPv4Address("10.71.255.2") == plan.hosts[0].address


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for name, make in FILES.items():
        (GOLDEN / name).write_text(make())
