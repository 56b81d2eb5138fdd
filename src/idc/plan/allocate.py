"""Numbers, hosts and subnets: what the lock already has stays as it is, what is new gets the lowest that is free.

Order never shows: hosts, tenants and sites are taken by name. A site that has gone from its tenant's file keeps its
numbers and volumes in the lock; a tenant that has gone altogether is refused (absence never destroys).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Network

from idc.model.types import CentreSpec, Service, SiteKind, SiteSpec, TenantSpec, TenantState, Zone
from idc.plan import capacity, catalogue
from idc.plan.addresses import Addresses, Layout
from idc.plan.capacity import Amount
from idc.plan.inputs import Declaration, Problems, tenant_file
from idc.plan.lock import HostLock, Lock, SiteLock, TenantLock
from idc.plan.placement import Room
from idc.plan.sites import zones
from idc.plan.types import Reservation

EDGE_SEGMENT = "edge"


@dataclass(frozen=True)
class Allocation:
    """What everything holds. The slots in ``lock`` are still the old ones."""

    lock: Lock
    reservations: tuple[Reservation, ...]


def allocate(declaration: Declaration, lock: Lock, problems: Problems) -> Allocation | None:
    """Allocate all that is declared. None when the prefix itself cannot be used (noted in ``problems``)."""
    layout = _layout(declaration.centre, lock, problems)
    if layout is None:
        return None
    return _Allocator(declaration, lock, layout, problems).run()


def note_vanished(declaration: Declaration, lock: Lock, problems: Problems) -> None:
    """Note each tenant that holds something and is no longer declared."""
    hint = "restore the file; a tenant goes away by `state: retiring` and `idc retire`, never by absence"
    for name in sorted(set(lock.tenants) - {spec.tenant for spec in declaration.tenants}):
        number = lock.tenants[name].number
        problems.missing(tenant_file(name), f"tenant {name} is no longer declared, yet it holds number {number}", hint)


def _layout(centre: CentreSpec, lock: Lock, problems: Problems) -> Layout | None:
    if lock.prefix not in (None, centre.prefix):
        message = f"the prefix is {lock.prefix} in the lock: what is allocated does not move"
        problems.in_centre(("prefix",), message, f"write {lock.prefix}")
        return None
    layout = Layout.of(centre.prefix)
    if layout is None:
        problems.in_centre(
            ("prefix",), f"{centre.prefix} has no room for an uplink and a block a host", "a /13 has room for thousands"
        )
    return layout


def lowest_free(taken: Iterable[int]) -> Iterator[int]:
    """1, 2, 3 … without those that are taken."""
    held = set(taken)
    number = 1
    while True:
        if number not in held:
            yield number
        number += 1


class _Allocator:
    """One run's bookkeeping."""

    def __init__(self, declaration: Declaration, lock: Lock, layout: Layout, problems: Problems) -> None:
        self.centre, self.tenants = declaration.centre, sorted(declaration.tenants, key=lambda spec: spec.tenant)
        self.lock, self.layout, self.problems = lock, layout, problems
        taken = [net for entry in _entries(lock) for net in entry.segments.values()]
        self.addresses = Addresses(layout, {name: host.blocks for name, host in lock.hosts.items()}, taken)
        self.room = Room({name: capacity.offered(spec) for name, spec in self.centre.hosts.items()})
        self.reserved: dict[tuple[str, str], Amount] = {}
        zones = {name: frozenset(spec.zones) for name, spec in self.centre.hosts.items()}
        self.web = frozenset(name for name, held in zones.items() if Zone.WEB in held)
        self.web_and_data = frozenset(name for name in self.web if Zone.DATA in zones[name])

    def run(self) -> Allocation:
        services = self._services()
        active = [spec for spec in self.tenants if spec.state is TenantState.ACTIVE]
        weights = {spec.tenant: {site.name: catalogue.weight(site) for site in spec.sites} for spec in active}
        hosts = {spec.tenant: self._locked_hosts(spec) for spec in active}
        for spec in self.tenants:  # what is placed first, so that new sites find only what is really left
            if spec.state is TenantState.ACTIVE:
                self._take(spec, hosts[spec.tenant], weights[spec.tenant])
            else:
                self._take_retiring(spec)
        for spec in active:
            self._place(spec, hosts[spec.tenant], weights[spec.tenant])
        numbers = lowest_free(entry.number for entry in self.lock.tenants.values())
        tenants = {spec.tenant: self._tenant(spec, hosts.get(spec.tenant, {}), numbers) for spec in self.tenants}
        next_lock = replace(
            self.lock, prefix=self.centre.prefix, hosts=self._hosts(), services=services, tenants=tenants
        )
        reservations = tuple(
            Reservation(owner, host, amount.cpus / 1000, amount.memory, amount.disk, amount.bandwidth)
            for (owner, host), amount in sorted(self.reserved.items())
        )
        return Allocation(next_lock, reservations)

    def _reserve(self, owner: str, host: str, amount: Amount) -> None:
        self.room.take(host, amount)
        self.reserved[owner, host] = self.reserved.get((owner, host), Amount()) + amount

    # -- services and hosts -----------------------------------------------------------------------------------------

    def _services(self) -> dict[str, SiteLock]:
        """The edge's segment on its first host; one that has moved gives its old number back."""
        services = dict(self.lock.services)
        edge = next(iter(self.centre.services.get(Service.EDGE, ())), "")
        spec = self.centre.hosts.get(edge)
        if spec is None:
            return services
        limits = catalogue.edge_limits(spec.cpus, spec.memory, edge in self.web)
        amount = Amount(round(limits.cpus * 1000) * 2, limits.memory * 2)  # twice: replaced blue/green
        self._reserve("service/edge", edge, amount)
        locked = services.get("edge")
        if locked is None or locked.host != edge:
            subnet = self.addresses.segment(edge)
            if subnet is None:
                self.problems.in_centre(("prefix",), f"{self.centre.prefix} has no room left for the edge")
                return services
            services["edge"] = SiteLock(edge, {EDGE_SEGMENT: subnet})
        return services

    def _hosts(self) -> dict[str, HostLock]:
        """Numbers and blocks of all hosts that are or were; a host that has gone keeps its own."""
        numbers = lowest_free(entry.number for entry in self.lock.hosts.values())
        found: dict[str, HostLock] = {}
        for name in sorted({*self.centre.hosts, *self.lock.hosts}):
            known = self.lock.hosts.get(name)
            number = known.number if known else next(numbers)
            if number > self.layout.hosts:
                message = f"host {name} would be number {number}: a fabric has room for {self.layout.hosts}"
                self.problems.in_centre(("hosts", name), message)
            found[name] = HostLock(number, self.addresses.blocks(name))
        return found

    # -- tenants ----------------------------------------------------------------------------------------------------

    def _locked_hosts(self, spec: TenantSpec) -> dict[str, str]:
        """Hosts of the tenant's sites, as far as the lock has placed them."""
        known = self.lock.tenants.get(spec.tenant)
        found = {}
        for site in spec.sites:
            entry = known.sites.get(site.name) if known else None
            if entry is not None:
                found[site.name] = entry.host
        return found

    def _take(self, spec: TenantSpec, hosts: Mapping[str, str], weights: Mapping[str, int]) -> None:
        for name, host in hosts.items():
            self._reserve(f"tenant/{spec.tenant}", host, self._part(spec, weights, name))
        resting = self._resting(spec)
        whole = sum(weights.values()) + sum(weight for _, weight in resting)
        for host, weight in resting:
            self._reserve(f"tenant/{spec.tenant}", host, Amount(disk=spec.quota.disk * weight // whole))

    def _part(self, spec: TenantSpec, weights: Mapping[str, int], site: str) -> Amount:
        """A site's part of its tenant's quota; of the disk a part stays with sites that have gone."""
        quota, total = Amount.of_quota(spec.quota), sum(weights.values())
        whole = total + sum(weight for _, weight in self._resting(spec))
        return replace(quota.share(weights[site], total), disk=quota.disk * weights[site] // whole)

    def _resting(self, spec: TenantSpec) -> list[tuple[str, int]]:
        """Hosts and weights of sites that have gone from the tenant's file, whose volumes still lie on a disk."""
        known = self.lock.tenants.get(spec.tenant)
        declared = {site.name for site in spec.sites}
        gone = [entry for name, entry in known.sites.items() if name not in declared] if known else []
        return [(entry.host, max(map(_volume_weight, entry.volumes.values()))) for entry in gone if entry.volumes]

    def _take_retiring(self, spec: TenantSpec) -> None:
        """A retiring tenant's data still lies on its hosts."""
        known = self.lock.tenants.get(spec.tenant)
        held = sorted({entry.host for entry in known.sites.values() if entry.volumes}) if known else []
        for host in held:
            self._reserve(f"tenant/{spec.tenant}", host, Amount(disk=spec.quota.disk // len(held)))

    def _candidates(self, site: SiteSpec) -> frozenset[str]:
        return self.web_and_data if site.database else self.web

    def _place(self, spec: TenantSpec, hosts: dict[str, str], weights: Mapping[str, int]) -> None:
        """Choose a host for each site that has none: one for all if they fit, the tenant's own hosts before others."""
        new = [site for site in sorted(spec.sites, key=lambda site: site.name) if site.name not in hosts]
        if not new:
            return
        owner, own = f"tenant/{spec.tenant}", sorted(set(hosts.values()))
        parts = {site.name: self._part(spec, weights, site.name) for site in new}
        whole = Amount()
        for part in parts.values():
            whole += part
        candidates = frozenset.intersection(*(self._candidates(site) for site in new))
        together = self.room.best(candidates, whole, prefer=own) if candidates else None
        for site in new:
            host = together or self.room.best(self._candidates(site), parts[site.name], prefer=own)
            if host is None:
                self._no_room(spec, site, parts[site.name])
                return
            hosts[site.name] = host
            self._reserve(owner, host, parts[site.name])
            if host not in own:
                own.append(host)

    def _no_room(self, spec: TenantSpec, site: SiteSpec, amount: Amount) -> None:
        hosts = sorted(self._candidates(site))
        zones = "web and data" if site.database else "web"
        path = ("sites", spec.sites.index(site))
        if not hosts:
            message = f"no host has the zone{'s' if site.database else ''} {zones}: site {site.name} has nowhere to run"
            self.problems.in_tenant(spec.tenant, path, message, "give a host these zones in centre.yaml")
            return
        free = [self.room.free(host) for host in hosts]
        most = [max(amount.parts[i] for amount in free) for i in range(len(capacity.NAMES))]
        lacking = [
            (name, f"{capacity.words(name, asked)} of {name} asked, {capacity.words(name, max(0, there))} free")
            for name, asked, there in zip(capacity.NAMES, amount.parts, most, strict=True)
            if asked > there
        ]
        detail = "; ".join(text for _, text in lacking) or "each lacks something of its quota"
        message = f"no host has room for site {site.name} of tenant {spec.tenant}: {detail} ({', '.join(hosts[:8])})"
        key = lacking[0][0] if lacking else "memory"
        self.problems.in_tenant(spec.tenant, ("quota", key), message, "lower the quota, or add a host")

    def _tenant(self, spec: TenantSpec, hosts: Mapping[str, str], numbers: Iterator[int]) -> TenantLock:
        known = self.lock.tenants.get(spec.tenant)
        number = known.number if known else next(numbers)
        if number > self.layout.tenants:
            message = f"tenant {spec.tenant} would be number {number}: a fabric has room for {self.layout.tenants}"
            self.problems.in_tenant(spec.tenant, ("tenant",), message)
        sites = dict(known.sites) if known else {}
        self._check_resting(spec, sites, hosts)
        for index, site in sorted(enumerate(spec.sites), key=lambda item: item[1].name):
            host = hosts.get(site.name)
            if host is not None and self._host_suits(spec, index, site, host):
                sites[site.name] = self._site(spec, index, site, host, sites.get(site.name))
        return TenantLock(number, dict(sorted(sites.items())))

    def _check_resting(self, spec: TenantSpec, sites: Mapping[str, SiteLock], hosts: Mapping[str, str]) -> None:
        """Volumes of what has gone or retires still lie on a host, which then must stay."""
        for name, entry in sites.items():
            if name not in hosts and entry.volumes and entry.host not in self.centre.hosts:
                held = ", ".join(entry.volumes)
                message = f"host {entry.host} has gone from centre.yaml, yet it holds {held} of tenant {spec.tenant}"
                hint = f"give {entry.host} back: absence never destroys data"
                self.problems.in_tenant(spec.tenant, ("tenant",), message, hint)

    def _host_suits(self, spec: TenantSpec, index: int, site: SiteSpec, host: str) -> bool:
        if host in self._candidates(site):
            return True
        what = "has gone from centre.yaml" if host not in self.centre.hosts else "lacks the zone that it needs"
        message = f"site {site.name} of tenant {spec.tenant} is on host {host}, which {what}"
        hint = f"give {host} back its zones (web, and data for a database): what is placed does not move"
        self.problems.in_tenant(spec.tenant, ("sites", index), message, hint)
        return False

    def _site(self, spec: TenantSpec, index: int, site: SiteSpec, host: str, known: SiteLock | None) -> SiteLock:
        segments: dict[str, IPv4Network] = dict(known.segments) if known else {}
        for zone in zones(site):
            if zone.value not in segments:
                subnet = self.addresses.segment(host)
                if subnet is None:
                    message = f"{self.centre.prefix} has no block left for site {site.name} of tenant {spec.tenant}"
                    self.problems.in_tenant(spec.tenant, ("sites", index), message, "a larger prefix, or fewer sites")
                    break
                segments[zone.value] = subnet
        volumes = (dict(known.volumes) if known else {}) | site_volumes(spec.tenant, site)
        return SiteLock(host, segments, known.slots if known else {}, dict(sorted(volumes.items())))


def site_volumes(tenant: str, site: SiteSpec) -> dict[str, str]:
    """The volumes that a site has by its declaration: name -> purpose."""
    if site.kind is not SiteKind.APP:
        return {f"{tenant}-{site.name}-content": "content"}
    return {f"{tenant}-{site.name}-database": "database"} if site.database else {}


def _volume_weight(purpose: str) -> int:
    """The weight that the site of a volume had: which application it was is no longer known, so the heaviest."""
    images = catalogue.IMAGES
    if purpose == "content":
        return images[catalogue.STATIC_IMAGE].weight * 2
    return images[catalogue.DATABASE_IMAGE].weight + 2 * max(images[name].weight for name in catalogue.APPLICATIONS)


def _entries(lock: Lock) -> Iterator[SiteLock]:
    yield from lock.services.values()
    for tenant in lock.tenants.values():
        yield from tenant.sites.values()
