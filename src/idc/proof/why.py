"""Why a packet passes or does not: its way through the hosts, the rules that decided, and the flow that declares it."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address

from idc.plan.types import Flow, Plan
from idc.proof.fields import ICMP, TCP, UDP
from idc.proof.forwarding import Fabric
from idc.proof.walk import Packet, Walk, journey

_NUMBERS = {"tcp": TCP, "udp": UDP, "icmp": ICMP}
CLIENT_PORT = 40000  # of whoever opens the connection


@dataclass(frozen=True)
class Answer:
    """The first packet of a connection from one address to another."""

    packet: Packet
    walks: tuple[Walk, ...]
    flows: tuple[Flow, ...]  # that declare it

    @property
    def allowed(self) -> bool | None:
        """Whether every host on its way lets it through; None when that is not known."""
        if any(walk.outcome == "unknown" for walk in self.walks):
            return None
        return all(walk.passed for walk in self.walks)

    @property
    def lines(self) -> tuple[str, ...]:
        """The packet, its hops, and what declares it, for people."""
        said = [f"declared by {flow.id}: {flow.reason}" for flow in self.flows]
        hops = [str(hop) for walk in self.walks for hop in walk.hops]
        return (str(self.packet), *hops, *(said or ["no flow declares it"]))


def why(
    plan: Plan, fabric: Fabric, source: IPv4Address, destination: IPv4Address, protocol: str = "tcp", port: int = 0
) -> Answer:
    """Sends the first packet of a connection through a normal form, from where its source stands.

    Raises ValueError for a protocol that is none, or a source that stands nowhere in the plan.
    """
    if protocol not in _NUMBERS:
        raise ValueError(f"{protocol!r} is none of {', '.join(_NUMBERS)}")
    host, entry = standing(plan, source)
    ping = protocol == "icmp"
    packet = Packet(
        family=4, source=int(source), destination=int(destination), protocol=_NUMBERS[protocol],
        source_port=8 << 8 if ping else CLIENT_PORT, destination_port=0 if ping else port, entry=entry,
    )  # fmt: skip
    declared = tuple(
        flow
        for flow in plan.flows
        if (flow.protocol, flow.port) == (protocol, port)
        and any(source in network for network in flow.source.networks)
        and any(destination in network for network in flow.destination.networks)
    )
    return Answer(packet, journey(fabric, host, packet), declared)


def standing(plan: Plan, address: IPv4Address) -> tuple[str, str]:
    """The host by which an address' packets enter, and the link; no link for a host's own."""
    for host in plan.hosts:
        if host.address == address:
            return host.name, ""
    for segment in plan.segments:
        if address in segment.subnet:
            return segment.host, segment.bridge
    outside = [(host, i) for host in plan.hosts for i in host.interfaces if i.role.value != "uplink"]
    for host, interface in outside:
        if address in interface.address.network:
            return host.name, interface.name
    for host, interface in outside:
        if interface.role.value == "internet":
            return host.name, interface.name
    raise ValueError(f"{address} stands nowhere in {plan.id}")
