"""From a declaration and the lock to the plan: pure, the same for the same input, and nothing allocated ever moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from ipaddress import IPv4Interface

from idc.collector import without_collector
from idc.model.types import CentreSpec, SiteKind, TenantSpec, TenantState
from idc.model.units import format_bytes
from idc.plan import addresses, bandwidth, capacity, catalogue, edge, flows, hostrules, sites
from idc.plan.allocate import Allocation, allocate, note_vanished
from idc.plan.endpoints import Endpoints
from idc.plan.inputs import Declaration, Inputs, Place, Problems
from idc.plan.labs import MACHINE
from idc.plan.lock import Lock
from idc.plan.sites import Parts
from idc.plan.types import Backup, Host, HostInterface, Interface, Plan, Stack, Tenant


def make(
    declaration: Declaration,
    lock: Lock,
    images: Mapping[str, str],
    *,
    today: date,
    isolated: frozenset[str] = frozenset(),
    as_lab: bool = False,
) -> tuple[Plan, Lock]:
    """The plan, and the lock as it stands once the plan is applied (the very same one when nothing changes).

    ``images`` gives the content id of each image by its short name; one that is missing is planned without an id.
    ``isolated`` tenants keep their containers but have no flow and no vhost. ``as_lab`` realises every host as a lab
    host, whatever its address. Raises InputError with all that cannot be planned (capacity, addresses, flows that no
    host could let pass, a tenant that holds something and is no longer declared).
    """
    inputs = Inputs(declaration, images, isolated, today, as_lab)
    with without_collector():
        return _make(inputs, lock)


def _make(inputs: Inputs, lock: Lock) -> tuple[Plan, Lock]:
    problems = Problems(inputs.declaration)
    note_vanished(inputs.declaration, lock, problems)
    inputs = _sound(inputs, problems)
    declaration, centre = inputs.declaration, inputs.declaration.centre
    allocation = allocate(declaration, lock, problems)
    if allocation is None:
        problems.stop()
    assert allocation is not None  # else a problem was noted
    capacity.check(declaration, allocation.reservations, problems)
    hosts = _hosts(inputs, allocation)
    parts = Parts()
    next_lock = _parts(inputs, allocation, parts).after(lock)
    endpoints = Endpoints.of(inputs, hosts, parts, partial=bool(problems.found))
    planned = flows.derive(inputs, parts, endpoints, problems)
    problems.stop()
    containers = {container.name: container for container in parts.containers}
    numbers = {name: entry.number for name, entry in allocation.lock.tenants.items()}
    front = edge.edge_host(centre)
    plan = Plan(
        centre=centre.centre,
        fabric=centre.fabric,
        profile=centre.profile,
        domain=centre.domain,
        prefix=centre.prefix,
        hosts=tuple(hosts.values()),
        tenants=tuple(_tenant(spec, numbers, inputs) for spec in _sorted(inputs)),
        sites=tuple(sorted(parts.sites, key=lambda site: site.ref)),
        segments=tuple(sorted(parts.segments, key=lambda segment: segment.name)),
        containers=tuple(sorted(parts.containers, key=lambda container: container.name)),
        volumes=tuple(sorted(parts.volumes, key=lambda volume: (volume.host, volume.name))),
        secrets=tuple(sorted(parts.secrets, key=lambda secret: (secret.host, secret.folder, secret.file))),
        flows=planned,
        host_rules=hostrules.derive(hosts, planned),
        listeners=edge.listeners(centre, front) if front else (),
        vhosts=edge.vhosts(parts.sites, containers, centre, inputs.isolated) if front else (),
        bandwidth=bandwidth.shares(allocation.reservations, parts.segments, numbers),
        stacks=_stacks(inputs, allocation, front),
        services={service.value: tuple(names) for service, names in sorted(centre.services.items())},
        declaration_digest=declaration.digest,
        reservations=allocation.reservations,
        images={name: inputs.images.get(name, "") for name in ("client", "lab-host")},
        beside=declaration.beside,
        today=inputs.today,
    )
    return plan, next_lock


def _sorted(inputs: Inputs) -> list[TenantSpec]:
    return sorted(inputs.declaration.tenants, key=lambda spec: spec.tenant)


@dataclass(frozen=True)
class _Sound:
    """A declaration without the tenants that cannot be planned: what is wrong elsewhere is said in the same run."""

    whole: Declaration
    tenants: tuple[TenantSpec, ...]

    @property
    def centre(self) -> CentreSpec:
        return self.whole.centre

    @property
    def digest(self) -> str:
        return self.whole.digest

    @property
    def beside(self) -> Mapping[str, str]:
        return self.whole.beside

    def where(self, file: str, *path: str | int) -> Place:
        return self.whole.where(file, *path)


def _sound(inputs: Inputs, problems: Problems) -> Inputs:
    """Note what stands in the way of a plan; returns the inputs without the tenants that cannot be planned at all."""
    _check_hosts(inputs, problems)
    sound = [spec for spec in _sorted(inputs) if spec.state is not TenantState.ACTIVE or _check_tenant(spec, problems)]
    if len(sound) == len(inputs.declaration.tenants):
        return inputs
    return replace(inputs, declaration=_Sound(inputs.declaration, tuple(sound)))


def _check_hosts(inputs: Inputs, problems: Problems) -> None:
    centre = inputs.declaration.centre
    lab = {name for name in centre.hosts if inputs.is_lab(name)}
    if lab and lab != set(centre.hosts):
        for name in sorted(lab):
            problems.in_centre(
                ("hosts", name),
                f"host {name} has no address, others have: a lab host and a real one share no uplink",
                "give every host an address, or none; `--lab` realises all as lab hosts",
            )
    front = edge.edge_host(centre)
    if front and not inputs.is_lab(front):
        for visibility, listener in sorted(centre.listeners.items()):
            if not listener.interface:
                message = f"the edge {front} is a real host: which of its interfaces is the {visibility}'s?"
                problems.in_centre(("listeners", visibility.value), message, "name it: `interface: eth1`")


def _check_tenant(spec: TenantSpec, problems: Problems) -> bool:
    """Whether a tenant's sites can be planned."""
    for index, site in enumerate(spec.sites):
        if site.kind is SiteKind.APP and site.image not in catalogue.APPLICATIONS:
            message = f"there is no application image `{site.image}`"
            hint = f"application images: {', '.join(catalogue.APPLICATIONS)}"
            problems.in_tenant(spec.tenant, ("sites", index, "image"), message, hint)
            return False
    least, cores = catalogue.least_memory(spec.sites), catalogue.least_cpus(spec.sites)
    if spec.quota.memory < least:
        message = f"{format_bytes(spec.quota.memory)} of memory cannot start what tenant {spec.tenant} declares"
        hint = f"its {len(spec.sites)} sites need {format_bytes(least)} or more (a replaced container runs twice)"
        problems.in_tenant(spec.tenant, ("quota", "memory"), message, hint)
    if spec.quota.cpus < cores:
        message = f"{spec.quota.cpus:g} cpus cannot start what tenant {spec.tenant} declares"
        hint = f"its {len(spec.sites)} sites need {cores:g} or more (a replaced container runs twice)"
        problems.in_tenant(spec.tenant, ("quota", "cpus"), message, hint)
    room = capacity.least_disk(spec.sites)
    if spec.quota.disk < room:
        message = f"{format_bytes(spec.quota.disk)} of disk cannot hold what tenant {spec.tenant} declares"
        hint = f"its {len(spec.sites)} sites need {format_bytes(room)} or more (what their volumes hold when empty)"
        problems.in_tenant(spec.tenant, ("quota", "disk"), message, hint)
    return True


