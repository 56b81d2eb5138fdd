"""The traffic of a plan: what may pass between whom, where the outside enters, whose share of an uplink it is.

Part of ``idc.plan.types``, from where it is imported.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import date
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from typing import Literal

from idc.model.enums import Stage, Visibility


@dataclass(frozen=True)
class Endpoint:
    """One side of a flow: a reference and the addresses it stands for.

    ``host`` is None outside the hosts (internet, clients).
    """

    ref: str  # "tenant/tax/site/file", "service/edge", "internet", "zone/…", or an address range
    segment: str  # "" when it isn't a segment
    host: str | None
    networks: tuple[IPv4Network, ...]
    via: str = ""  # where host is None: the host by whose outer interface these addresses come and go

    @property
    def filtering_host(self) -> str:
        """The host that filters this side's packets: its own, or the one through which it enters and leaves."""
        return self.host or self.via


@dataclass(frozen=True)
class Flow:
    """An allowed ``from -> to : protocol/port`` with its reason. All else is denied."""

    source: Endpoint
    destination: Endpoint
    protocol: Literal["tcp", "udp"]
    port: int
    reason: str
    control: str
    origin: Literal["site", "service", "declared", "egress"]
    where: str = ""  # file:line when a person wrote it
    until: date | None = None

    @property
    def id(self) -> str:
        """``from -> to : protocol/port`` in references."""
        return f"{self.source.ref} -> {self.destination.ref} : {self.protocol}/{self.port}"

    @property
    def wire(self) -> Hashable:
        """What makes two flows the same on the wire, whoever has these addresses."""
        return self.source.networks, self.destination.networks, self.protocol, self.port

    @property
    def key(self) -> Hashable:
        """What makes two flows the same to people; reasons and dates may be rewritten without opening anything."""
        return self.source.ref, self.destination.ref, self.wire

    @property
    def hosts(self) -> frozenset[str]:
        """Hosts whose rule sets must let it pass."""
        return frozenset({self.source.filtering_host, self.destination.filtering_host} - {""})


@dataclass(frozen=True)
class HostRule:
    """Something a host itself accepts (``in``) or may send (``out``): SSH from management and little else."""

    host: str
    direction: Literal["in", "out"]
    networks: tuple[IPv4Network, ...]  # the other side
    protocol: Literal["tcp", "udp"]
    port: int
    reason: str


@dataclass(frozen=True)
class Listener:
    """Where the outside enters: a public address and port, translated (DNAT) to the edge container's port."""

    visibility: Visibility
    host: str
    address: IPv4Address
    address6: IPv6Address | None
    port: int  # public: 80
    segment: str  # of the edge
    container: str
    target_port: int  # 8080 internet, 8081 fabric


@dataclass(frozen=True)
class Vhost:
    """A site by host name on one listener, with the container that serves it."""

    visibility: Visibility
    names: tuple[str, ...]
    site: str  # reference
    tenant: str
    upstream: IPv4Address
    upstream_port: int
    methods: tuple[str, ...]  # allowed request methods, by stage
    stage: str = Stage.TRANSACTION.value  # of a plan that did not tell: the one of which least is logged


@dataclass(frozen=True)
class Bandwidth:
    """A tenant's share of a host's uplink: guaranteed and limited by HTB. ``class_id`` is the minor number below 1:."""

    tenant: str
    host: str
    class_id: int
    rate: int  # bit/s, guaranteed
    ceil: int  # bit/s, limit
    networks: tuple[IPv4Network, ...]
    bridges: tuple[str, ...]
