"""Probes between containers and hosts: tenants, reverse directions, wrong ports, gateways, forged addresses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Final, TypeVar

from idc.live.probe import CLOSED_PORT, SSH, Family
from idc.plan.types import Container, Plan

if TYPE_CHECKING:
    from idc.live.probes import Chooser

SPREAD: Final = 3  # neighbours that each container tries, of each kind

Item = TypeVar("Item")


def flows(chooser: Chooser) -> None:
    """Each declared flow passes. One from outside is shown by the sites behind its listener."""
    census = chooser.census
    for flow in census.plan.flows:
        if census.is_outside(flow):
            continue
        for source in census.ends(flow.source):
            targets = [end for end in census.ends(flow.destination) if end.place != source.place]
            for target in targets:
                served = flow.protocol == "tcp" and flow.port == target.port
                chooser.passes(Family.FLOW, source.place, target.place, target.address, flow.protocol, flow.port,
                               flow.id, listen=not served)  # fmt: skip
            if not targets and flow.destination.host is None:
                network = flow.destination.networks[0]
                address = network[1] if network.num_addresses > 2 else network[0]
                chooser.passes(Family.FLOW, source.place, None, address, flow.protocol, flow.port, flow.id,
                               way_out=flow.destination.via or source.place.machine)  # fmt: skip


def management(chooser: Chooser) -> None:
    """Each host accepts what its own rules say, from a host that they name."""
    census = chooser.census
    for rule in census.plan.host_rules:
        if rule.direction != "in":
            continue
        to = census.plan.host_by_name[rule.host]
        for host in census.plan.hosts:
            if host.name != to.name and any(host.address in network for network in rule.networks):
                chooser.passes(Family.MANAGEMENT, census.host_place(host.name), census.host_place(to.name), to.address,
                               rule.protocol, rule.port, f"host rule: {rule.reason}", listen=True)  # fmt: skip


def _turn(items: Sequence[Item], own: int, count: int = SPREAD) -> list[Item]:
    """A few of many, beginning at another place for each asker, so that together they try all."""
    return [items[(own + step) % len(items)] for step in range(min(count, len(items)))]


def tenants(chooser: Chooser) -> None:
    """No container reaches another tenant's, on its host or on another, nor an undeclared one of its own tenant."""
    census = chooser.census
    inner = [container for container in census.containers if container.name not in census.edges]
    by_host: dict[str, list[Container]] = defaultdict(list)
    by_tenant: dict[str, list[Container]] = defaultdict(list)
    for container in inner:
        by_host[container.host].append(container)
        by_tenant[container.tenant].append(container)
    for number, source in enumerate(inner):
        same = _others(by_host[source.host], source, number)
        other_hosts = [name for name in sorted(by_host) if name != source.host]
        other = [
            target
            for step in range(min(SPREAD, len(other_hosts)))
            for target in _others(by_host[other_hosts[(number + step) % len(other_hosts)]], source, number)
        ]
        own = [c for c in by_tenant[source.tenant] if c.owner != source.owner] if source.tenant else []
        for family, targets in (
            (Family.SAME_HOST, same),
            (Family.OTHER_HOST, other),
            (Family.OWN_TENANT, _turn(own, number)),
        ):
            for step, target in enumerate(targets):
                chooser.between(family, source, target, "tcp", target.port, "no flow joins them")
                if step == 0:
                    chooser.between(family, source, target, "udp", target.port, "no flow joins them")
                    chooser.between(family, source, target, "icmp", 0, "no flow joins them")


def _others(containers: list[Container], source: Container, number: int) -> list[Container]:
    """A few containers of other tenants among some, in turn."""
    if not containers:
        return []
    found: list[Container] = []
    for step in range(len(containers)):
        target = containers[(number + step) % len(containers)]
        if target.tenant != source.tenant or (not source.tenant and target.owner != source.owner):
            found.append(target)
            if len(found) == SPREAD:
                break
    return found