def _hosts(inputs: Inputs, allocation: Allocation) -> dict[str, Host]:
    centre = inputs.declaration.centre
    slug = f"idc-{centre.centre}-{centre.fabric}"
    found: dict[str, Host] = {}
    for name, spec in sorted(centre.hosts.items()):
        held = allocation.lock.hosts[name]
        found[name] = Host(
            name=name,
            number=held.number,
            location=spec.location,
            zones=tuple(sorted(spec.zones)),
            cpus=float(spec.cpus),
            memory=spec.memory,
            disk=spec.disk,
            uplink=spec.uplink,
            interfaces=_interfaces(inputs, name, held.number),
            blocks=tuple(sorted(held.blocks)),
            ssh=None if inputs.is_lab(name) else spec.address,
            user=spec.user,
            lab_name=f"{slug}-{name}",
        )
    return found


def _interfaces(inputs: Inputs, name: str, number: int) -> tuple[Interface, ...]:
    """The uplink, and on the edge's host one a listener. A real host's networks are its own: its address is a /32."""
    centre = inputs.declaration.centre
    spec, lab = centre.hosts[name], inputs.is_lab(name)
    if lab or spec.address is None:
        uplink = addresses.uplink(centre.prefix)
        found = [Interface("uplink", HostInterface.UPLINK, IPv4Interface((int(uplink.network_address) + number, 24)))]
    else:
        found = [Interface(spec.interface, HostInterface.UPLINK, IPv4Interface((int(spec.address), 32)))]
    if name == edge.edge_host(centre):
        for visibility, listener in sorted(centre.listeners.items()):
            role = HostInterface(visibility.value)
            found.append(
                Interface(role.value if lab else listener.interface, role, listener.address, listener.address6)
            )
    return tuple(sorted(found, key=lambda interface: interface.name))


