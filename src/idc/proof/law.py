"""Declared in law: what no flow can waive. Written from the zones' own text, never from the generator of flows.

Each rule looks at one flow with both of its ends, as their addresses show them, and says what is broken, or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import IPv4Address
from typing import Final

from idc.model.enums import Zone
from idc.plan.types import HostRule, Plan
from idc.proof.ground import Crossing, End, Ground
from idc.proof.verdict import Violation

SSH: Final = 22
SERVED: Final = frozenset({53, 123, 443, 514, 6514})  # names, time, certificates, logs
GUARDED: Final = frozenset({Zone.MANAGEMENT, Zone.TRUST, Zone.BACKUP})
WIDEST: Final = 8  # prefix length of the widest network that somebody may name

FlowRule = Callable[[Crossing], str]


def outside_enters_by_listeners(way: Crossing) -> str:
    """Nothing but an edge's listeners is reached from the Internet or from the fabric's users."""
    if way.source.kind != "outside" or way.destination.kind != "segment" or way.destination.segment is None:
        return ""
    ports = way.ground.edges.get(way.destination.segment.name, frozenset())
    if way.destination.segment.zone is Zone.EDGE and way.flow.protocol == "tcp" and way.flow.port in ports:
        return ""
    return f"somebody outside reaches {way.destination.name}, which is no listener of the edge"


def tenants_are_apart(way: Crossing) -> str:
    """No flow joins two tenants."""
    if way.source.tenant and way.destination.tenant and way.source.tenant != way.destination.tenant:
        return f"tenant {way.source.tenant} reaches tenant {way.destination.tenant}"
    return ""


def data_answers_its_own_site(way: Crossing) -> str:
    """The data zone is reached from its own site only, and opens nothing outwards."""
    if way.destination.segment and way.destination.segment.zone is Zone.DATA:
        own = way.source.segment is not None and way.source.segment.owner == way.destination.segment.owner
        if not own:
            return f"{way.source.name} reaches the data zone of {way.destination.segment.owner}"
    if way.source.segment and way.source.segment.zone is Zone.DATA and way.destination.kind in ("outside", "several"):
        return f"the data zone of {way.source.segment.owner} reaches {way.destination.name}"
    return ""


def edge_reaches_sites_only(way: Crossing) -> str:
    """What the outside can talk to may itself only talk to sites, or to the exchange."""
    if way.source.segment is None or way.source.segment.zone is not Zone.EDGE:
        return ""
    if way.destination.segment and way.destination.segment.zone in (Zone.WEB, Zone.EXCHANGE):
        return ""
    if way.destination.kind == "host" and way.flow.port in SERVED:
        return ""
    return f"the edge reaches {way.destination.name}"


def management_and_trust_are_closed(way: Crossing) -> str:
    """Into management, trust and backup come hosts of the fabric, and for names, time, certificates and logs others."""
    if not way.destination.zones & GUARDED or way.source.kind == "host":
        return ""
    if way.destination.segment and way.source.segment and way.source.segment.zone in GUARDED:
        return ""
    if way.source.kind == "segment" and way.destination.kind == "host" and way.flow.port in SERVED:
        return ""
    if way.source.kind == "outside" and (way.flow.protocol, way.flow.port) == ("tcp", SSH):
        return ""  # hosts_are_administered_by_management says from where
    zones = ", ".join(sorted(zone.value for zone in way.destination.zones & GUARDED))
    return f"{way.source.name} reaches {way.destination.name} in {zones}"


def _people(end: End, ground: Ground) -> bool:
    """Whether an end is on a network of people: the Internet's or the fabric's users'."""
    outer = [i.address.network for host in ground.plan.hosts for i in host.interfaces if i.role.value != "uplink"]
    return any(network.overlaps(other) for network in end.networks for other in outer)


def hosts_are_administered_by_management(way: Crossing) -> str:
    """SSH to a host comes from a management host, or from a declared network that is not the users'."""
    if way.destination.kind != "host" or (way.flow.protocol, way.flow.port) != ("tcp", SSH):
        return ""
    if way.source.kind == "host" and Zone.MANAGEMENT in way.source.zones:
        return ""
    if way.source.kind == "outside" and not _people(way.source, way.ground):
        return ""
    return f"{way.source.name} administers {way.destination.name}"


