"""What may pass: derived from zones, sites and services, and what people declare; all else is refused with a reason."""

from __future__ import annotations

from datetime import date
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from idc.errors import InputError, Problem
from idc.plan import words
from idc.plan.types import Flow, HostRule, Plan
from tests.unit.plan import build
from tests.unit.plan.build import Declared

WHY = "needed for a test of flows"


def flow(source: str, to: str, port: str = "443/tcp", **more: Any) -> dict[str, Any]:
    return {"from": source, "to": to, "port": port, "why": WHY, **more}


def egress(to: str, port: str = "443/tcp", **more: Any) -> dict[str, Any]:
    return {"to": to, "port": port, "why": WHY, **more}


def two(*flows: dict[str, Any], **more: Any) -> Declared:
    """A static site, and an application with its database on the other host."""
    return build.declare(build.tenant("parks"), build.tenant("tax", build.app()), flows=flows, **more)


def declared(made: Plan) -> list[Flow]:
    return [entry for entry in made.flows if entry.origin in ("declared", "egress")]


def only(declaration: Declared) -> Problem:
    with pytest.raises(InputError) as caught:
        build.plan(declaration)
    assert len(caught.value.problems) == 1, caught.value.render()
    return caught.value.problems[0]


# -- derived --------------------------------------------------------------------------------------------------------


def test_the_derived_flows_are_these_and_no_more() -> None:
    made, _ = build.plan(two())
    assert [entry.id for entry in made.flows] == [
        "government-extranet -> service/edge : tcp/8081",
        "internet -> service/edge : tcp/8080",
        "service/edge -> tenant/parks/site/www : tcp/8080",
        "service/edge -> tenant/tax/site/file : tcp/8080",
        "tenant/tax/site/file -> tenant/tax/site/file : tcp/5432",
    ]
    assert all(entry.reason and entry.control for entry in made.flows)


def test_a_flow_names_both_address_slots_and_nothing_else_of_a_segment() -> None:
    made, _ = build.plan(two())
    database = next(entry for entry in made.flows if entry.port == 5432)
    container = made.container_by_name["tax-file-database"]
    assert list(database.destination.networks[0]) == [container.address_a, container.address_b]
    assert database.destination.segment == "tax-file-data"


def test_the_internet_is_everything_but_our_own() -> None:
    made, _ = build.plan(two())
    source = next(entry for entry in made.flows if entry.source.ref == "internet").source
    inside = ("10.64.0.2", "10.71.255.1", "198.18.64.7", "127.0.0.1", "224.0.0.1", "169.254.1.1", "0.0.0.0")
    outside = ("203.0.113.200", "8.8.8.8", "10.63.255.255", "10.72.0.0", "198.18.65.1")
    assert not [text for text in inside if any(IPv4Address(text) in net for net in source.networks)]
    assert not [text for text in outside if not any(IPv4Address(text) in net for net in source.networks)]
    assert source.via == "edge-1"


def test_an_employees_site_has_no_vhost_on_the_internets_listener() -> None:
    staff = build.site("staff", visibility="fabric", audience=["employee"])
    made, _ = build.plan(build.declare(build.tenant("tax", build.site(), staff)))
    assert {(vhost.site, vhost.visibility.value) for vhost in made.vhosts} == {
        ("tenant/tax/site/www", "internet"),
        ("tenant/tax/site/staff", "fabric"),
    }


@pytest.mark.parametrize(
    ("stage", "methods"),
    [
        ("publication", ("GET", "HEAD")),
        ("consultation", ("GET", "HEAD", "POST")),
        ("transaction", ("GET", "HEAD", "POST", "PUT")),
    ],
)
def test_a_stage_allows_what_it_needs(stage: str, methods: tuple[str, ...]) -> None:
    made, _ = build.plan(build.declare(build.tenant("tax", build.site(stage=stage))))
    assert [vhost.methods for vhost in made.vhosts] == [methods]


def test_a_vhost_points_to_the_slot_that_serves() -> None:
    declaration = two()
    before, lock = build.plan(declaration)
    after, _ = build.plan(declaration, lock, images=build.IMAGES | {"filing": "sha256:new"})
    upstream = {vhost.site: vhost.upstream for vhost in after.vhosts}
    assert upstream["tenant/tax/site/file"] == after.container_by_name["tax-file-app"].address_b
    assert before.flows == after.flows


# -- isolated -------------------------------------------------------------------------------------------------------


