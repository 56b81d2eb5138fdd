"""The same proof over live snapshots: rule sets as the kernel lists them, and all else that can move a packet."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from idc.live import nft
from idc.live.probe import Verdict
from idc.live.snapshot import ContainerState, Link, NetworkState, Part, Route, Snapshot, Traffic
from idc.operate import prove_live
from idc.proof import Proof, prove_snapshots
from tests.proof import centres, live
from tests.proof.mutants_of_rules import PROMISES, RULES, UNKNOWN
from tests.proof.spoil import Mutant, centre

pytestmark = pytest.mark.live  # nft lists the rules, from a namespace of its own: needs root


@pytest.fixture(scope="module")
def good() -> dict[str, Snapshot]:
    """The town as it should be."""
    town = centre()
    return live.snapshots(town.plan, {name: live.listed(text) for name, text in town.rules.items()})


def test_a_live_centre_as_planned_is_proven(good: dict[str, Snapshot]) -> None:
    proof = prove_snapshots(centres.town(), good)
    assert [str(unknown) for unknown in proof.unknown] == []
    assert [str(violation) for violation in proof.violations] == []
    assert proof.holds
    assert proof.looked_at["hosts"] == 4


OF_TEXT = (
    "forwarding stays off", "a route leads to the wrong host", "a route is missing", "a rule set cut off",
    "administration leaves by the Internet's link",
)  # fmt: skip


def listed(good: dict[str, Snapshot], mutant: Mutant) -> Proof:
    """The proof of the town where a host lists the mutant's rules."""
    town, fresh = centre(), centre()
    mutant.spoil(town)
    found = dict(good)
    for name, text in town.rules.items():
        if text != fresh.rules[name]:
            found[name] = replace(found[name], rules=Part(nft.parse(live.listed(text))))
    return prove_snapshots(town.plan, found)


@pytest.mark.parametrize(
    "mutant", [m for m in (*RULES, *PROMISES) if m.name not in OF_TEXT], ids=lambda mutant: mutant.name
)
def test_what_is_wrong_in_a_listed_rule_set_is_found(good: dict[str, Snapshot], mutant: Mutant) -> None:
    proof = listed(good, mutant)
    assert any(mutant.says in str(violation) for violation in proof.violations), proof.summary


ENDS = [mutant for mutant in UNKNOWN if "its policy lapses" in mutant.says]


@pytest.mark.parametrize("mutant", ENDS, ids=lambda mutant: mutant.name)
def test_a_listed_chain_that_ends_in_its_policy_is_unknown(good: dict[str, Snapshot], mutant: Mutant) -> None:
    proof = listed(good, mutant)
    assert proof.verdict == "unknown", proof.summary
    assert any(mutant.says in str(unknown) for unknown in proof.unknown)


def table(family: str, *rules: object, **chain: object) -> nft.Ruleset:
    """A table of somebody else's."""
    place = {"family": family, "table": "x"}
    entries: list[object] = [{"table": {"family": family, "name": "x"}}, {"chain": {**place, "name": "c", **chain}}]
    entries += [{"rule": {**place, "chain": "c", "expr": rule}} for rule in rules]
    return nft.parse(json.dumps({"nftables": entries}))


def with_table(snapshot: Snapshot, more: nft.Ruleset) -> nft.Ruleset:
    """A host's rules with another table."""
    return nft.Ruleset({**snapshot.rules.value.tables, **more.tables})