def hosts_serve_tenants_little(way: Crossing) -> str:
    """From a tenant's containers a host answers for names, time, certificates and logs only; to the users nothing."""
    if way.destination.kind != "host":
        return ""
    if way.source.kind == "outside" and _people(way.source, way.ground):
        return f"the users' network reaches {way.destination.name} itself"
    if way.source.tenant and way.flow.port not in SERVED:
        return f"tenant {way.source.tenant} reaches {way.destination.name} itself"
    return ""


def ways_out_are_narrow(way: Crossing) -> str:
    """What leaves the fabric goes to a named network, never to the Internet at large."""
    if way.destination.kind != "outside":
        return ""
    if any(network.prefixlen < WIDEST for network in way.destination.networks):
        return f"{way.source.name} reaches {way.destination.name}, which is nearly everything"
    internet = [
        i.address.network for host in way.ground.plan.hosts for i in host.interfaces if i.role.value == "internet"
    ]
    if any(network.overlaps(other) for network in way.destination.networks for other in internet):
        return f"{way.source.name} reaches out to the Internet"
    return ""


def ends_are_what_they_say(way: Crossing) -> str:
    """An end's addresses are one segment's, one host's, or nobody's here; and they are those of the end it names."""
    for end, said in ((way.source, way.flow.source), (way.destination, way.flow.destination)):
        if end.kind == "several":
            return f"{said.ref or end.name} stands for more than one segment or host"
        if said.segment and (end.segment is None or end.segment.name != said.segment):
            return f"{said.ref} says segment {said.segment}, and its addresses are those of {end.name}"
        if end.segment and not said.segment:
            return f"{said.ref} does not say that it is {end.name}"
        if said.host and end.kind == "outside":
            return f"{said.ref} says host {said.host}, and its addresses are outside"
        if end.segment and end.segment.host != said.host:
            return f"{said.ref} says host {said.host}, and {end.name} is on {end.segment.host}"
    return ""


def closed_tenants_have_no_flow(way: Crossing) -> str:
    """A tenant that is shut or going away reaches nobody and is reached by nobody."""
    closed = {way.source.tenant, way.destination.tenant} & way.ground.closed
    return f"tenant {closed.pop()} is closed" if closed else ""


def flows_have_a_reason(way: Crossing) -> str:
    """Each flow says why it is there, and what control it is an exception for."""
    return "" if way.flow.reason.strip() else "it has no reason"


FLOW_RULES: Final[tuple[FlowRule, ...]] = (
    outside_enters_by_listeners,
    tenants_are_apart,
    data_answers_its_own_site,
    edge_reaches_sites_only,
    management_and_trust_are_closed,
    hosts_are_administered_by_management,
    hosts_serve_tenants_little,
    ways_out_are_narrow,
    ends_are_what_they_say,
    closed_tenants_have_no_flow,
    flows_have_a_reason,
)


def flows(ground: Ground) -> Iterator[Violation]:
    """Flows that the law forbids."""
    for way in ground.crossings:
        for rule in FLOW_RULES:
            if broken := rule(way):
                flow = way.flow
                where = flow.where or flow.source.ref
                yield Violation("declared in law", where, f"{broken} ({flow.id})", rule=rule.__name__, flow=flow.id)


def host_rules(plan: Plan) -> Iterator[Violation]:
    """What a host takes in or sends by itself is administration by management hosts, or a declared flow's end."""
    flows_in = {(f.destination.host, f.source.networks, f.protocol, f.port) for f in plan.flows if f.destination.host}
    flows_out = {(f.source.host, f.destination.networks, f.protocol, f.port) for f in plan.flows if f.source.host}
    managers = {host.address for host in plan.hosts if Zone.MANAGEMENT in host.zones}
    everybody = {host.address for host in plan.hosts}
    for rule in plan.host_rules:
        declared = flows_in if rule.direction == "in" else flows_out
        if (rule.host, rule.networks, rule.protocol, rule.port) in declared or _administers(
            rule, managers, everybody, plan
        ):
            continue
        to = ", ".join(map(str, rule.networks[:3]))
        what = f"{'takes in' if rule.direction == 'in' else 'sends'} {rule.protocol}/{rule.port}: {to}"
        yield Violation("declared in law", rule.host, f"{what}, which no flow declares", rule="host_rules")


def _administers(rule: HostRule, managers: set[IPv4Address], everybody: set[IPv4Address], plan: Plan) -> bool:
    if (rule.protocol, rule.port) != ("tcp", SSH) or any(network.prefixlen != 32 for network in rule.networks):
        return False
    others = {network.network_address for network in rule.networks}
    if rule.direction == "in":
        return others <= managers
    return plan.host_by_name[rule.host].address in managers and others <= everybody
