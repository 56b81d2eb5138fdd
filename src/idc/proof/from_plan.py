"""The normal form of a plan: from the rule sets, routes and segments as they are rendered, not from its flows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Interface, IPv4Network, IPv6Interface, IPv6Network
from typing import Final

from idc.plan.types import Host, HostInterface, Plan, Segment
from idc.proof.fields import Family
from idc.proof.forwarding import Fabric, HostForwarding, Link, NotUnderstood
from idc.proof.limits import unmodelled
from idc.proof.matching import Names, StrangeError, address
from idc.proof.nfttext import ruleset
from idc.proof.routing import Prefix, partition
from idc.render.firewall import firewall
from idc.render.routes import routes as render_routes

LOOPBACK: Final = "lo"
_ROUTE: Final = re.compile(r"(\S+) via (\S+) dev (\S+) src \S+ proto \d+")
_NOWHERE: Final = re.compile(r"blackhole (\S+) proto \d+")

NOTES: Final = (
    "on the network between the hosts nobody but the hosts speaks, each with its own addresses (checked: none of them "
    "lets another address out)",
    "a default route, where a host has one, may lead out by any of its links but bridges",
    "fragments are put together before any rule sees them, since every rule set uses connections",
    "a source within its limit of connections",
)


def rendered(plan: Plan) -> dict[str, str]:
    """Each host's rule set as text."""
    return {host.name: firewall(plan, host.name) for host in plan.hosts}


def fabric(plan: Plan, rules: Mapping[str, str] | None = None, routes: Mapping[str, str] | None = None) -> Fabric:
    """The normal form of a whole plan; ``rules`` and ``routes`` by host are the rendered ones unless given."""
    texts = rendered(plan) if rules is None else rules
    hosts: dict[str, HostForwarding] = {}
    segments: dict[str, list[Segment]] = {}
    for segment in plan.segments:
        segments.setdefault(segment.host, []).append(segment)
    members: dict[str, list[str]] = {}
    for container in plan.containers:
        members.setdefault(container.segment, []).append(container.name)
    ways = routed(plan) if routes is None else routes
    for host in plan.hosts:
        hosts[host.name] = _host(host, segments.get(host.name, []), members, texts[host.name], ways[host.name])
    return Fabric(hosts, {int(host.address): host.name for host in plan.hosts}, (), NOTES)


def alone(plan: Plan, name: str, rules: str, routes: str) -> Fabric:
    """The normal form of one host of a plan; of the others only their addresses are known."""
    members: dict[str, list[str]] = {}
    for container in plan.on(name):
        members.setdefault(container.segment, []).append(container.name)
    segments = [segment for segment in plan.segments if segment.host == name]
    host = _host(plan.host_by_name[name], segments, members, rules, routes)
    return Fabric({name: host}, {int(host.address): host.name for host in plan.hosts}, (), NOTES)


def routed(plan: Plan) -> dict[str, str]:
    """Each host's routes as text."""
    return {host.name: render_routes(plan, host.name) for host in plan.hosts}


def links_of(host: Host, segments: list[Segment], members: Mapping[str, list[str]]) -> dict[str, Link]:
    """The interfaces that a host has by the plan."""
    found = {LOOPBACK: Link(LOOPBACK, "loopback")}
    for interface in host.interfaces:
        found[interface.name] = Link(interface.name, "uplink" if interface.role is HostInterface.UPLINK else "outside")
    for segment in segments:
        found[segment.bridge] = Link(segment.bridge, "bridge", segment.name, tuple(members.get(segment.name, ())))
    return found


