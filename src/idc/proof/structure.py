"""Declared in law, beside the flows: addresses of one's own, listeners and vhosts, fabrics kept apart, pivots."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations

from idc.model.enums import Visibility, Zone
from idc.model.profiles import Isolation, Profile
from idc.plan.types import HostInterface, Plan
from idc.proof.ground import End, Ground
from idc.proof.verdict import Violation

BROKERS = frozenset({Zone.EXCHANGE})  # what stands between tenants by its office


def _broken(where: str, what: str, rule: str) -> Violation:
    return Violation("declared in law", where, what, rule=rule)


def addresses(plan: Plan, ground: Ground) -> Iterator[Violation]:
    """A segment's addresses are its own, on its host's block; a container's are its own segment's; nothing else's."""
    rule = "addresses_are_ones_own"
    for one, other in ground.overlaps():
        yield _broken(one.name, f"segments {one.name} and {other.name} have addresses in common", rule)
    for host, second in combinations(plan.hosts, 2):
        if host.address == second.address:
            yield _broken(host.name, f"hosts {host.name} and {second.name} have one address", rule)
        if any(block.overlaps(other) for block in host.blocks for other in second.blocks):
            yield _broken(host.name, f"hosts {host.name} and {second.name} have blocks in common", rule)
    bridges: set[tuple[str, str]] = set()
    for segment in plan.segments:
        blocks = plan.host_by_name[segment.host].blocks
        if not any(segment.subnet.subnet_of(block) for block in blocks) or not segment.subnet.subnet_of(plan.prefix):
            yield _broken(segment.name, f"segment {segment.name} lies outside the block of {segment.host}", rule)
        if (segment.host, segment.bridge) in bridges:
            yield _broken(segment.name, f"bridge {segment.bridge} on {segment.host} carries two segments", rule)
        bridges.add((segment.host, segment.bridge))
    for container in plan.containers:
        home = plan.segment_by_name.get(container.segment)
        if home is None or container.address_a not in home.subnet or container.address_b not in home.subnet:
            yield _broken(container.name, f"container {container.name} has an address outside its segment", rule)
        elif (container.tenant, container.owner, container.host) != (home.tenant, home.owner, home.host):
            yield _broken(container.name, f"container {container.name} is in {home.owner}'s segment {home.name}", rule)


def vhosts(plan: Plan, ground: Ground) -> Iterator[Violation]:
    """A legal request to a listener reaches only sites that its audience may see, and only the site that it names."""
    rule = "vhosts_by_audience"
    sites = {site.ref: site for site in plan.sites}
    names: set[tuple[str, str]] = set()
    for vhost in plan.vhosts:
        site = sites.get(vhost.site)
        label = f"{vhost.names[0] if vhost.names else 'a vhost'} on the listener {vhost.visibility}"
        if site is None:
            yield _broken(vhost.site, f"{label} is no site's", rule)
            continue
        if vhost.visibility is Visibility.INTERNET and site.visibility is not Visibility.INTERNET:
            yield _broken(vhost.site, f"{label} shows a site that is for the {site.visibility} only", rule)
        elif vhost.visibility is not site.visibility:
            yield _broken(vhost.site, f"{label} shows a site that is for the {site.visibility}", rule)
        if vhost.visibility is Visibility.INTERNET and set(site.audience) == {"employee"}:
            yield _broken(vhost.site, f"{label} shows a site that is for employees only", rule)
        container = plan.container_by_name[site.container]
        own = (container.address_a, container.address_b)
        if vhost.upstream not in own or vhost.upstream_port != container.port or container.owner != vhost.site:
            yield _broken(vhost.site, f"{label} leads to {vhost.upstream}:{vhost.upstream_port}, not to its site", rule)
        if vhost.tenant != site.tenant or site.tenant in ground.closed:
            yield _broken(vhost.site, f"{label} belongs to a closed or another tenant", rule)
        for name in vhost.names:
            if (vhost.visibility.value, name) in names:
                yield _broken(vhost.site, f"{name} stands for two sites on one listener", rule)
            names.add((vhost.visibility.value, name))


def fabrics(plan: Plan, profile: Profile) -> Iterator[Violation]:
    """What the profile keeps physically apart shares nothing: no interface, no listener, no firewall between them."""
    rule = "fabrics_are_apart"
    if plan.fabric not in profile.managed:
        yield _broken(plan.fabric, f"{plan.fabric} is no fabric of {profile.name} that may be built", rule)
        return
    logical = "internet" in profile.fabrics and profile.isolation(plan.fabric, "internet") is Isolation.LOGICAL
    if logical:
        return
    for listener in plan.listeners:
        if listener.visibility is Visibility.INTERNET:
            yield _broken(listener.host, f"a listener of the Internet in {plan.fabric}, which is apart from it", rule)
    for host in plan.hosts:
        if any(interface.role is HostInterface.INTERNET for interface in host.interfaces):
            yield _broken(host.name, f"an interface to the Internet in {plan.fabric}, which is apart from it", rule)


def pivots(ground: Ground) -> Iterator[Violation]:
    """No two tenants are joined by somebody who takes connections from the one and opens some to the other."""
    into: dict[str, set[str]] = defaultdict(set)  # who is reached by which others
    tenants: dict[str, str] = {}
    free: set[str] = set()  # nobody's, and no broker by office
    for way in ground.crossings:
        source, destination = way.source, way.destination
        ends = (_name(source), _name(destination))
        if not all(ends):
            continue
        into[ends[1]].add(ends[0])
        for name, end in zip(ends, (source, destination), strict=True):
            tenants[name] = end.tenant
            if not end.tenant and not end.zones & BROKERS:
                free.add(name)
    reached: dict[str, set[str]] = {}
    for middle in sorted(free):
        todo, seen = [middle], {middle}
        while todo:
            for before in into.get(todo.pop(), ()):
                if before not in seen:
                    seen.add(before)
                    todo += [before] if before in free else []
        reached[middle] = {tenants[name] for name in seen if tenants[name]}
    told: set[tuple[str, str]] = set()
    for way in ground.crossings:
        flow, source, destination = way.flow, way.source, way.destination
        middle = _name(source)
        others = reached.get(middle, set()) - {destination.tenant}
        if destination.tenant and others and (middle, destination.tenant) not in told:
            told.add((middle, destination.tenant))
            first = min(others)
            what = f"tenant {first} reaches tenant {destination.tenant} by way of {source.name}, which is no broker"
            yield Violation("declared in law", middle, what, rule="no_pivot_joins_tenants", flow=flow.id)


def _name(end: End) -> str:
    if end.segment:
        return end.segment.name
    return f"host {end.host.name}" if end.host else ""