def test_an_isolated_tenant_has_containers_and_no_flow_vhost_or_rule() -> None:
    flows = (flow("tenant/tax/site/file", "tenant/parks/site/www"), flow("tenant/tax/site/file", "host/core-1"))
    declaration = two(*flows)
    before, lock = build.plan(declaration)
    made, later = build.plan(declaration, lock, isolated=frozenset({"tax"}))
    assert made.containers == before.containers
    assert not [entry.id for entry in made.flows if "tax" in entry.id]
    assert not [vhost for vhost in made.vhosts if vhost.tenant == "tax"]
    assert [rule for rule in before.host_rules if rule not in made.host_rules] == [
        HostRule("core-1", "in", before.flows[-1].source.networks, "tcp", 443, WHY)
    ]
    assert [tenant.id for tenant in made.tenants if tenant.isolated] == ["tax"]
    assert later is lock


# -- declared -------------------------------------------------------------------------------------------------------


def test_a_declared_flow_between_sites_says_who_wrote_it_where() -> None:
    made, _ = build.plan(two(flow("tenant/parks/site/www", "tenant/tax/site/file", "8443/tcp", control="8.1.3.1 a")))
    (entry,) = declared(made)
    assert entry.id == "tenant/parks/site/www -> tenant/tax/site/file : tcp/8443"
    assert (entry.reason, entry.control, entry.where) == (WHY, "8.1.3.1 a", "centre.yaml:3")
    assert entry.hosts == {made.container_by_name["parks-www-web"].host, made.container_by_name["tax-file-app"].host}


def test_an_expired_flow_is_closed_and_its_last_day_is_open() -> None:
    one = flow("tenant/parks/site/www", "tenant/tax/site/file", until="2026-06-01")
    assert declared(build.plan(two(one), today=date(2026, 6, 1))[0])
    assert not declared(build.plan(two(one), today=date(2026, 6, 2))[0])


def test_egress_is_one_flow_a_site() -> None:
    spec = build.tenant("tax", build.site(), build.app(), egress=[egress("tenant/parks/site/www", "8080/tcp")])
    made, _ = build.plan(build.declare(build.tenant("parks"), spec))
    assert [entry.source.ref for entry in declared(made)] == ["tenant/tax/site/file", "tenant/tax/site/www"]
    assert {entry.where for entry in declared(made)} == {"tenants/tax.yaml:3"}


def test_egress_to_a_site_of_its_own_leaves_out_that_site() -> None:
    spec = build.tenant("tax", build.site(), build.app(), egress=[egress("tenant/tax/site/file", "8080/tcp")])
    made, _ = build.plan(build.declare(spec))
    assert [entry.source.ref for entry in declared(made)] == ["tenant/tax/site/www"]


def test_a_flow_to_a_host_is_accepted_by_the_host_itself() -> None:
    made, _ = build.plan(two(flow("tenant/tax/site/file", "host/core-1", "123/udp")))
    (entry,) = declared(made)
    core = made.host_by_name["core-1"]
    assert entry.destination.networks == (IPv4Network(core.address),)
    assert HostRule("core-1", "in", entry.source.networks, "udp", 123, WHY) in made.host_rules


def test_a_flow_from_a_host_is_sent_by_the_host_itself() -> None:
    made, _ = build.plan(two(flow("host/core-1", "tenant/tax/site/file", "8080/tcp")))
    (entry,) = declared(made)
    assert HostRule("core-1", "out", entry.destination.networks, "tcp", 8080, WHY) in made.host_rules


def test_a_host_never_reaches_its_own_sites_by_itself_or_by_their_zone() -> None:
    on = build.plan(two())[0].container_by_name["tax-file-app"].host
    for to in ("tenant/tax/site/file", "zone/web"):
        problem = only(two(flow(f"host/{on}", to, "8080/tcp")))
        assert (problem.file, problem.source) == ("/centre/centre.yaml", "flows.0")
        assert (
            f"is on host/{on}, and what a host sends to its own containers has the gateway's address" in problem.message
        )
        assert problem.hint == "name another host, or run what calls it in a container"


def test_a_zone_stands_for_each_of_its_containers() -> None:
    made, _ = build.plan(two(flow("host/core-1", "zone/web", "9113/tcp")))
    assert [entry.destination.ref for entry in declared(made)] == ["tenant/parks/site/www", "tenant/tax/site/file"]


def test_the_data_zone_stands_for_ones_own_database_only() -> None:
    """A zone is no way to another tenant's data, whoever writes the flow."""
    specs = [build.tenant("parks", build.app("maps")), build.tenant("tax", build.app())]
    flows = (flow("tenant/tax/site/file", "zone/data", "5433/tcp"),)
    (entry,) = declared(build.plan(build.declare(*specs, flows=flows))[0])
    assert (entry.source.ref, entry.destination.ref) == ("tenant/tax/site/file", "tenant/tax/site/file")
    assert "tenant/tax/site/file (its database) on tcp/5433" in words.flow(entry, opened=True)
    for source, to in (("host/core-1", "zone/data"), ("zone/data", "host/core-1")):
        problem = only(build.declare(*specs, flows=(flow(source, to, "5432/tcp"),)))
        assert "a database answers nobody but its own application" in problem.message


