"""A host's packet rules: one nft table, policy drop, made from the plan's flows (templates/nftables/host.nft.j2).

Both directions are judged per packet and by tuple, so that a revoked flow stops at once; every interface is bound to
the addresses that belong behind it; every packet is filtered on both of its hosts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, collapse_addresses

from idc import paths
from idc.plan.types import Flow, Host, HostInterface, Interface, Listener, Plan, Segment
from idc.render.boxes import Box, collapse, disjoint
from idc.render.env import render

TEMPLATE = "nftables/host.nft.j2"
# That one source may have open at a time. An edge's are not counted anywhere: they are those of all its clients, and
# one tenant's would else use up what the others need.
CONNECTIONS = 4096

# Sources that no outside network may carry, whatever it is connected to: this network, loopback, multicast, reserved.
NEVER_A_SOURCE = tuple(IPv4Network(net) for net in ("0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3"))
NEVER_A_SOURCE6 = tuple(IPv6Network(net) for net in ("::/127", "::ffff:0:0/96", "fe80::/10", "ff00::/8"))


@dataclass(frozen=True)
class Entry:
    """A listener with what its rules need: translated to the serving slot, accepted to both slots' addresses.

    A connection that began before a takeover goes on to the outgoing slot until that slot is removed.
    """

    interface: str
    bridge: str
    listener: Listener
    target: IPv4Address
    slots: tuple[IPv4Address, ...]
    target6: IPv6Address | None
    slots6: tuple[IPv6Address, ...]


@dataclass(frozen=True)
class Outside:
    """An interface towards the Internet or the fabric's users: any source but those that belong elsewhere."""

    name: str  # of the link
    role: str  # "internet", "fabric"
    foreign: tuple[IPv4Network, ...]  # sources that belong elsewhere
    foreign6: tuple[IPv6Network, ...]  # empty without IPv6


def firewall(plan: Plan, host: str, *, flows: Sequence[Flow] | None = None, closed: bool = False) -> str:
    """The rule set of a host as `nft -f` takes it, in one transaction.

    ``flows`` replaces the plan's flows (while some of them are being closed). ``closed``: nothing is forwarded, and the
    host accepts only what a machine reached over SSH needs to stay reachable; a lab host nothing at all.
    """
    machine = plan.host_by_name[host]
    if closed and machine.is_lab:
        return (paths.resources() / "roles/firewall/files/closed.nft").read_text()
    segments = [] if closed else [segment for segment in plan.segments if segment.host == host]
    entries = [] if closed else _entries(plan, host)
    open_flows = () if closed else tuple(plan.flows if flows is None else flows)
    with_ipv6 = [segment.bridge for segment in segments if segment.subnet6]
    with_ipv6 += [interface.name for interface in machine.interfaces if interface.address6 and not closed]
    rules = _host_rules(plan, machine, segments)
    return render(
        TEMPLATE,
        host=machine,
        plan_id=plan.id,
        closed=closed,
        forwarding=[] if closed else ["ipv4", *(["ipv6"] if with_ipv6 else [])],
        uplink=machine.uplink_interface.name,
        bound=_bound(plan, machine, segments, open_flows, rules),
        bound6=[(segment.bridge, segment.subnet6) for segment in segments if segment.subnet6],
        outside=[] if closed else _outside(plan, machine),
        with_ipv6=with_ipv6,
        hosts=sorted(other.address for other in plan.hosts if other.name != host),
        flows=flow_boxes(host, open_flows),
        own=sorted({*(i.address.ip for i in machine.interfaces), *(segment.gateway for segment in segments)}),
        own6=sorted(_own6(machine, segments)) if with_ipv6 else [],
        host_in=_disjoint(rules, "in"),
        host_out=_disjoint(rules, "out"),
        entries=entries,
        unlimited=sorted({plan.segment_by_name[listener.segment].subnet for listener in plan.listeners}),
        connections=CONNECTIONS,
        classes=[] if closed else _classes(plan, host),
    )


def flow_boxes(host: str, flows: Iterable[Flow]) -> list[Box]:
    """What this host forwards of the flows: those with one of its segments on either side, and what leaves by it.

    What comes from outside enters by a listener, and what a host itself sends or accepts is its input's and output's:
    neither is among these.
    """
    boxes: list[Box] = []
    for flow in flows:
        source, destination = flow.source, flow.destination
        if source.host is None:
            continue
        if (
            (source.host == host and source.segment)
            or (destination.host == host and destination.segment)
            or destination.via == host
        ):
            boxes.extend(
                Box(one, other, flow.protocol, flow.port) for one in source.networks for other in destination.networks
            )
    return disjoint(boxes)


def _bound(
    plan: Plan, host: Host, segments: Iterable[Segment], flows: Iterable[Flow], rules: Iterable[_HostRule]
) -> list[tuple[str, IPv4Network]]:
    """Which source addresses may come in on which interface.

    On a bridge its own subnet; on the uplink the other hosts', and those outside with whom this host talks by it.
    """
    uplink = [IPv4Network(other.address) for other in plan.hosts if other.name != host.name]
    uplink += [block for other in plan.hosts if other.name != host.name for block in other.blocks]
    uplink += [rule.network for rule in rules if rule.link == host.uplink_interface.name]
    for flow in flows:
        if flow.source.host == host.name and flow.destination.via not in ("", host.name):
            uplink += flow.destination.networks
    elsewhere = [i.address.network for i in host.interfaces if i.role is not HostInterface.UPLINK]
    elsewhere += [IPv4Network(host.address), *host.blocks]
    allowed = [network for network in uplink if not any(network.overlaps(other) for other in elsewhere)]
    bound = [(host.uplink_interface.name, network) for network in collapse(allowed)]
    return bound + sorted((segment.bridge, segment.subnet) for segment in segments)


