"""Who lives where in a plan, and what the plan's flows allow: the ground on which probes are chosen. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network
from typing import Final

from idc.live.probe import HOST, Place
from idc.live.reach import HERE
from idc.model.types import Visibility
from idc.plan.labs import PEOPLE, machine_address, person_address
from idc.plan.types import Container, Endpoint, Flow, Host, HostInterface, Listener, Plan

_INTERFACE: Final = {Visibility.INTERNET: HostInterface.INTERNET, Visibility.FABRIC: HostInterface.FABRIC}


@dataclass(frozen=True)
class Person:
    """Somebody outside the hosts: the lab's citizen or employee, with the edge as the neighbour on their network."""

    visibility: Visibility
    place: Place
    address: IPv4Address
    listener: Listener


@dataclass(frozen=True)
class End:
    """One who can send or receive. ``port``: the TCP port of its own service, 0 without one."""

    place: Place
    address: IPv4Address
    port: int


@dataclass(frozen=True)
class Census:
    """A plan, looked at by who can send and who can receive."""

    plan: Plan

    @cached_property
    def containers(self) -> tuple[Container, ...]:
        """All containers, in the plan's order."""
        return self.plan.containers

    @cached_property
    def people(self) -> dict[Visibility, Person]:
        """Who stands outside. Only a lab has people of its own."""
        found: dict[Visibility, Person] = {}
        for listener in self.plan.listeners:
            host = self.plan.host_by_name[listener.host]
            role = _INTERFACE[listener.visibility]
            interface = next((i for i in host.interfaces if i.role is role), None)
            if not host.is_lab or interface is None or listener.visibility in found:
                continue
            network = interface.address.network
            taken = frozenset(i.address.ip for h in self.plan.hosts for i in h.interfaces if i.role is role)
            name = PEOPLE[role]
            found[listener.visibility] = Person(
                listener.visibility,
                Place(HERE, f"container:{self.plan.slug}-{name}", f"the {name}"),
                person_address(network, taken | {machine_address(network, taken)}),
                listener,
            )
        return found

    @cached_property
    def listeners(self) -> dict[Visibility, Listener]:
        """Listeners by visibility."""
        return {listener.visibility: listener for listener in self.plan.listeners}

    @cached_property
    def edges(self) -> frozenset[str]:
        """Names of the containers behind the listeners."""
        return frozenset(listener.container for listener in self.plan.listeners)

    @cached_property
    def management(self) -> tuple[Host, ...]:
        """Hosts from which the others are managed."""
        return tuple(host for host in self.plan.hosts if "management" in host.zones)

    @cached_property
    def closed(self) -> frozenset[str]:
        """Tenants that are shut or going away, or none of whose sites is served: nothing may reach them."""
        said = {tenant.id for tenant in self.plan.tenants if tenant.isolated or tenant.state != "active"}
        return frozenset(
            said | {site.tenant for site in self.plan.sites} - {vhost.tenant for vhost in self.plan.vhosts}
        )

    def place(self, container: Container) -> Place:
        """Network namespace of a container as it serves now."""
        name = container.docker_name()
        return Place(container.host, f"container:{name}", f"{name} on {container.host}")

    def host_place(self, name: str) -> Place:
        """A host's own network namespace."""
        return Place(name, HOST, f"host {name}")

    @cached_property
    def _by_address(self) -> dict[IPv4Address, Container]:
        return {container.address(): container for container in self.containers}

    def within(self, networks: Iterable[IPv4Network], limit: int = 2) -> list[Container]:
        """Containers whose serving address lies in these networks, at most ``limit`` a network."""
        found: list[Container] = []
        for network in networks:
            if network.prefixlen >= 24:
                held = [self._by_address[address] for address in network if address in self._by_address]
            else:
                held = [container for container in self.containers if container.address() in network]
            found.extend(held[:limit])
        return found

    def ends(self, endpoint: Endpoint) -> list[End]:
        """Who stands at one side of a flow: containers by their serving address, or a host itself."""
        if endpoint.host and not endpoint.segment:
            host = self.plan.host_by_name[endpoint.host]
            return [End(self.host_place(host.name), host.address, 0)]
        found = self.within(endpoint.networks)
        return [End(self.place(container), container.address(), container.port) for container in found]

    # -- what is allowed ---------------------------------------------------------------------------------------------

    @cached_property
    def _flows(self) -> dict[tuple[str, int, IPv4Network], list[Flow]]:
        index: dict[tuple[str, int, IPv4Network], list[Flow]] = defaultdict(list)
        for flow in self.plan.flows:
            if self.is_outside(flow):
                continue
            for network in flow.destination.networks:
                index[flow.protocol, flow.port, network].append(flow)
        return dict(index)

    @cached_property
    def _lengths(self) -> tuple[int, ...]:
        return tuple(sorted({network.prefixlen for _, _, network in self._flows}, reverse=True))

    def is_outside(self, flow: Flow) -> bool:
        """True for a flow that begins with people outside: it enters by a listener, and allows nothing inside."""
        return flow.source.host is None and not any(n.subnet_of(self.plan.prefix) for n in flow.source.networks)

    def flow_to(self, source: IPv4Address, destination: IPv4Address, protocol: str, port: int) -> Flow | None:
        """The flow that allows this packet, if any does."""
        for length in self._lengths:
            network = IPv4Network((int(destination) >> (32 - length) << (32 - length), length))
            for flow in self._flows.get((protocol, port, network), ()):
                if any(source in allowed for allowed in flow.source.networks):
                    return flow
        return None

    def inside_pairs(self) -> Iterator[tuple[Flow, Container, Container]]:
        """Each flow between containers, with one container at either end."""
        for flow in self.plan.flows:
            if self.is_outside(flow):
                continue
            sources, destinations = self.within(flow.source.networks, 1), self.within(flow.destination.networks, 1)
            if sources and destinations and sources[0].name != destinations[0].name:
                yield flow, sources[0], destinations[0]