def test_egress_to_the_fabrics_users_leaves_by_the_edge() -> None:
    spec = build.tenant("tax", egress=[egress("198.18.64.128/25")])
    made, _ = build.plan(build.declare(spec))
    (entry,) = declared(made)
    assert entry.destination.via == "edge-1"
    assert entry.hosts == {"edge-1", made.sites[0].host}


REAL = {
    name: {**entry, "address": f"192.168.7.{index}", "interface": "eth0"}
    for index, (name, entry) in enumerate(build.HOSTS.items(), 1)
}
LISTENERS = {"fabric": {"address": "198.18.64.10/24", "interface": "eth1"}}


def test_a_real_host_may_be_reached_from_and_call_networks_of_its_own() -> None:
    flows = (flow("192.0.2.0/24", "host/web-1", "22/tcp"), flow("host/web-1", "192.0.2.7/32", "123/udp"))
    staff = build.site("staff", visibility="fabric", audience=["employee"])
    declaration = build.declare(build.tenant("tax", staff), hosts=REAL, listeners=LISTENERS, flows=flows)
    made, _ = build.plan(declaration)
    assert HostRule("web-1", "in", (IPv4Network("192.0.2.0/24"),), "tcp", 22, WHY) in made.host_rules
    assert HostRule("web-1", "out", (IPv4Network("192.0.2.7/32"),), "udp", 123, WHY) in made.host_rules


@pytest.mark.parametrize(
    ("source", "to", "message"),
    [
        ("tenant/tax/site/file", "internet", "nothing goes out to it"),
        ("internet", "service/edge", "comes in by the edge's listener only"),
        ("tenant/tax/site/file", "172.16.0.0/24", "is on no network of the edge"),
        ("tenant/tax/site/file", "203.0.113.0/25", "is on no network of the edge"),
        ("198.18.64.0/25", "tenant/tax/site/file", "enters by the edge's listeners only"),
        ("198.18.64.0/25", "service/edge", "enters by the edge's listeners only"),
        ("172.16.0.0/24", "host/web-1", "host/web-1 is a lab host"),
        ("tenant/tax/site/file", "service/dns", "runs no container of its own yet"),
        ("tenant/tax/site/file", "zone/management", "no container runs in zone management yet"),
        ("host/core-1", "host/core-1", "both ends are the same"),
    ],
)
def test_what_no_host_could_let_pass_is_refused(source: str, to: str, message: str) -> None:
    services = {"edge": ["edge-1"], "dns": ["core-1"]}
    problem = only(two(flow(source, to), services=services))
    assert problem.file == "/centre/centre.yaml"
    assert problem.source == "flows.0"
    assert message in problem.message
    assert f"{source} -> {to} : 443/tcp" in problem.message


def test_no_container_reaches_its_own_host() -> None:
    before, _ = build.plan(two())
    own = before.container_by_name["tax-file-app"].host
    assert "its own host" in only(two(flow("tenant/tax/site/file", f"host/{own}"))).message


# -- host rules -----------------------------------------------------------------------------------------------------


def test_ssh_comes_from_the_management_hosts_only() -> None:
    made, _ = build.plan(two())
    core = made.host_by_name["core-1"]
    accepting = {rule.host: rule.networks for rule in made.host_rules if rule.direction == "in"}
    assert accepting == {name: (IPv4Network(core.address),) for name in ("edge-1", "web-1", "web-2")}
    (sending,) = [rule for rule in made.host_rules if rule.direction == "out"]
    assert sending.host == "core-1"
    assert len(sending.networks) == 3
    assert {(rule.protocol, rule.port) for rule in made.host_rules} == {("tcp", 22)}


# -- bandwidth ------------------------------------------------------------------------------------------------------


def test_a_tenants_share_covers_all_its_segments_on_the_host() -> None:
    made, _ = build.plan(two())
    share = next(entry for entry in made.bandwidth if entry.tenant == "tax")
    mine = [segment for segment in made.segments if segment.tenant == "tax"]
    assert set(share.networks) == {segment.subnet for segment in mine}
    assert set(share.bridges) == {segment.bridge for segment in mine}
    assert share.rate == share.ceil == 20_000_000
    assert share.class_id == 0x10 + 2