def neighbours_of_flows(chooser: Chooser) -> None:
    """Around each declared flow: its reverse direction, another port, another protocol."""
    census = chooser.census
    for flow, source, target in census.inside_pairs():
        back = f"only {flow.id} is declared, not its reverse"
        chooser.between(Family.REVERSE, target, source, "tcp", source.port, back)
        chooser.between(Family.REVERSE, target, source, "tcp", CLOSED_PORT, back)
        chooser.between(Family.REVERSE, target, source, "udp", CLOSED_PORT, back)
        chooser.between(Family.REVERSE, target, source, "icmp", 0, back)
        if flow.protocol in ("tcp", "udp"):
            chooser.from_service(Family.REVERSE, target, source, flow.protocol, flow.port, back)
        for listener in census.plan.listeners:
            if listener.container == source.name:
                chooser.between(Family.REVERSE, target, source, "tcp", listener.target_port, back)
        only = f"only {flow.id} is declared"
        chooser.between(Family.WRONG_PORT, source, target, "tcp", CLOSED_PORT, only)
        chooser.between(Family.WRONG_PROTOCOL, source, target, "udp", flow.port, only)
        chooser.between(Family.WRONG_PROTOCOL, source, target, "icmp", 0, only)


def _gateways(plan: Plan) -> dict[str, list[IPv4Address]]:
    """Each host's own addresses on those of its segments that hold a container."""
    found: dict[str, list[IPv4Address]] = defaultdict(list)
    held = {container.segment for container in plan.containers}
    for segment in plan.segments:
        if segment.name in held:
            found[segment.host].append(segment.gateway)
    return found


def hosts(chooser: Chooser) -> None:
    """No container reaches a host: its own by the gateway or the uplink address, another, or a management host."""
    census = chooser.census
    management_names = {host.name for host in census.management}
    plain = [host for host in census.plan.hosts if host.name not in management_names]
    gateways = _gateways(census.plan)
    for number, source in enumerate(census.containers):
        place, own = census.place(source), census.host_place(source.host)
        gateway = census.plan.segment_by_name[source.segment].gateway
        why = "nothing passes from a container to a host"
        for port in (SSH, CLOSED_PORT):
            chooser.denies(Family.GATEWAY, place, own, gateway, "tcp", port, why)
        chooser.denies(Family.GATEWAY, place, own, gateway, "udp", CLOSED_PORT, why)
        chooser.denies(Family.GATEWAY, place, own, gateway, "icmp", 0, why)
        address = census.plan.host_by_name[source.host].address
        chooser.denies(Family.GATEWAY, place, own, address, "tcp", SSH, why)
        for beside in _turn([entry for entry in gateways[source.host] if entry != gateway], number, 1):
            chooser.denies(Family.GATEWAY, place, own, beside, "tcp", SSH, f"{why}, by a neighbour's gateway either")
        others = [host for host in plain if host.name != source.host]
        for step in range(min(SPREAD, len(others))):
            host = others[(number + step) % len(others)]
            chooser.denies(Family.HOST, place, census.host_place(host.name), host.address, "tcp", SSH, why)
        for host in census.management:
            if host.name != source.host:
                to = census.host_place(host.name)
                chooser.denies(Family.MANAGEMENT_HOST, place, to, host.address, "tcp", SSH, why)
                chooser.denies(Family.MANAGEMENT_HOST, place, to, host.address, "icmp", 0, why)


def forged(chooser: Chooser) -> None:
    """A container that uses an address with more rights than its own gets no further than its own bridge."""
    census = chooser.census
    by_destination: dict[str, tuple[Container, int]] = {}
    pairs = list(census.inside_pairs())
    for flow, source, target in pairs:
        if flow.protocol == "tcp":
            by_destination.setdefault(target.name, (source, flow.port))
    inner = [container for container in census.containers if container.name not in census.edges]
    targets = [container for container in inner if container.name in by_destination]
    for number, sender in enumerate(inner):
        for target in _others(targets, sender, number)[:1]:
            owner, port = by_destination[target.name]
            if owner.name == sender.name:
                continue
            good = chooser.id_of(Family.FLOW, census.place(owner), target.address(), "tcp", port)
            chooser.between(Family.SPOOFED, sender, target, "tcp", port,
                            f"only {owner.docker_name()} may use {owner.address()}", forged=owner.address(),
                            controls=(good,) if good in chooser.probes else ())  # fmt: skip
        for host in census.management[:1]:
            gateway = census.plan.segment_by_name[sender.segment].gateway
            to = next((h for h in census.plan.hosts if h.name not in (host.name, sender.host)), None)
            if to is not None and host.name != sender.host:
                chooser.denies(Family.SPOOFED, census.place(sender), census.host_place(to.name), to.address, "tcp", SSH,
                               f"only host {host.name} may use {host.address}", forged=host.address,
                               gateway=gateway)  # fmt: skip
