"""All that one address can open: from the rules themselves, whatever declares it or not.

Two parts, as packets go: what the host of the source forwards, takes in or translates, and of that what the host of the
destination forwards. A connection counts only where every host on its way may let its first packet through.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, summarize_address_range
from typing import Any, Final

from idc.plan.types import Plan
from idc.proof.fields import ICMP, TCP, UDP, Ct, Field
from idc.proof.forwarding import Fabric, HostForwarding
from idc.proof.regions import Regions
from idc.proof.space import Boxes, Interval
from idc.proof.why import standing

PATH_MTU: Final = "icmp frag-needed"
_NAMES: Final = {TCP: "tcp", UDP: "udp", ICMP: "icmp"}
_NEW: Final = (int(Ct.NEW), int(Ct.NEW))
_FRAG_NEEDED: Final = 3 << 8 | 4  # type and code, as the source port's field holds them


@dataclass(frozen=True)
class Reached:
    """Some destinations at some ports. ``to`` is an address or a network, ``ref`` whose it is ("" for nobody's)."""

    ref: str
    to: str
    protocol: str
    ports: str  # "8080", "1-1023", "any"; "" where the protocol has none
    host: str  # that lets it pass last
    flow: str = ""  # that declares it; "" when none does

    @property
    def declared(self) -> bool:
        """Whether a flow, a listener or a host rule of the plan says so."""
        return bool(self.flow)


class UnseenError(LookupError):
    """A host that would have to be looked at, and of which nothing is known."""


def reach(plan: Plan, fabric: Fabric, source: IPv4Address) -> tuple[Reached, ...]:
    """Everything that may be opened from an address, sorted by owner.

    Raises UnseenError where a host on the way is not known, ValueError for an address that stands nowhere.
    """
    name, entry = standing(plan, source)
    host = _known(fabric, name)
    found = set(_from(plan, fabric, host, entry, int(source)))
    return tuple(sorted(found, key=lambda one: (not one.ref, one.ref, one.to, one.protocol, one.ports)))


def by_name(plan: Plan, source: IPv4Address) -> tuple[Reached, ...]:
    """The sites that somebody outside may ask the edge for, by its vhosts on the listener where the source comes in."""
    name, entry = standing(plan, source)
    roles = {interface.name: interface.role.value for interface in plan.host_by_name[name].interfaces}
    listeners = {one.visibility: one for one in plan.listeners if one.host == name}
    found = []
    for vhost in plan.vhosts:
        listener = listeners.get(vhost.visibility)
        if listener is not None and roles.get(entry) == vhost.visibility.value:
            to = f"{listener.address}, as {', '.join(vhost.names)}"
            found.append(Reached(vhost.site, to, "http", str(listener.port), name, f"visibility: {vhost.visibility}"))
    return tuple(sorted(found, key=lambda one: one.ref))


def _known(fabric: Fabric, name: str) -> HostForwarding:
    host = fabric.hosts.get(name)
    if host is None or not host.readable:
        raise UnseenError(f"nothing is known of {name}")
    return host


def _from(plan: Plan, fabric: Fabric, host: HostForwarding, entry: str, source: int) -> Iterator[Reached]:
    regions = Regions(host)
    begun = Boxes.of(4, {Field.SADDR: source, Field.CT: _NEW})
    if not entry:  # the host itself
        sent = regions.through("postrouting", regions.through("output", begun.intersect(host.routed(4))))
        yield from _onward(plan, fabric, host, sent, source)
        return
    link = host.number[entry]
    entering = regions.through("prerouting", begun.limited(Field.IIF, (link, link)))
    for interval in host.local(4):
        taken = regions.through("input", entering.limited(Field.DADDR, interval))
        yield from _rows(plan, host.name, taken, source)
    parts = [regions.through("forward", boxes.intersect(host.routed(4))) for boxes in _translated(regions, entering)]
    yield from _onward(plan, fabric, host, regions.through("postrouting", Boxes.union(4, parts)), source)


def _translated(regions: Regions, entering: Boxes) -> Iterator[Boxes]:
    """What enters as it looks when it is forwarded: as it came, or with another destination."""
    ran = regions.translations(entering)
    yield ran.accepted
    for before, verdict in ran.translated:
        if not before:
            continue
        low, high = before.low.copy(), before.high.copy()
        for field, began in ((Field.DADDR, Field.ORIG_DADDR), (Field.DPORT, Field.ORIG_DPORT)):
            low[:, began], high[:, began] = low[:, field], high[:, field]
        low[:, Field.DADDR] = high[:, Field.DADDR] = verdict.address
        if verdict.port:
            low[:, Field.DPORT] = high[:, Field.DPORT] = verdict.port
        yield Boxes(4, low, high)


def _onward(plan: Plan, fabric: Fabric, host: HostForwarding, passed: Boxes, source: int) -> Iterator[Reached]:
    """What leaves a host: on a link of its own it has arrived, by the uplink the next host decides."""
    uplink = host.uplink
    way_out = host.number.get(uplink, -1)
    for name, number in host.number.items():
        some = passed.limited(Field.OIF, (number, number))
        if some and number != way_out and name in host.links:
            yield from _rows(plan, host.name, some, source)
    leaving = passed.limited(Field.OIF, (way_out, way_out))
    for following, to in next_hosts(fabric, host, uplink):
        if some := leaving.limited(Field.DADDR, to):
            yield from _arriving(plan, _known(fabric, following), some, source)


def next_hosts(fabric: Fabric, host: HostForwarding, uplink: str) -> Iterator[tuple[str, Interval]]:
    """The hosts to which a host's routes lead by the uplink, with the destinations."""
    for route in host.routes:
        if route.family != 4 or uplink not in route.links:
            continue
        if route.gateway is not None:
            if following := fabric.uplinks.get(route.gateway):
                yield following, route.to
            continue
        for address, name in fabric.uplinks.items():
            if name != host.name and route.to[0] <= address <= route.to[1]:
                yield name, (address, address)


def _arriving(plan: Plan, host: HostForwarding, boxes: Boxes, source: int) -> Iterator[Reached]:
    regions = Regions(host)
    link = host.number[host.uplink]
    low, high = boxes.low.copy(), boxes.high.copy()
    low[:, Field.IIF] = high[:, Field.IIF] = link
    low[:, Field.OIF], high[:, Field.OIF] = Boxes.full(4).low[0, Field.OIF], Boxes.full(4).high[0, Field.OIF]
    for field, began in ((Field.DADDR, Field.ORIG_DADDR), (Field.DPORT, Field.ORIG_DPORT)):
        low[:, began], high[:, began] = low[:, field], high[:, field]  # the next host sees it begin as it looks now
    entering = regions.through("prerouting", Boxes(4, low, high))
    for interval in host.local(4):
        yield from _rows(plan, host.name, regions.through("input", entering.limited(Field.DADDR, interval)), source)
    passed = regions.through("forward", regions.translations(entering).accepted.intersect(host.routed(4)))
    yield from _rows(plan, host.name, regions.through("postrouting", passed), source)


def _rows(plan: Plan, host: str, boxes: Boxes, source: int) -> Iterator[Reached]:
    errors = path_errors(boxes)
    if errors.any():
        yield Reached("", "what it forwards to", PATH_MTU, "", host, "path MTU discovery, from the fabric's hosts only")
    fields = (Field.DADDR, Field.PROTO, Field.DPORT)
    others = boxes.rows(~errors)
    rows = {
        tuple((int(low[f]), int(high[f])) for f in fields) for low, high in zip(others.low, others.high, strict=True)
    }
    for row in sorted(rows):
        if not any(other != row and all(map(_holds, other, row)) for other in rows):
            yield _one(plan, host, source, *row)


def path_errors(boxes: Boxes) -> Any:
    """Which rows are nothing but the one ICMP error that path MTU discovery needs: it opens nothing."""
    wanted = ((Field.PROTO, ICMP), (Field.SPORT, _FRAG_NEEDED))
    exact = [(boxes.low[:, field] == value) & (boxes.high[:, field] == value) for field, value in wanted]
    return (exact[0] & exact[1]).astype(bool)


def _holds(outer: Interval, inner: Interval) -> bool:
    return outer[0] <= inner[0] and inner[1] <= outer[1]


def _one(plan: Plan, host: str, source: int, to: Interval, protocols: Interval, ports: Interval) -> Reached:
    one = protocols[0] == protocols[1]
    protocol = _NAMES.get(protocols[0], f"protocol {protocols[0]}") if one else "any protocol"
    shown = "" if protocol not in ("tcp", "udp") else _ports(ports)
    networks = list(summarize_address_range(IPv4Address(to[0]), IPv4Address(to[1])))
    text = str(networks[0]).removesuffix("/32") if len(networks) == 1 else f"{IPv4Address(to[0])}-{IPv4Address(to[1])}"
    flow = _declaring(plan, source, to, protocol, ports) if shown else ""
    return Reached(_owner(plan, to), text, protocol, shown, host, flow)


def _ports(interval: Interval) -> str:
    low, high = interval
    return "any" if (low, high) == (0, 65535) else str(low) if low == high else f"{low}-{high}"


def _owner(plan: Plan, to: Interval) -> str:
    first, last = IPv4Address(to[0]), IPv4Address(to[1])
    for segment in plan.segments:
        if first in segment.subnet and last in segment.subnet:
            return f"{segment.owner} ({segment.zone})" if segment.zone == "data" else segment.owner
    for host in plan.hosts:
        if first == last == host.address:
            return f"host/{host.name}"
    return ""


def _declaring(plan: Plan, source: int, to: Interval, protocol: str, ports: Interval) -> str:
    origin = IPv4Address(source)
    for flow in plan.flows:
        if flow.protocol != protocol or ports != (flow.port, flow.port):
            continue
        inside = any(_holds((int(n.network_address), int(n.broadcast_address)), to) for n in flow.destination.networks)
        if inside and any(origin in network for network in flow.source.networks):
            return flow.id
    for rule in plan.host_rules:
        if rule.direction != "in" or rule.protocol != protocol or ports != (rule.port, rule.port):
            continue
        own = int(plan.host_by_name[rule.host].address)
        if to == (own, own) and any(origin in network for network in rule.networks):
            return f"host rule of {rule.host}: {rule.reason}"
    return ""
