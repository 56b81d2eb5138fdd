"""The prober against real namespaces with the rendered rules: it sees what is open, and each hole that is made."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from idc import model
from idc import plan as planning
from idc.errors import Unreachable
from idc.live import prober
from idc.live.probe import Family, Outcome, Probe, Verdict
from idc.live.probes import choose
from idc.plan.lock import Lock
from tests.unit.live.netlab import Netlab
from tests.unit.live.plans import PLAN, isolated

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("live")]

PROBES = choose(PLAN).probes
SHUT = isolated("parks")  # two sites, one of which is the only one that the fabric's side has
MIRROR = "ip saddr 10.64.16.34 ip daddr 10.64.16.18 tcp sport 5432 accept"  # the reply of a flow, without its state

# what is opened by hand: host, rule -> the probes that must find it
HOLES: dict[str, tuple[Family, str, str, set[str]]] = {
    "a tenant to another's host": (
        Family.OTHER_HOST, "web-1 web-2", "forward ip saddr 10.64.16.2 ip daddr 10.64.32.2 accept",
        {"other-host/tax-www-a/10.64.32.2/tcp-8080", "other-host/tax-www-a/10.64.32.2/udp-8080",
         "other-host/tax-www-a/10.64.32.2/icmp-0"},
    ),
    "any port of an allowed pair": (
        Family.WRONG_PORT, "web-1", "forward ip saddr 10.64.16.18 ip daddr 10.64.16.34 tcp dport 1-65535 accept",
        {"wrong-port/tax-file-a/10.64.16.34/tcp-5999"},
    ),
    "UDP of an allowed pair": (
        Family.WRONG_PROTOCOL, "web-1", "forward ip saddr 10.64.16.18 ip daddr 10.64.16.34 udp dport 5432 accept",
        {"wrong-protocol/tax-file-a/10.64.16.34/udp-5432"},
    ),
    "ping of an allowed pair": (
        Family.WRONG_PROTOCOL, "web-1", "forward ip saddr 10.64.16.18 ip daddr 10.64.16.34 ip protocol icmp accept",
        {"wrong-protocol/tax-file-a/10.64.16.34/icmp-0"},
    ),
    "a database that calls its application": (
        Family.REVERSE, "web-1", "forward ip saddr 10.64.16.34 ip daddr 10.64.16.18 tcp dport 8080 accept",
        {"reverse/tax-file-database-a/10.64.16.18/tcp-8080"},
    ),
    "a reverse direction by UDP": (
        Family.REVERSE, "web-1", "forward ip saddr 10.64.16.34 ip daddr 10.64.16.18 ip protocol udp accept",
        {"reverse/tax-file-database-a/10.64.16.18/udp-5999"},
    ),
    "a reverse direction by ping": (
        Family.REVERSE, "web-1", "forward ip saddr 10.64.16.34 ip daddr 10.64.16.18 ip protocol icmp accept",
        {"reverse/tax-file-database-a/10.64.16.18/icmp-0"},
    ),
    "a reply without its state": (
        Family.REVERSE, "web-1", f"forward {MIRROR}", {"reverse/tax-file-database-a/10.64.16.18/tcp-0/from-5432"},
    ),
    "a site to another of its tenant": (
        Family.OWN_TENANT, "web-1", "forward ip saddr 10.64.16.2 ip daddr 10.64.16.18 tcp dport 8080 accept",
        {"own-tenant/tax-www-a/10.64.16.18/tcp-8080"},
    ),
    "a container to another host": (
        Family.HOST, "web-1 web-2", "{forward,input} ip saddr 10.64.16.2 ip daddr 10.71.255.3 tcp dport 22 accept",
        {"host/tax-www-a/10.71.255.3/tcp-22"},
    ),
    "a container to a management host": (
        Family.MANAGEMENT_HOST, "web-1 core-1", "{forward,input} ip saddr 10.64.16.2 ip daddr 10.71.255.4 accept",
        {"management-host/tax-www-a/10.71.255.4/tcp-22", "management-host/tax-www-a/10.71.255.4/icmp-0"},
    ),
    "a container to its host by a neighbour's gateway": (
        Family.GATEWAY, "web-1", "input ip saddr 10.64.16.50 ip daddr != 10.64.16.49 ip daddr 10.64.16.0/24 accept",
        {"gateway/parks-www-a/10.64.16.1/tcp-22"},
    ),
    "the Internet to the fabric's listener": (
        Family.FABRIC_LISTENER, "edge-1", 'forward iifname "internet" ip daddr 10.64.0.2 tcp dport 8081 accept',
        {"fabric-listener/idc-small-net-citizen/10.64.0.2/tcp-8081/by-203.0.113.10"},
    ),
    "the fabric's users to the inside": (
        Family.FABRIC_INSIDE, "edge-1", 'forward iifname "fabric" ip daddr 10.64.0.2 tcp dport 8080 accept',
        {"fabric-inside/idc-small-net-employee/10.64.0.2/tcp-8080/by-198.51.100.10"},
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def lab() -> Iterator[Netlab]:
    if os.geteuid() != 0:
        pytest.fail("network namespaces need root")
    lab = Netlab(PLAN)
    try:
        lab.up()
        yield lab
    finally:
        lab.down()


def some(*families: Family) -> list[Probe]:
    """The probes of some families with their controls."""
    wanted = [probe for probe in PROBES if probe.family in families]
    names = {control for probe in wanted for control in probe.controls}
    return [probe for probe in PROBES if probe.id in names or probe in wanted]


def fly(lab: Netlab, *families: Family) -> list[Outcome]:
    return prober.run(lab, some(*families), rename=lab.rename, tries=(1.0,))


def broken(outcomes: list[Outcome]) -> dict[str, str]:
    return {outcome.probe.id: outcome.words for outcome in outcomes if outcome.verdict is Verdict.BROKEN}


@pytest.fixture
def hole(lab: Netlab) -> Iterator[Netlab]:
    """The lab, its rules put back afterwards."""
    yield lab
    lab.load_rules()


def test_all_that_is_declared_passes_and_all_else_is_blocked(lab: Netlab) -> None:
    outcomes = prober.run(lab, PROBES, rename=lab.rename)
    assert len(outcomes) == len(PROBES) > 250
    wrong = {outcome.probe.id: outcome.words for outcome in outcomes if outcome.verdict is not Verdict.HELD}
    assert not wrong


def test_nothing_is_left_behind(lab: Netlab, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens: list[str] = []  # of this run alone: others may probe on this machine meanwhile

    def token(size: int) -> str:
        tokens.append(os.urandom(size).hex())
        return tokens[-1]

    monkeypatch.setattr("idc.live.prober.secrets.token_hex", token)
    fly(lab, Family.FLOW)
    left = subprocess.run(["ss", "-xlH"], capture_output=True, text=True, check=True).stdout
    left += "".join(lab.run(host.name, ["ss", "-xlH"]).stdout.decode() for host in PLAN.hosts)
    assert tokens
    assert not [token for token in tokens if f"idc-probe-{token}" in left]


def test_an_accept_between_two_tenants_is_seen_with_its_way_even_if_no_answer_comes_back(hole: Netlab) -> None:
    hole.rules("web-1", "insert rule inet idc forward ip saddr 10.64.16.2 ip daddr 10.64.16.50 accept")
    found = broken(fly(hole, Family.SAME_HOST))
    assert "same-host/tax-www-a/10.64.16.50/tcp-8080" in found
    words = found["same-host/tax-www-a/10.64.16.50/tcp-8080"]
    assert words == "arrived at web-1 parks-www-a itself in, although nothing came back"
    assert all("tax-www-a/10.64.16.50" in name for name in found)


def test_an_open_host_is_seen_even_if_its_answer_is_held_back(hole: Netlab) -> None:
    hole.rules("web-1", 'insert rule inet idc input iifname "br-0a401000" accept')
    found = broken(fly(hole, Family.GATEWAY))
    assert {name for name in found if name.startswith("gateway/")} == {
        "gateway/tax-www-a/10.64.16.1/tcp-22",
        "gateway/tax-www-a/10.64.16.1/tcp-5999",
        "gateway/tax-www-a/10.64.16.1/udp-5999",
        "gateway/tax-www-a/10.64.16.1/icmp-0",
        "gateway/tax-www-a/10.64.16.17/tcp-22",
        "gateway/tax-www-a/10.71.255.2/tcp-22",
    }


@pytest.mark.parametrize("what", HOLES)
def test_a_hole_in_a_class_is_found_by_the_probes_of_that_class(hole: Netlab, what: str) -> None:
    family, hosts, rule, expected = HOLES[what]
    chains, _, text = rule.partition(" ")
    for host in hosts.split():
        for chain in chains.strip("{}").split(","):
            hole.rules(host, f"insert rule inet idc {chain} {text}")
    assert broken(fly(hole, family)).keys() == expected


def test_a_shut_tenant_is_proven_shut_even_where_nothing_else_is_served(lab: Netlab) -> None:
    probes = choose(SHUT).probes
    with lab.planned(SHUT):
        good = prober.run(lab, probes, rename=lab.rename)
        lab.statuses[8081].add("staff.parks.example")
        lab.rules("edge-1", "insert rule inet idc forward ip daddr 10.64.16.50 accept")
        lab.rules("web-1", "insert rule inet idc forward ip daddr 10.64.16.50 accept")
        spoiled = broken(prober.run(lab, probes, rename=lab.rename, tries=(1.0,)))
    assert not {o.probe.id: o.words for o in good if o.verdict is not Verdict.HELD}
    assert {name for name in spoiled if name.startswith("shut/")} == {
        "shut/idc-small-net-employee/198.51.100.10/http-80/staff.parks.example",
        "shut/edge-a/10.64.16.50/tcp-8080",
    }


def test_forged_sources_are_seen_when_bridges_are_not_bound(hole: Netlab) -> None:
    hole.rules("web-1", "insert rule inet idc antispoof accept")
    found = broken(fly(hole, Family.SPOOFED))
    assert found
    assert all(name.startswith("spoofed/") and "citizen" not in name for name in found)


def test_a_route_inwards_from_the_internet_is_seen(hole: Netlab) -> None:
    hole.rules("edge-1", 'insert rule inet idc forward iifname "internet" accept')
    found = broken(fly(hole, Family.INTERNET_INSIDE, Family.FABRIC_INSIDE))
    assert any("10.64.0.2/tcp-8080/by-203.0.113.10" in name for name in found)
    assert not any("employee" in name for name in found)


def test_a_closed_flow_is_seen(hole: Netlab) -> None:
    hole.rules("web-2", "flush set inet idc flows")
    found = broken(fly(hole, Family.FLOW))
    assert list(found) == ["flow/edge-a/10.64.32.2/tcp-8080"]
    assert found["flow/edge-a/10.64.32.2/tcp-8080"] == "silent, last seen at web-2 uplink in"


def test_ipv6_left_open_is_seen(hole: Netlab) -> None:
    hole.rules("edge-1", "insert rule inet idc forward meta nfproto ipv6 accept")
    assert any(name.startswith("ipv6/") for name in broken(fly(hole, Family.IPV6)))


def test_an_employees_site_on_the_internets_listener_is_seen(lab: Netlab) -> None:
    lab.statuses[8080].add("staff.parks.example")
    try:
        found = broken(fly(lab, Family.AUDIENCE))
    finally:
        lab.statuses[8080].remove("staff.parks.example")
    assert sorted(found) == [
        "audience/idc-small-net-citizen/2001:db8:113::10/http-80/staff.parks.example",
        "audience/idc-small-net-citizen/203.0.113.10/http-80/staff.parks.example",
    ]
    assert set(found.values()) == {"answered 200, expected 421"}


def test_silence_of_a_dead_destination_proves_nothing(lab: Netlab) -> None:
    with lab.stopped("parks-www"):
        outcomes = fly(lab, Family.SAME_HOST)
    concerned = [o for o in outcomes if str(o.probe.address) == "10.64.16.50" and o.probe.protocol == "tcp"]
    assert {o.verdict for o in concerned if not o.probe.passes} == {Verdict.UNKNOWN}
    assert all("positive control" in o.words for o in concerned if not o.probe.passes)


def test_a_host_that_does_not_answer_makes_its_probes_unknown_and_no_others(lab: Netlab) -> None:
    class Cut(Netlab):
        def run(self, host, command, *, input=b"", deadline=30.0):  # type: ignore[no-untyped-def] # noqa: A002
            if host == "web-2":
                raise Unreachable("web-2: does not answer", host=host)
            return lab.run(host, command, input=input, deadline=deadline)

    outcomes = prober.run(Cut(PLAN), some(Family.OTHER_HOST, Family.SAME_HOST), rename=lab.rename, tries=(1.0,))
    for outcome in outcomes:
        place = outcome.probe.destination
        concerns = "web-2" in (outcome.probe.source.machine, place.machine if place else "")
        assert (outcome.verdict is Verdict.UNKNOWN) == concerns, (outcome.probe.id, outcome.words)


def test_a_fabric_without_the_internet_holds_too(root: Path) -> None:
    declaration = model.load(root / "centres" / "reference" / "intranet")
    plan, _ = planning.make(declaration, Lock.read(root / "no-locks"), {}, today=date(2026, 1, 1))
    lab = Netlab(plan, prefix=f"idcw{os.getpid()}-")
    try:
        lab.up()
        outcomes = prober.run(lab, choose(plan).probes, rename=lab.rename)
    finally:
        lab.down()
    assert len(outcomes) > 50
    assert not {o.probe.id: o.words for o in outcomes if o.verdict is not Verdict.HELD}
