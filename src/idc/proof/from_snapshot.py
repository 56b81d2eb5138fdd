"""The normal form of live hosts, from a snapshot each: all tables, whoever made them, and all else that moves packets.

What could not be read, and what the model has no words for, makes the proof of that host unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from idc.live.redirects import strange
from idc.live.resolver import foreign_lines, without_resolver
from idc.live.snapshot import Route as LiveRoute
from idc.live.snapshot import Snapshot, UnreadError
from idc.plan.types import Host, HostInterface, Plan
from idc.proof import nftjson
from idc.proof.fields import FAMILIES, Family
from idc.proof.forwarding import Fabric, HostForwarding, Link, NotUnderstood
from idc.proof.from_plan import LOOPBACK, special
from idc.proof.limits import unmodelled
from idc.proof.matching import Names, StrangeError, address
from idc.proof.routing import Prefix, partition

_TUNNELS: Final = frozenset({"gre", "gretap", "ipip", "ip6tnl", "sit", "tun", "vxlan", "wireguard", "xfrm", "geneve"})
_OWN: Final = ("local", "broadcast", "multicast", "anycast")
_NOWHERE: Final = ("blackhole", "unreachable", "prohibit")
_TABLES: Final = ("local", "main", "default")

NOTES: Final = (
    "on the network between the hosts nobody but the hosts speaks, each with its own addresses (checked: none of them "
    "lets another address out)",
    "fragments are put together before any rule sees them, since the rule sets use connections",
    "a source within its limit of connections",
    "each host as it was when its snapshot was taken",
)


def fabric(plan: Plan, snapshots: Mapping[str, Snapshot]) -> Fabric:
    """The normal form of all hosts of a plan of which there is a snapshot."""
    hosts = {host.name: _host(plan, host, snapshots[host.name]) for host in plan.hosts if host.name in snapshots}
    return Fabric(hosts, {int(host.address): host.name for host in plan.hosts}, (), NOTES)


def _host(plan: Plan, host: Host, snapshot: Snapshot) -> HostForwarding:
    unknown: list[NotUnderstood] = [NotUnderstood(host.name, what) for what in _beside(plan, host, snapshot)]
    try:
        links = _links(plan, host, snapshot)
        names = Names(tuple(links))
        rules = without_resolver(snapshot.rules.value) if host.is_lab else snapshot.rules.value
        tables, strange = nftjson.tables(rules, names)
        prefixes = [*special(), *_prefixes(snapshot.routes.value)]
        sysctls = snapshot.sysctls.value
    except (UnreadError, StrangeError, ValueError) as error:
        unknown.append(NotUnderstood(host.name, f"the snapshot: {error}"))
        lo = {LOOPBACK: Link(LOOPBACK, "loopback")}
        return HostForwarding(host.name, (LOOPBACK,), lo, (), (), tuple(unknown), readable=False)
    unknown += [replace(entry, where=f"{host.name}, {entry.where}") for entry in strange]
    unknown += unmodelled(host.name, tables)
    for prefix in prefixes:
        unknown += [NotUnderstood(host.name, f"a route by {link}") for link in prefix.links if link not in links]
    known = [prefix for prefix in prefixes if all(link in links for link in prefix.links)]
    found = HostForwarding(
        name=host.name,
        names=(),
        links=links,
        tables=tables,
        routes=(*partition(4, known), *partition(6, known)),
        unknown=tuple(unknown),
        forwards=frozenset(family for family in FAMILIES if _forwards(sysctls, family)),
    )
    return replace(found, names=tuple(names.all))


def _forwards(sysctls: Mapping[str, str], family: Family) -> bool:
    """Whether any link forwards: then packets may be forwarded."""
    prefix = f"net/ipv{family}/conf/"
    keys = [key for key in sysctls if key.startswith(prefix) and key.endswith("/forwarding")]
    keys += ["net/ipv4/ip_forward"] if family == 4 else []
    return any(sysctls.get(key) == "1" for key in keys)


def _links(plan: Plan, host: Host, snapshot: Snapshot) -> dict[str, Link]:
    """All links that hand packets to the host; ports of a bridge hand theirs to the bridge."""
    roles = {interface.name: interface.role for interface in host.interfaces}
    segments = {segment.bridge: segment.name for segment in plan.segments if segment.host == host.name}
    members: dict[str, list[str]] = {}
    for network in snapshot.engine.value.networks:
        bridge = network.options.get("com.docker.network.bridge.name", "")
        members.setdefault(bridge, []).extend(network.containers)
    found = {LOOPBACK: Link(LOOPBACK, "loopback")}
    for link in snapshot.links.value:
        if link.name == LOOPBACK or link.master:
            continue
        if link.name in roles:
            found[link.name] = Link(link.name, "uplink" if roles[link.name] is HostInterface.UPLINK else "outside")
        elif link.kind == "bridge":
            who = tuple(sorted(members.get(link.name, ())))
            found[link.name] = Link(link.name, "bridge", segments.get(link.name, ""), who)
        else:
            found[link.name] = Link(link.name, "other")
    return found


def _prefixes(routes: tuple[LiveRoute, ...]) -> Iterator[Prefix]:
    """Routes before the longest prefix is looked for. Raises StrangeError."""
    several: dict[tuple[Family, str], list[LiveRoute]] = {}
    for route in routes:
        families: tuple[Family, ...] = (6,) if ":" in route.destination + route.gateway else (4,)
        if route.destination == "default" and not route.gateway:
            families = FAMILIES
        if route.table not in _TABLES:
            raise StrangeError(f"a route of the table {route.table}")
        for family in families:
            to = ("0.0.0.0/0" if family == 4 else "::/0") if route.destination == "default" else route.destination
            if route.kind in _OWN:
                text = f"{route.kind} {to} dev {route.interface}"
                yield Prefix(family, address(to, family), "local", text=text, rank=0)
            elif route.kind in _NOWHERE:
                yield Prefix(family, address(to, family), "nowhere", text=f"{route.kind} {to}")
            elif route.kind == "unicast" and route.interface:
                several.setdefault((family, to), []).append(route)
            else:
                raise StrangeError(f"a route of the kind {route.kind} to {to}")
    for (family, to), entries in several.items():
        links = tuple(dict.fromkeys(entry.interface for entry in entries))
        gateways = {entry.gateway for entry in entries}
        gateway = gateways.pop() if len(gateways) == 1 else ""
        text = f"{to}{f' via {gateway}' if gateway else ''} dev {' or '.join(links)}"
        by = address(gateway, family)[0] if gateway else None
        yield Prefix(family, address(to, family), "forward", links, by, text)


def _settings(sysctls: Mapping[str, str]) -> Iterator[str]:
    """Settings that let packets go ways that the model has no words for.

    Source routes are taken only where ``all`` and the link both allow it; for the others one of the two is enough.
    """
    for key, value in sysctls.items():
        family, _, rest = key.removeprefix("net/").partition("/conf/")
        both = rest.endswith("/accept_source_route")
        if both and sysctls.get(f"net/{family}/conf/all/accept_source_route", "1") in ("0", "-1"):
            continue
        if value == "1" and (both or rest.endswith(("/proxy_arp", "/proxy_ndp", "/route_localnet"))):
            yield f"{key} is on"


def _beside(plan: Plan, host: Host, snapshot: Snapshot) -> Iterator[str]:
    """What moves or lets through packets beside nftables' tables and the routes, in words.

    The plan's own redirects are none of it: an IFB hands each packet back to the link that it was leaving by.
    """
    lab = host.is_lab
    try:
        for name, text in (("iptables", snapshot.iptables.value), ("ip6tables", snapshot.ip6tables.value)):
            yield from (f"{name}: {line}" for line in foreign_lines(text, lab=lab))
        for family, text in snapshot.legacy.value.items():
            yield from (f"legacy {family} tables: {line}" for line in foreign_lines(text, lab=lab))
        yield from (f"policy route {rule}" for rule in snapshot.policy_routes.value)
        yield from (f"tc filter on {place}" for place in strange(plan, host.name, snapshot.traffic.value.filters))
        if snapshot.xfrm.value.strip():
            yield "xfrm policies"
        for link in snapshot.links.value:
            if link.xdp:
                yield f"an XDP program on {link.name}"
            if link.kind in _TUNNELS:
                yield f"{link.name} is a tunnel ({link.kind})"
        for container in snapshot.engine.value.containers:
            shared = container.network_mode == "host" or container.network_mode.startswith("container:")
            if container.running and shared:
                yield f"container {container.name} shares a network namespace ({container.network_mode})"
        yield from _settings(snapshot.sysctls.value)
    except UnreadError as error:
        yield f"the snapshot: {error}"
