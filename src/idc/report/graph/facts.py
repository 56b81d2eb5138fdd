"""What the picture says, read from the plan: which site stands where, which flow is of which kind, what is shut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from idc.model.profiles import Isolation, Profile
from idc.model.types import Service, Visibility, Zone
from idc.plan.types import Container, Endpoint, Flow, Host, Listener, Plan, Segment, Site

# Above this many sites a picture shows counts per host instead of one box a site.
DETAIL_LIMIT: Final = 40

# Zones from the outside inwards: the order of bands in a host.
ZONE_ORDER: Final = (Zone.EDGE, Zone.WEB, Zone.DATA, Zone.MANAGEMENT, Zone.TRUST, Zone.EXCHANGE, Zone.BACKUP)

# In which zone a service is drawn while it has no container of its own.
_SERVICE_ZONE: Final[dict[str, Zone]] = {
    Service.EDGE: Zone.EDGE,
    Service.PORTAL: Zone.WEB,
    Service.CA: Zone.TRUST,
    Service.BACKUP: Zone.BACKUP,
    Service.EXCHANGE: Zone.EXCHANGE,
}


@dataclass(frozen=True)
class Group:
    """The segments of one owner (a site or a service) on one host, by zone."""

    owner: str
    tenant: str
    segments: Mapping[Zone, Segment]


@dataclass(frozen=True)
class Facts:
    """A plan with the look-ups that a picture needs."""

    plan: Plan
    opened: frozenset[str] = frozenset()  # ids of flows that open beside what was applied

    def mark(self, *flows: Flow) -> str:
        """The class of a line that stands for flows of which some open."""
        return " opens" if any(flow.id in self.opened for flow in flows) else ""

    @cached_property
    def collapsed(self) -> bool:
        """True for a centre too large to show each site."""
        return len(self.plan.sites) > DETAIL_LIMIT

    @cached_property
    def shut(self) -> Mapping[str, str]:
        """Tenants that nothing reaches, with the reason: ``isolated`` or ``retiring``."""
        return {
            tenant.id: "isolated" if tenant.isolated else "retiring"
            for tenant in self.plan.tenants
            if tenant.isolated or tenant.state == "retiring"
        }

    @cached_property
    def site_by_ref(self) -> Mapping[str, Site]:
        """Sites by reference."""
        return {site.ref: site for site in self.plan.sites}

    @cached_property
    def groups(self) -> Mapping[str, tuple[Group, ...]]:
        """Per host the owners that have segments there: services first, then by reference."""
        found: dict[str, dict[str, dict[Zone, Segment]]] = {}
        tenants: dict[str, str] = {}
        for segment in self.plan.segments:
            found.setdefault(segment.host, {}).setdefault(segment.owner, {})[segment.zone] = segment
            tenants[segment.owner] = segment.tenant
        return {
            host: tuple(
                Group(owner, tenants[owner], owners[owner])
                for owner in sorted(owners, key=lambda owner: (tenants[owner] != "", owner))
            )
            for host, owners in found.items()
        }

    @cached_property
    def containers(self) -> Mapping[str, tuple[Container, ...]]:
        """Containers by segment."""
        found: dict[str, list[Container]] = {}
        for container in self.plan.containers:
            found.setdefault(container.segment, []).append(container)
        return {segment: tuple(members) for segment, members in found.items()}

    @cached_property
    def listeners(self) -> Mapping[str, tuple[Listener, ...]]:
        """Listeners by the edge's segment."""
        found: dict[str, list[Listener]] = {}
        for listener in sorted(self.plan.listeners, key=lambda listener: listener.visibility is Visibility.FABRIC):
            found.setdefault(listener.segment, []).append(listener)
        return {segment: tuple(members) for segment, members in found.items()}

    @cached_property
    def bare_services(self) -> Mapping[tuple[str, Zone], tuple[str, ...]]:
        """Services that are placed on a host but have no container there yet, by host and zone."""
        standing = {(segment.owner, segment.host) for segment in self.plan.segments}
        found: dict[tuple[str, Zone], list[str]] = {}
        for service, hosts in sorted(self.plan.services.items()):
            for name in hosts:
                host = self.plan.host_by_name.get(name)
                if host is None or (f"service/{service}", name) in standing:
                    continue
                zone = _SERVICE_ZONE.get(service, Zone.MANAGEMENT)
                if zone not in host.zones:
                    zone = min(host.zones, key=ZONE_ORDER.index, default=zone)
                found.setdefault((name, zone), []).append(service)
        return {place: tuple(services) for place, services in found.items()}

    @cached_property
    def served(self) -> tuple[Flow, ...]:
        """Flows from an edge to what it serves."""
        return tuple(flow for flow in self.plan.flows if self._kind(flow) == "served")

    @cached_property
    def own(self) -> tuple[Flow, ...]:
        """Flows inside one site, from its web segment to its data segment."""
        return tuple(flow for flow in self.plan.flows if self._kind(flow) == "own")

    @cached_property
    def declared(self) -> tuple[Flow, ...]:
        """All other flows: the ones a person wrote down, drawn with a number."""
        return tuple(flow for flow in self.plan.flows if self._kind(flow) == "declared")

    def _kind(self, flow: Flow) -> str:
        source, target = self.segment(flow.source), self.segment(flow.destination)
        if target is None or (source is None and target.zone is not Zone.EDGE):
            return "declared"
        if source is None:
            return "outside"
        if source.owner == target.owner:
            return "own"
        return "served" if source.zone is Zone.EDGE and target.zone is not Zone.EDGE else "declared"

    def segment(self, endpoint: Endpoint) -> Segment | None:
        """The segment an endpoint stands for, if it is one."""
        return self.plan.segment_by_name.get(endpoint.segment)

    def visibility(self, owner: str) -> Visibility:
        """From where a site is asked for; what is no site counts as of the fabric."""
        site = self.site_by_ref.get(owner)
        return site.visibility if site else Visibility.FABRIC

    def vhost_names(self, listener: Listener) -> tuple[str, ...]:
        """Host names served on a listener."""
        return tuple(
            sorted(
                {name for vhost in self.plan.vhosts if vhost.visibility is listener.visibility for name in vhost.names}
            )
        )

    def managers(self, host: Host) -> tuple[str, ...]:
        """Names of the hosts from which SSH to ``host`` is accepted."""
        networks = [
            network
            for rule in self.plan.host_rules
            if rule.host == host.name and rule.direction == "in" and rule.port == 22
            for network in rule.networks
        ]
        return tuple(
            other.name
            for other in self.plan.hosts
            if other.name != host.name and any(other.address in network for network in networks)
        )


def apart_from(profile: Profile, fabric: str) -> dict[str, str]:
    """The fabrics that a profile keeps apart from ``fabric``, and how; those joined by declared flows are left out."""
    others = {name: profile.isolation(fabric, name) for name in profile.fabrics if name != fabric}
    return {name: str(kept) for name, kept in sorted(others.items()) if kept is not Isolation.LOGICAL}


def short(ref: str) -> str:
    """A reference as people say it: ``tenant/tax/site/file`` is ``tax / file``, ``service/edge`` is ``edge``."""
    parts = ref.split("/")
    if parts[0] == "tenant" and len(parts) == 4:
        return f"{parts[1]} / {parts[3]}"
    return parts[1] if parts[0] == "service" and len(parts) == 2 else ref


def plural(count: int, word: str) -> str:
    """``1 site``, ``2 sites``, ``1,500 sites``."""
    return f"{count:,} {word}" + ("" if count == 1 else "s")