def _outside(plan: Plan, host: Host) -> list[Outside]:
    found: list[Outside] = []
    for interface in sorted(host.interfaces, key=lambda interface: interface.name):
        if interface.role is HostInterface.UPLINK:
            continue
        others = [other for other in host.interfaces if other.name != interface.name]
        foreign = [plan.prefix, *NEVER_A_SOURCE, IPv4Network(interface.address.ip)]
        foreign += [other.address.network for other in others]
        foreign6: list[IPv6Network] = []
        if interface.address6:
            foreign6 = [*NEVER_A_SOURCE6, IPv6Network(interface.address6.ip)]
            foreign6 += [other.address6.network for other in others if other.address6]
            foreign6 += [segment.subnet6 for segment in plan.segments if segment.subnet6]
        found.append(
            Outside(interface.name, interface.role.value, tuple(collapse(foreign)), tuple(collapse_addresses(foreign6)))
        )
    return found


def _entries(plan: Plan, host: str) -> list[Entry]:
    found: list[Entry] = []
    for listener in plan.listeners:
        if listener.host != host:
            continue
        container = plan.container_by_name[listener.container]
        slots6 = tuple(address for address in (container.address6_a, container.address6_b) if address)
        target6 = container.address6_a if container.slot == "a" else container.address6_b
        found.append(
            Entry(
                interface=listener_interface(plan.host_by_name[host], listener).name,
                bridge=plan.segment_by_name[listener.segment].bridge,
                listener=listener,
                target=container.address(),
                slots=(container.address_a, container.address_b),
                target6=target6 if listener.address6 else None,
                slots6=slots6 if listener.address6 else (),
            )
        )
    return sorted(found, key=lambda entry: (entry.interface, entry.listener.port))


def listener_interface(host: Host, listener: Listener) -> Interface:
    """The interface where a listener's clients come in: the one of its visibility."""
    return next(interface for interface in host.interfaces if interface.role.value == listener.visibility.value)


@dataclass(frozen=True)
class _HostRule:
    """What a host itself accepts or sends, with the link by which the other side is reached."""

    direction: str
    link: str
    network: IPv4Network  # the other side
    protocol: str
    port: int


def _host_rules(plan: Plan, host: Host, segments: Sequence[Segment]) -> list[_HostRule]:
    """The host's own rules, each with every link that it may be met by: never by a link where the other side is not."""
    own = [rule for rule in plan.host_rules if rule.host == host.name]
    via: dict[tuple[IPv4Network, ...], str] = {}  # by which host those outside the fabric are reached
    if any(not network.subnet_of(plan.prefix) for rule in own for network in rule.networks):
        via = {
            there.networks: there.via
            for flow in plan.flows
            for there, here in ((flow.source, flow.destination), (flow.destination, flow.source))
            if there.host is None and here.host == host.name and not here.segment
        }
    return [
        _HostRule(rule.direction, link, network, rule.protocol, rule.port)
        for rule in own
        for network in rule.networks
        for link in _links(host, segments, network, here=via.get(rule.networks) == host.name)
    ]


def _links(host: Host, segments: Sequence[Segment], network: IPv4Network, *, here: bool) -> Iterator[str]:
    """The links behind which addresses are: bridges, the uplink, or with ``here`` those to the outside."""
    mine = [block for block in host.blocks if network.overlaps(block)]
    if mine:
        yield from (segment.bridge for segment in segments if segment.subnet.overlaps(network))
    if any(network.subnet_of(block) for block in mine):
        return
    if not here:
        yield host.uplink_interface.name
    else:
        outer = [i for i in host.interfaces if i.role is not HostInterface.UPLINK]
        near = [i for i in outer if network.overlaps(i.address.network)]
        yield from (interface.name for interface in near or outer)


def _disjoint(rules: Iterable[_HostRule], direction: str) -> list[tuple[str, IPv4Network, str, int]]:
    """(link, other side, protocol, port) of one direction, disjoint and sorted."""
    everything = IPv4Network("0.0.0.0/0")
    boxes: dict[str, list[Box]] = {}
    for rule in rules:
        if rule.direction == direction:
            boxes.setdefault(rule.link, []).append(Box(everything, rule.network, rule.protocol, rule.port))
    return [(link, box.destination, box.protocol, box.port) for link in sorted(boxes) for box in disjoint(boxes[link])]


def _own6(host: Host, segments: Iterable[Segment]) -> set[IPv6Address]:
    found = {interface.address6.ip for interface in host.interfaces if interface.address6}
    return found | {segment.gateway6 for segment in segments if segment.gateway6}


def _classes(plan: Plan, host: str) -> list[tuple[IPv4Network, str]]:
    """(network, HTB class) of the host's tenants: nft writes minor numbers in hexadecimal, as tc does."""
    return sorted(
        (network, f"1:{share.class_id:x}")
        for share in plan.bandwidth
        if share.host == host
        for network in share.networks
    )
