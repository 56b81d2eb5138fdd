"""What a reference of a flow stands for: segments' containers, hosts, or addresses outside. Says so when it is nothing.

tenant/tax/site/file   the site's own container; its database answers nobody but its application
service/edge           the service's container; other services run none of their own yet
zone/web               every container of the zone
host/web-1             the host itself
10.9.0.0/16            addresses outside the prefix
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from typing import Final

from idc.model import refs
from idc.model.refs import Reference
from idc.model.types import TenantState, Visibility, Zone
from idc.plan import addresses, edge
from idc.plan.inputs import Inputs
from idc.plan.sites import Parts
from idc.plan.types import Endpoint, Host, Segment

INTERNET: Final = "internet"
# Sources that nobody outside has (RFC 1122, 5735): "this" network, loopback, link-local, multicast and above.
NEVER_OUTSIDE: Final = tuple(IPv4Network(net) for net in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"))


class UnrealisableError(ValueError):
    """A reference that stands for nothing a flow can reach; ``hint`` says what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True)
class Endpoints:
    """Resolves references against what has been planned."""

    inputs: Inputs
    hosts: Mapping[str, Host]
    by_owner: Mapping[str, Segment] = field(default_factory=dict)  # reference -> the segment where it answers
    by_zone: Mapping[str, tuple[Segment, ...]] = field(default_factory=dict)
    closed: frozenset[str] = frozenset()  # tenants that are shut or retiring
    partial: bool = False  # something could not be planned: what is missing has been said already

    @staticmethod
    def of(inputs: Inputs, hosts: Mapping[str, Host], parts: Parts, *, partial: bool) -> Endpoints:
        """Over all that was planned."""
        zones: dict[str, list[Segment]] = {}
        for segment in parts.segments:
            zones.setdefault(segment.zone.value, []).append(segment)
        retiring = {spec.tenant for spec in inputs.declaration.tenants if spec.state is not TenantState.ACTIVE}
        return Endpoints(
            inputs,
            hosts,
            {segment.owner: segment for segment in parts.segments if segment.zone.value != "data"},
            {zone: tuple(sorted(held, key=lambda segment: segment.name)) for zone, held in zones.items()},
            inputs.isolated | retiring,
            partial,
        )

    def resolve(self, text: str) -> list[Endpoint]:
        """What a reference stands for; nothing when it is shut. Raises UnrealisableError."""
        reference = refs.parse(text)
        if reference.kind == "site" and (reference.name in self.closed or self._unplanned(reference)):
            return []
        if reference.kind in ("site", "service"):
            return [self.container(self._segment(reference))]
        if reference.kind == "zone":
            return self._zone(reference.name)
        if reference.kind == "host":
            return [self.host(reference.name)]
        if reference.network is not None:
            return [self._outside(reference.network)]
        if reference.name == INTERNET:
            raise UnrealisableError(
                "the Internet comes in by the edge's listener only, and nothing goes out to it",
                "name the network that is meant; a site is shown to the Internet by `visibility: internet`",
            )
        raise UnrealisableError(f"{reference} stands for no one address here", "name a site, a service or a network")

    def _segment(self, reference: Reference) -> Segment:
        segment = self.by_owner.get(str(reference))
        if segment is not None:
            return segment
        if reference.kind == "service":
            raise UnrealisableError(f"{reference} runs no container of its own yet", "name a site or a network")
        raise UnrealisableError(f"there is no {reference}", "name a site: tenant/ID/site/NAME")

    def _unplanned(self, reference: Reference) -> bool:
        return self.partial and str(reference) not in self.by_owner

    def _zone(self, zone: str) -> list[Endpoint]:
        segments = self.by_zone.get(zone, ())
        if not segments:
            raise UnrealisableError(f"no container runs in zone {zone} yet", "name a site, a service or a network")
        return [self.container(segment) for segment in segments if segment.tenant not in self.closed]

    def container(self, segment: Segment) -> Endpoint:
        """The container of a segment, by both of its addresses: a takeover opens and closes nothing."""
        return Endpoint(segment.owner, segment.name, segment.host, (addresses.slots_network(segment.subnet),))

    def host(self, name: str) -> Endpoint:
        """A host itself."""
        return Endpoint(f"host/{name}", "", name, (IPv4Network(self.hosts[name].address),))

    def _outside(self, network: IPv4Network) -> Endpoint:
        """A network outside the prefix: by the edge where the fabric's users are, else by whatever the host has."""
        fabric = self.inputs.declaration.centre.listeners.get(Visibility.FABRIC)
        via = edge.edge_host(self.inputs.declaration.centre)
        inside = fabric is not None and network.subnet_of(fabric.address.network)
        return Endpoint(str(network), "", None, (network,), via if inside else "")

    def people(self, visibility: Visibility) -> Endpoint:
        """Those who come in by a listener: the Internet, or the fabric's users by the fabric's own name."""
        centre = self.inputs.declaration.centre
        via = edge.edge_host(centre)
        if visibility is Visibility.FABRIC:
            return Endpoint(centre.fabric, "", None, (centre.listeners[visibility].address.network,), via)
        other = [spec.address.network for name, spec in centre.listeners.items() if name is not visibility]
        hosts = [IPv4Network(host.address) for host in self.hosts.values()]
        return Endpoint(INTERNET, "", None, addresses.without([centre.prefix, *other, *hosts, *NEVER_OUTSIDE]), via)


def in_data_zone(end: Endpoint) -> bool:
    """Whether an end is a site's database: its reference is the site's, and only its segment tells."""
    return end.segment.endswith(f"-{Zone.DATA.value}")


def total(endpoints: Iterable[Endpoint]) -> int:
    """Number of addresses that endpoints stand for."""
    return sum(network.num_addresses for endpoint in endpoints for network in endpoint.networks)