def _host(
    host: Host, segments: list[Segment], members: Mapping[str, list[str]], rules: str, routes: str
) -> HostForwarding:
    links = links_of(host, segments, members)
    names = Names(tuple(links))
    unknown: list[NotUnderstood] = []
    readable = True
    try:
        tables = ruleset(rules, names)
    except (StrangeError, ValueError, IndexError) as error:
        tables, readable = (), False
        unknown.append(NotUnderstood(host.name, f"rule set: {error}"))
    unknown += unmodelled(host.name, tables)
    prefixes = own_prefixes(host, segments)
    try:
        prefixes += _written(routes)
    except StrangeError as error:
        unknown.append(NotUnderstood(host.name, f"routes: {error}"))
    outward = tuple(link.name for link in links.values() if link.role in ("uplink", "outside"))
    prefixes += [Prefix(4, (0, (1 << 32) - 1), "forward", outward, text="default", rank=8)]
    prefixes += [Prefix(6, (0, (1 << 128) - 1), "forward", outward, text="default", rank=8)]
    found = HostForwarding(
        name=host.name,
        names=(),
        links=links,
        tables=tables,
        routes=(*partition(4, prefixes), *partition(6, prefixes)),
        unknown=tuple(unknown),
        forwards=_forwarding(rules),
        readable=readable,
    )
    return replace(found, names=tuple(names.all))


def _forwarding(rules: str) -> frozenset[Family]:
    """What the firewall's unit turns on after it has loaded the rules: the header says it."""
    said = re.search(r"^# forwarding:(.*)$", rules, re.MULTILINE)
    words = said[1].split() if said else ["ipv4", "ipv6"]
    families: tuple[tuple[Family, str], ...] = ((4, "ipv4"), (6, "ipv6"))
    return frozenset(family for family, word in families if word in words)


def own_prefixes(host: Host, segments: list[Segment]) -> list[Prefix]:
    """What the kernel makes of a host's own addresses: local ones, and the networks they lie in."""
    found = special()
    for interface in host.interfaces:
        found += _connected(interface.name, interface.address)
        if interface.address6:
            found += _connected(interface.name, interface.address6)
    for segment in segments:
        gateway, network = segment.gateway, segment.subnet
        found += _connected(segment.bridge, IPv4Interface(f"{gateway}/{network.prefixlen}"))
        if segment.subnet6 and segment.gateway6:
            found += _connected(segment.bridge, IPv6Interface(f"{segment.gateway6}/{segment.subnet6.prefixlen}"))
    return found


def special() -> list[Prefix]:
    """Destinations that never leave a host: loopback, multicast, broadcast, link-local."""
    texts4 = ("127.0.0.0/8", "224.0.0.0/4", "255.255.255.255/32", "0.0.0.0/32")
    texts6 = ("::1/128", "ff00::/8", "fe80::/10", "::/128")
    found = [Prefix(4, address(text, 4), "local", text=f"local {text}", rank=0) for text in texts4]
    return found + [Prefix(6, address(text, 6), "local", text=f"local {text}", rank=0) for text in texts6]


def _connected(link: str, interface: IPv4Interface | IPv6Interface) -> list[Prefix]:
    family: Family = 4 if interface.version == 4 else 6
    network: IPv4Network | IPv6Network = interface.network
    low, high = int(network.network_address), int(network.broadcast_address)
    own = int(interface.ip)
    found = [
        Prefix(family, (own, own), "local", text=f"local {interface.ip} dev {link}", rank=0),
        Prefix(family, (low, high), "forward", (link,), text=f"{network} dev {link}"),
    ]
    ends = {low, high} if family == 4 and high - low > 1 else set()
    return found + [Prefix(family, (end, end), "local", text=f"broadcast dev {link}", rank=0) for end in ends]


def _written(text: str) -> list[Prefix]:
    """Routes as templates/routing/routes.j2 writes them. Raises StrangeError."""
    found: list[Prefix] = []
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        if match := _ROUTE.fullmatch(line):
            gateway, _ = address(match[2], 4)
            found.append(Prefix(4, address(match[1], 4), "forward", (match[3],), gateway, line))
        elif match := _NOWHERE.fullmatch(line):
            found.append(Prefix(4, address(match[1], 4), "nowhere", text=line))
        else:
            raise StrangeError(f"route {line!r}")
    return found
