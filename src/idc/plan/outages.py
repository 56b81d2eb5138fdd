"""Which sites would stop answering while a plan is applied, for how long, and why.

Zero is the rule: containers are replaced beside themselves, shared services take new tenants by a reload. The seconds
are estimates for what cannot be done so; ``idc verify`` under load measures.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from idc.plan.changes import Outage, ResourceChange
from idc.plan.types import Plan, Site

IN_PLACE: Final = 10  # a container stopped and started: a database closes and recovers
NETWORK: Final = 15  # a network and the containers on it
LAB_HOST: Final = 60  # a system container booted, its engine started


@dataclass(frozen=True)
class _Broken:
    """What is replaced such that it does not serve meanwhile: name -> reason."""

    hosts: Mapping[str, str]
    networks: Mapping[str, str]
    containers: Mapping[str, str]


def expected(old: Plan, new: Plan, resources: Sequence[ResourceChange]) -> tuple[Outage, ...]:
    """The outages of sites that answer now, by site."""
    after = {site.ref: site for site in new.sites}
    shut = {tenant.id for tenant in new.tenants if tenant.isolated}
    was_shut = {tenant.id for tenant in old.tenants if tenant.isolated}
    broken = _broken(new, resources)
    found = []
    for site in old.sites:
        if site.tenant in was_shut:
            continue
        outage = _on_purpose(site, after.get(site.ref), shut) or _moved(old, new, site) or _of(site, after, new, broken)
        if outage is not None:
            found.append(outage)
    return tuple(found)


def _broken(new: Plan, resources: Iterable[ResourceChange]) -> _Broken:
    hosts: dict[str, str] = {}
    networks: dict[str, str] = {}
    containers: dict[str, str] = {}
    labs = {host.lab_name: host.name for host in new.hosts}
    for change in resources:
        if change.action != "replace":
            continue
        if change.kind == "lab host" and change.name in labs:
            hosts[labs[change.name]] = change.detail
        elif change.kind == "network":
            networks[change.name] = change.detail
        elif change.kind == "container" and not new.container_by_name[change.name].blue_green:
            containers[change.name] = change.detail
    return _Broken(hosts, networks, containers)


def _on_purpose(site: Site, after: Site | None, shut: set[str]) -> Outage | None:
    if site.tenant in shut:
        return Outage(site.ref, None, "shut by idc isolate")
    if after is None:
        return Outage(site.ref, None, "it goes away, as declared")
    return None


def _moved(old: Plan, new: Plan, site: Site) -> Outage | None:
    """Nobody finds a site whose listener has another address, until its names point there."""
    before = {entry.visibility: entry for entry in old.listeners}.get(site.visibility)
    after = {entry.visibility: entry for entry in new.listeners}.get(site.visibility)
    if before is None or (after is not None and after.address == before.address):
        return None
    where = f"moves from {before.address} to {after.address}" if after else "goes away"
    return Outage(site.ref, None, f"its listener {where}: until its names point there")


def _of(site: Site, after: Mapping[str, Site], new: Plan, broken: _Broken) -> Outage | None:
    """The longest of what touches a site on its way: its host, its networks, its containers, and the edge."""
    now = after[site.ref]
    names = {site.container, site.database, now.container, now.database} - {""}
    segments = {new.container_by_name[name].segment for name in names if name in new.container_by_name}
    fronts = {listener.host for listener in new.listeners if listener.visibility is now.visibility}
    front_networks = {listener.segment for listener in new.listeners if listener.visibility is now.visibility}
    for host in sorted({now.host, *fronts} & set(broken.hosts)):
        return Outage(site.ref, LAB_HOST, f"host {host} is replaced ({broken.hosts[host]})")
    for network in sorted((segments | front_networks) & set(broken.networks)):
        return Outage(site.ref, NETWORK, f"network {network} is replaced ({broken.networks[network]})")
    for name in sorted(names & set(broken.containers)):
        return Outage(site.ref, IN_PLACE, f"{name} is replaced ({broken.containers[name]})")
    if site.container != now.container:
        return Outage(site.ref, IN_PLACE, f"{site.container} gives way to {now.container}")
    return None
