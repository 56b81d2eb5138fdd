"""Who may reach whom, as a matrix: sources, destinations, the allowed ports of each pair, and the verdict over it."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from idc.model.types import Visibility, Zone
from idc.plan.types import Endpoint, Flow, HostInterface, Plan, Segment
from idc.proof import Proof
from idc.proof.verdict import Inclusion
from idc.report.graph.facts import ZONE_ORDER, Facts, plural, short
from idc.report.graph.verdicts import Verdict, Verdicts


@dataclass(frozen=True)
class Axis:
    """A row or column: a segment, a class of segments, a host, or something outside."""

    key: str
    label: str
    css: str
    shut: bool = False


@dataclass(frozen=True)
class Matrix:
    """The reachability that a plan allows: per pair of axes the ports, and which sites are asked for by name."""

    sources: tuple[Axis, ...]
    targets: tuple[Axis, ...]
    ports: dict[tuple[str, str], tuple[str, ...]]
    named: frozenset[tuple[str, str]]  # outside -> site, by its host name through the edge
    verdicts: dict[tuple[str, str], Verdict]  # of every pair

    def open(self, pair: tuple[str, str]) -> bool:
        """Whether a pair is declared, by a port or by name."""
        return pair in self.ports or pair in self.named

    def count(self, verdict: Verdict) -> int:
        """Number of pairs with a verdict."""
        return sum(1 for one in self.verdicts.values() if one == verdict)


def matrix(plan: Plan, proof: Proof | None = None) -> Matrix:
    """Collect a plan's flows, host rules and host names. Above 40 sites segments are taken together by zone.

    ``proof`` says of each pair whether what is declared is proven, and what is not is denied.
    """
    facts = Facts(plan)
    found: dict[tuple[str, str], set[str]] = {}
    flows: dict[tuple[str, str], list[str]] = {}
    for flow in plan.flows:
        pair = (_key(facts, flow.source), _key(facts, flow.destination))
        found.setdefault(pair, set()).add(_port(facts, flow))
        flows.setdefault(pair, []).append(flow.id)
    managers: set[str] = set()
    for host in plan.hosts:
        for manager in facts.managers(host):
            managers.add(manager)
            target = "hosts" if facts.collapsed else f"host/{host.name}"
            found.setdefault((f"host/{manager}", target), set()).add("22")
    named = set()
    for vhost in plan.vhosts:
        for segment in plan.segments:
            if segment.owner == vhost.site and segment.zone is Zone.WEB:
                named.add((str(vhost.visibility), _segment_key(facts, segment)))
    inner = _inner(facts)
    entering = {listener.visibility for listener in plan.listeners}
    outside = [Axis(str(v), _OUTSIDE[v], f"c-{v}") for v in _OUTSIDE if v in entering]
    every = [Axis(f"host/{host.name}", f"host {host.name}", "soft") for host in plan.hosts]
    managing = [axis for axis in every if axis.key.removeprefix("host/") in managers]
    if facts.collapsed:
        rows = managing + ([Axis("hosts but those", "every other host", "soft")] if len(managing) < len(every) else [])
        columns = [Axis("hosts", "every host", "soft")]
    else:
        rows, columns = every, every
    # What else a person declared, as a network beyond the edge or (in a large centre) one host.
    other_sources = {source for source, _ in found} - {axis.key for axis in (*outside, *inner, *rows)}
    other_targets = {target for _, target in found} - {axis.key for axis in (*inner, *columns)}
    sources = (*outside, *(Axis(key, key, "c-declared") for key in sorted(other_sources)), *inner, *rows)
    targets = (*inner, *columns, *(Axis(key, key, "c-declared") for key in sorted(other_targets)))
    judge = Verdicts(plan, proof)
    places = _places(facts, managers)
    axes = {s.key for s in sources}, {t.key for t in targets}
    leaks, lost = (
        {(_standing(facts, a, axes[0]), _standing(facts, b, axes[1])) for a, b in judge.shown_by(inclusion)}
        for inclusion in _BROKEN
    )
    verdicts = {}
    for pair in ((s.key, t.key) for s in sources for t in targets):
        if pair[0] != pair[1] or pair[0].startswith("zone/"):
            declared = flows.get(pair, [pair[1]] if pair in found or pair in named else [])
            sides = places.get(pair[0], frozenset()), places.get(pair[1], frozenset())
            broken = pair in leaks or (bool(declared) and pair in lost)
            verdicts[pair] = judge.of(declared, sides, broken=broken)
    ports = {pair: tuple(sorted(ports)) for pair, ports in found.items()}
    return Matrix(sources, targets, ports, frozenset(named), verdicts)


def _places(facts: Facts, managers: set[str]) -> dict[str, frozenset[str]]:
    """Axis -> the hosts that filter its packets."""
    found: dict[str, set[str]] = {}
    for segment in facts.plan.segments:
        found.setdefault(_segment_key(facts, segment), set()).add(segment.host)
    for flow in facts.plan.flows:
        for end in (flow.source, flow.destination):
            if not end.segment and end.host is None:
                found.setdefault(_key(facts, end), set()).update({end.filtering_host} - {""})
    for listener in facts.plan.listeners:
        found.setdefault(str(listener.visibility), set()).add(listener.host)
    for host in facts.plan.hosts:
        for key in (f"host/{host.name}", "hosts", *(() if host.name in managers else ("hosts but those",))):
            found.setdefault(key, set()).add(host.name)
    return {key: frozenset(hosts) for key, hosts in found.items()}


def _standing(facts: Facts, address: IPv4Address, axes: set[str]) -> str:
    """The axis of an address, of the rows or of the columns."""
    for segment in facts.plan.segments:
        if address in segment.subnet:
            return _segment_key(facts, segment)
    for host in facts.plan.hosts:
        if address == host.address:
            return next((key for key in (f"host/{host.name}", "hosts", "hosts but those") if key in axes), "")
        for interface in host.interfaces:
            if interface.role is HostInterface.FABRIC and address in interface.address.network:
                return str(Visibility.FABRIC)
    return str(Visibility.INTERNET)


_BROKEN: Final[tuple[Inclusion, Inclusion]] = ("real in declared", "declared in real")
_OUTSIDE: Final = {Visibility.INTERNET: "Internet", Visibility.FABRIC: "users of the fabric"}


def _inner(facts: Facts) -> list[Axis]:
    """The segments in the order of zones, or their classes."""
    axes: dict[str, Axis] = {}
    for zone in ZONE_ORDER:
        members = sorted((s for s in facts.plan.segments if s.zone is zone), key=lambda s: (s.tenant, s.owner))
        for segment in members:
            key = _segment_key(facts, segment)
            if key.startswith("zone/"):
                many = sum(1 for each in members if each.tenant)
                axes[key] = Axis(key, f"{zone} of {plural(many, 'site')}", f"t-{zone}")
            else:
                suffix = " · data" if zone is Zone.DATA and segment.tenant else ""
                axes[key] = Axis(key, short(segment.owner) + suffix, f"t-{zone}", segment.tenant in facts.shut)
    return list(axes.values())


def _segment_key(facts: Facts, segment: Segment) -> str:
    return f"zone/{segment.zone}" if facts.collapsed and segment.tenant else segment.name


def _key(facts: Facts, endpoint: Endpoint) -> str:
    segment = facts.segment(endpoint)
    if segment:
        return _segment_key(facts, segment)
    return str(Visibility.FABRIC) if endpoint.ref == facts.plan.fabric else endpoint.ref


def _port(facts: Facts, flow: Flow) -> str:
    port = str(flow.port) + ("" if flow.protocol == "tcp" else f"/{flow.protocol}")
    source, target = facts.segment(flow.source), facts.segment(flow.destination)
    own = facts.collapsed and source is not None and target is not None and source.owner == target.owner
    return f"own {port}" if own else port