HOSTED = {"type": "filter", "hook": "prerouting", "prio": -400, "policy": "accept"}
Change = Callable[[Snapshot], dict[str, object]]
BESIDE: dict[str, tuple[Change, str]] = {
    "a connection is not tracked": (
        lambda s: {"rules": with_table(s, table("inet", [{"notrack": None}], **HOSTED))}, "notrack"),
    "packets are sent on before any rule": (
        lambda s: {"rules": with_table(s, table("netdev", [{"fwd": {"dev": "uplink"}}], type="filter", hook="ingress",
                                                dev="br-0a401000", prio=0))}, "family netdev"),
    "an address is rewritten": (
        lambda s: {"rules": with_table(s, table("ip", [{"mangle": {"key": {"payload": {
            "protocol": "ip", "field": "daddr"}}, "value": "10.64.16.34"}}], **HOSTED))}, "mangle"),
    "a rule of iptables": (lambda _: {"iptables": "*filter\n-A FORWARD -j ACCEPT\nCOMMIT\n"}, "iptables: -A FORWARD"),
    "a legacy table": (lambda _: {"legacy": {"ip": "*nat\n-A PREROUTING -j DNAT\nCOMMIT\n"}}, "legacy ip tables"),
    "a policy route": (lambda _: {"policy_routes": ('{"priority": 100}',)}, "policy route"),
    "a tc redirect": (lambda _: {"traffic": Traffic((), {"br-0a401000 ingress": "mirred"}, ())}, "tc filter"),
    "a planned redirect that leads elsewhere": (
        lambda s: {"traffic": replace(s.traffic.value, filters={
            place: text.replace("device idc-in", "device br-0a401030")
            for place, text in s.traffic.value.filters.items()})}, "tc filter"),
    "a transformation": (lambda _: {"xfrm": "src 10.0.0.0/8 dst 0.0.0.0/0"}, "xfrm"),
    "an XDP program": (
        lambda s: {"links": (*s.links.value[:1], *(replace(link, xdp=True) for link in s.links.value[1:]))}, "XDP"),
    "a tunnel": (lambda s: {"links": (*s.links.value, Link("wg0", "wireguard", True, "", ()))}, "tunnel"),
    "a route of another table": (
        lambda s: {"routes": (*s.routes.value, Route("10.0.0.0/8", "", "uplink", "100", "", "unicast"))}, "table 100"),
    "proxy ARP": (
        lambda s: {"sysctls": {**s.sysctls.value, "net/ipv4/conf/uplink/proxy_arp": "1"}}, "proxy_arp"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(BESIDE))
def test_what_moves_packets_beside_the_rules_makes_the_proof_unknown(good: dict[str, Snapshot], name: str) -> None:
    change, says = BESIDE[name]
    proof = prove_snapshots(centres.town(), live.spoiled(good, "web-1", **change(good["web-1"])))
    assert not proof.holds
    assert any(says in str(unknown) for unknown in proof.unknown), [str(u) for u in proof.unknown]


def test_an_accept_in_another_table_opens_nothing(good: dict[str, Snapshot]) -> None:
    more = table("inet", [{"accept": None}], type="filter", hook="forward", prio=-10, policy="accept")
    spoiled = live.spoiled(good, "web-1", rules=with_table(good["web-1"], more))
    assert prove_snapshots(centres.town(), spoiled).holds


def test_a_flushed_table_lets_everything_through(good: dict[str, Snapshot]) -> None:
    proof = prove_snapshots(centres.town(), live.spoiled(good, "web-1", rules=nft.Ruleset({})))
    leaks = [v for v in proof.violations if v.inclusion == "real in declared" and v.where == "web-1"]
    assert leaks
    assert all(leak.witness is None or leak.witness.passes for leak in leaks)


def test_a_part_that_was_not_read_is_unknown(good: dict[str, Snapshot]) -> None:
    spoiled = {**good, "web-1": replace(good["web-1"], rules=Part(None, "nft: timed out"))}
    proof = prove_snapshots(centres.town(), spoiled)
    assert proof.verdict == "unknown"
    assert "timed out" in str(proof.unknown[0])


def test_a_host_without_a_snapshot_is_unknown(good: dict[str, Snapshot]) -> None:
    proof = prove_snapshots(centres.town(), {name: s for name, s in good.items() if name != "web-2"})
    assert proof.verdict == "unknown"
    assert proof.unknown[0].where == "web-2"


def test_a_container_on_a_second_network_joins_them(good: dict[str, Snapshot]) -> None:
    engine = good["web-1"].engine.value
    networks: tuple[NetworkState, ...] = tuple(
        replace(n, containers=(*n.containers, "health-care-app-a")) if n.name == "tax-www-web" else n
        for n in engine.networks
    )
    spoiled = live.spoiled(good, "web-1", engine=replace(engine, networks=networks))
    said = [str(violation) for violation in prove_snapshots(centres.town(), spoiled).violations]
    assert any("joins the bridges br-0a401000 and br-0a401040" in text for text in said)
    assert any("on the bridge of segment tax-www-web, which is not its own" in text for text in said)


def test_a_link_that_nobody_planned_is_looked_at_too(good: dict[str, Snapshot]) -> None:
    """A bridge that somebody added: our rules bind no source to it, so nothing comes in."""
    links = (*good["web-1"].links.value, Link("br-foreign", "bridge", True, "", ("10.64.16.81/28",)))
    assert prove_snapshots(centres.town(), live.spoiled(good, "web-1", links=links)).holds


def test_a_container_in_the_hosts_network_is_unknown(good: dict[str, Snapshot]) -> None:
    from tests.unit.live.good import PLAN, container

    shared: ContainerState = replace(container(PLAN, PLAN.containers[0]), network_mode="host")
    engine = replace(good["web-1"].engine.value, containers=(shared,))
    proof = prove_snapshots(centres.town(), live.spoiled(good, "web-1", engine=engine))
    assert any("shares a network namespace" in str(unknown) for unknown in proof.unknown)


def verdicts(snapshots: dict[str, Snapshot]) -> dict[str, Verdict | None]:
    """What a verification says of each inclusion, and of what it did not understand."""
    return {check.id: check.verdict for check in prove_live.checks(centres.town(), snapshots)}


def test_a_verification_has_a_check_for_each_inclusion_and_says_what_it_looked_at(good: dict[str, Snapshot]) -> None:
    found = list(prove_live.checks(centres.town(), good))
    assert {check.verdict for check in found} == {Verdict.HELD}
    assert [check.id for check in found] == [
        "proof/declared-in-law", "proof/real-in-declared", "proof/declared-in-real", "proof/understood"
    ]  # fmt: skip
    assert all(check.looked > 100 for check in found)


def test_a_host_that_was_not_read_makes_every_inclusion_unknown(good: dict[str, Snapshot]) -> None:
    lost = {name: snapshot for name, snapshot in good.items() if name != "web-1"}
    assert set(verdicts(lost).values()) == {Verdict.UNKNOWN}


def test_an_opened_rule_set_breaks_the_one_inclusion_that_it_breaks(good: dict[str, Snapshot]) -> None:
    text = centre().rules["web-1"].replace("tcp . 5432", "tcp . 5432-5433", 1)
    opened = {**good, "web-1": replace(good["web-1"], rules=Part(nft.parse(live.listed(text))))}
    assert verdicts(opened) == {
        "proof/declared-in-law": Verdict.HELD, "proof/real-in-declared": Verdict.BROKEN,
        "proof/declared-in-real": Verdict.HELD, "proof/understood": Verdict.HELD,
    }  # fmt: skip
