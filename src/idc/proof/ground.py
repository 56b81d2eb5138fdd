"""Who really has which address in a plan: the law looks at addresses, never at what a flow says of itself."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Network
from typing import Literal

from idc.model.enums import Zone
from idc.plan.types import Endpoint, Flow, Host, Plan, Segment


@dataclass(frozen=True)
class End:
    """One side of a flow as its addresses show it: a segment, a host itself, or neither."""

    kind: Literal["segment", "host", "outside", "several"]
    segment: Segment | None = None
    host: Host | None = None
    networks: tuple[IPv4Network, ...] = ()

    @property
    def tenant(self) -> str:
        """Whose it is; "" for a service, a host or somebody outside."""
        return self.segment.tenant if self.segment else ""

    @property
    def zones(self) -> frozenset[Zone]:
        """The zones it is in; those of a host are all of its own."""
        if self.segment:
            return frozenset({self.segment.zone})
        return frozenset(self.host.zones) if self.host else frozenset()

    @property
    def name(self) -> str:
        """For people."""
        if self.segment:
            return f"segment {self.segment.name}"
        return f"host {self.host.name}" if self.host else " and ".join(map(str, self.networks[:3]))


@dataclass(frozen=True)
class Crossing:
    """A flow with both of its ends, on its ground."""

    flow: Flow
    source: End
    destination: End
    ground: Ground


class Ground:
    """A plan's addresses, sorted."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._segments = sorted(plan.segments, key=lambda segment: int(segment.subnet.network_address))
        self._starts = [int(segment.subnet.network_address) for segment in self._segments]
        self._hosts = {int(host.address): host for host in plan.hosts}
        self._ends: dict[int, End] = {}

    def end(self, endpoint: Endpoint) -> End:
        """What an endpoint's addresses stand for. Endpoints live as long as their plan, so their identity is enough."""
        if id(endpoint) not in self._ends:
            self._ends[id(endpoint)] = self._resolve(endpoint.networks)
        return self._ends[id(endpoint)]

    @cached_property
    def crossings(self) -> tuple[Crossing, ...]:
        """Each flow with its ends."""
        return tuple(
            Crossing(flow, self.end(flow.source), self.end(flow.destination), self) for flow in self.plan.flows
        )

    def _resolve(self, networks: tuple[IPv4Network, ...]) -> End:
        found = {self._one(network) for network in networks}
        if len(found) == 1:
            kind, number = found.pop()
            if kind == "segment":
                return End("segment", segment=self._segments[number], networks=networks)
            if kind == "host":
                return End("host", host=self._hosts[number], networks=networks)
            return End("several" if kind == "several" else "outside", networks=networks)
        inside = any(kind != "outside" for kind, _ in found)
        return End("several" if inside or not found else "outside", networks=networks)

    def _one(self, network: IPv4Network) -> tuple[str, int]:
        low = int(network.network_address)
        high = low + (1 << (32 - network.prefixlen)) - 1
        at = bisect_right(self._starts, low) - 1
        if at >= 0:
            subnet = self._segments[at].subnet
            if high < self._starts[at] + (1 << (32 - subnet.prefixlen)):
                return "segment", at
        if low == high and low in self._hosts:
            return "host", low
        prefix = self.plan.prefix
        first = int(prefix.network_address)
        last = first + (1 << (32 - prefix.prefixlen)) - 1
        mine = (high >= first and low <= last) or any(low <= host <= high for host in self._hosts)
        return ("several", 0) if mine else ("outside", 0)

    @cached_property
    def closed(self) -> frozenset[str]:
        """Tenants that are shut or going away."""
        return frozenset(tenant.id for tenant in self.plan.tenants if tenant.isolated or tenant.state != "active")

    @cached_property
    def edges(self) -> Mapping[str, frozenset[int]]:
        """Segments with a listener, and the ports to which it is translated."""
        found: dict[str, frozenset[int]] = {}
        for listener in self.plan.listeners:
            found[listener.segment] = found.get(listener.segment, frozenset()) | {listener.target_port}
        return found

    def overlaps(self) -> Iterator[tuple[Segment, Segment]]:
        """Segments that have an address in common."""
        for one, other in zip(self._segments, self._segments[1:], strict=False):
            if one.subnet.overlaps(other.subnet):
                yield one, other