def _parts(inputs: Inputs, allocation: Allocation, parts: Parts) -> Lock:
    """Plan everything that stands on hosts; returns the allocation's lock with the new slots."""
    lock = allocation.lock
    services = dict(lock.services)
    if edge.edge_host(inputs.declaration.centre) and edge.NAME in services:
        services[edge.NAME] = edge.add_edge(services[edge.NAME], inputs, parts)
    tenants = {
        spec.tenant: sites.add_tenant(spec, lock.tenants[spec.tenant], inputs, parts) for spec in _sorted(inputs)
    }
    return replace(lock, services=services, tenants=tenants)


def _tenant(spec: TenantSpec, numbers: Mapping[str, int], inputs: Inputs) -> Tenant:
    back = spec.backup
    return Tenant(
        id=spec.tenant,
        number=numbers[spec.tenant],
        department=spec.department,
        state=spec.state.value,
        protection_level=spec.protection_level,
        cpus=float(spec.quota.cpus),
        memory=spec.quota.memory,
        disk=spec.quota.disk,
        bandwidth=spec.quota.bandwidth,
        isolated=spec.tenant in inputs.isolated,
        contacts=tuple(f"{contact.name} <{contact.email}>" for contact in spec.contacts),
        backup=Backup(*(int(each.total_seconds()) for each in (back.rpo, back.rto, back.keep, back.drill_every))),
    )


def _stacks(inputs: Inputs, allocation: Allocation, front: str) -> tuple[Stack, ...]:
    """One for the lab, one for the platform, one for each tenant that holds something on a host."""
    hosts = inputs.declaration.centre.hosts
    found = [Stack("lab", "lab", (MACHINE,))] if any(inputs.is_lab(name) for name in hosts) else []
    if front:
        found.append(Stack(edge.STACK, "platform", (front,)))
    for tenant, entry in sorted(allocation.lock.tenants.items()):
        held = sorted({site.host for site in entry.sites.values()} & set(hosts))
        if held:
            found.append(Stack(sites.stack_name(tenant), "tenant", tuple(held)))
    return tuple(found)
