"""`why` between references, and `reach`: from the rules, so that what nobody declared shows too."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from idc.plan.types import Plan
from idc.proof import from_plan
from idc.proof.ends import UnknownEndError, end, way
from idc.proof.forwarding import Fabric
from idc.proof.reach import PATH_MTU, Reached, UnseenError, by_name, reach
from idc.proof.why import WayAnswer, along
from tests.proof import centres

FABRIC = "government-extranet"


def town_with(host: str, old: str, new: str) -> Fabric:
    """The town's normal form with one line of a host's rules altered."""
    rules = from_plan.rendered(centres.town())
    assert old in rules[host]
    return from_plan.fabric(centres.town(), {**rules, host: rules[host].replace(old, new, 1)})


def asked(source: str, destination: str, protocol: str = "", port: int = 0, fabric: Fabric | None = None) -> WayAnswer:
    plan = centres.town()
    return along(
        plan, fabric or from_plan.fabric(plan), way(plan, end(plan, source), end(plan, destination), protocol, port)
    )


def test_a_citizen_reaches_a_site_in_two_connections_each_with_its_flow() -> None:
    answer = asked("internet", "tenant/tax/site/file")
    assert answer.word == "allowed"
    assert [flow.id for flow in answer.flows] == [
        "internet -> service/edge : tcp/8080", "service/edge -> tenant/tax/site/file : tcp/8080"
    ]  # fmt: skip
    assert answer.decided == "let through by edge-1, web-1"


def test_a_site_of_the_fabric_is_denied_to_the_internet_though_every_packet_passes() -> None:
    answer = asked("internet", "tenant/parks/site/staff")
    assert answer.word == "denied"
    assert answer.decided == (
        "the listener internet has no host name of tenant/parks/site/staff; it is served by the listener fabric"
    )
    assert asked(FABRIC, "tenant/parks/site/staff").word == "allowed"


@pytest.mark.parametrize(
    ("source", "destination", "protocol", "port", "place"),
    [
        ("tenant/tax/site/file", "tenant/parks/site/www", "", 0, "forward"),
        ("tenant/tax/site/file", "service/edge", "", 0, "forward"),
        ("tenant/tax/site/file", "host/web-1", "", 0, "input"),
        ("tenant/parks/site/www", "10.64.16.50", "tcp", 5432, "forward"),
        ("service/edge", "tenant/tax/site/file", "udp", 8080, "forward"),
        ("internet", "10.64.16.34", "tcp", 8080, "forward"),
        ("internet", "tenant/tax/site/file", "icmp", 0, "forward"),
    ],
)
def test_what_is_not_declared_is_denied_and_the_place_named(
    source: str, destination: str, protocol: str, port: int, place: str
) -> None:
    answer = asked(source, destination, protocol, port)
    assert answer.word == "denied"
    assert f"inet idc, {place}: " in answer.decided
    assert answer.flows == ()


def test_a_host_of_which_nothing_is_known_makes_the_answer_not_known() -> None:
    whole = from_plan.fabric(centres.town())
    lost = Fabric({name: host for name, host in whole.hosts.items() if name != "web-1"}, whole.uplinks)
    answer = asked("internet", "tenant/tax/site/file", fabric=lost)
    assert answer.word == "not known"
    assert "nothing is known of web-1" in answer.decided
    assert asked("internet", "tenant/parks/site/www", fabric=lost).word == "allowed"


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("tenant/tax/site/fle", "did you mean `tenant/tax/site/file`"),
        ("tenant/tax", "name one site"),
        ("zone/web", "name one site"),
        ("host/web-9", "did you mean `web-"),
        ("10.64.0.0/24", "name one address"),
        ("service/logs", "service/edge"),
        ("office-intranet", "listeners: fabric, internet"),
        ("10.1.2.3.4", ""),
        ("2001:db8::1", "IPv6"),
        ("", ""),
    ],
)
def test_a_word_that_is_no_one_end_is_refused_with_a_hint(word: str, said: str) -> None:
    with pytest.raises(UnknownEndError) as caught:
        end(centres.town(), word)
    assert said in caught.value.hint


def test_an_end_without_a_port_of_its_own_asks_for_one() -> None:
    plan = centres.town()
    with pytest.raises(UnknownEndError, match="no port of its own"):
        way(plan, end(plan, "tenant/tax/site/file"), end(plan, "198.18.64.200"))
    answer = asked("tenant/tax/site/file", "198.18.64.200", "tcp", 443)
    assert answer.word == "allowed"
    assert answer.flows[0].reason == "the registry of the province"


def reached(word: str, plan: Plan, fabric: Fabric | None = None) -> tuple[Reached, ...]:
    return reach(plan, fabric or from_plan.fabric(plan), end(plan, word).addresses[0])


def test_an_application_reaches_its_database_and_its_egress_and_nothing_else() -> None:
    found = reached("tenant/tax/site/file", centres.town())
    assert [(one.ref, one.to, one.ports, one.declared) for one in found] == [
        ("tenant/tax/site/file (data)", "10.64.16.50/31", "5432", True),
        ("", "198.18.64.128-198.18.64.254", "443", True),
    ]
    assert reached("tenant/parks/site/www", centres.town()) == ()


def test_the_edge_reaches_each_site_at_its_port_only() -> None:
    found = reached("service/edge", centres.town())
    assert {(one.ref, one.ports) for one in found} == {
        (site.ref, "8080") for site in centres.town().sites
    }  # fmt: skip


def test_outsiders_reach_the_edge_and_by_name_what_their_listener_serves() -> None:
    plan = centres.town()
    (edge,) = reached("internet", plan)
    assert (edge.ref, edge.ports, edge.flow) == ("service/edge", "8080", "internet -> service/edge : tcp/8080")
    citizens, users = (by_name(plan, end(plan, word).addresses[0]) for word in ("internet", FABRIC))
    assert {one.ref for one in citizens} == {site.ref for site in plan.sites if site.visibility.value == "internet"}
    assert {one.ref for one in users} == {"tenant/parks/site/staff"}


def test_a_management_host_reaches_ssh_of_every_other_host() -> None:
    plan = centres.reference("reference/extranet")
    found = [one for one in reached("host/core-1", plan) if one.protocol != PATH_MTU]
    assert {(one.ref, one.ports) for one in found} == {
        (f"host/{host.name}", "22") for host in plan.hosts if host.name != "core-1"
    }
    assert all(one.declared for one in found)


def test_what_a_rule_opens_without_a_flow_shows_as_declared_by_nothing() -> None:
    source, own = "tenant/health/site/care", ("tenant/health/site/care (data)", "5432")
    assert {(one.ref, one.ports) for one in reached(source, centres.town())} == {own}
    flow = "10.64.16.34/31 . 10.64.16.50/31 . tcp . 5432"
    opened = reached(source, centres.town(), town_with("web-1", flow, flow.replace("10.64.16.34/31", "10.64.16.2/31")))
    other = ("tenant/tax/site/file (data)", "5432")
    assert {(one.ref, one.ports) for one in opened} == {own, other}
    assert {(one.ref, one.ports) for one in opened if not one.declared} == {other}


def test_a_lost_host_on_the_way_is_said_not_left_out() -> None:
    whole = from_plan.fabric(centres.town())
    lost = Fabric({name: host for name, host in whole.hosts.items() if name != "web-2"}, whole.uplinks)
    with pytest.raises(UnseenError, match="web-2"):
        reach(centres.town(), lost, IPv4Address("10.64.0.2"))
