"""Why a packet passes or does not: its way through the hosts, the rules that decided, and the flow that declares it."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from idc.plan.types import Flow, Plan
from idc.proof.ends import Leg, Way
from idc.proof.fields import ICMP, TCP, UDP
from idc.proof.forwarding import Fabric
from idc.proof.walk import Hop, Packet, Walk, journey, next_host

_NUMBERS = {"tcp": TCP, "udp": UDP, "icmp": ICMP}
CLIENT_PORT = 40000  # of whoever opens the connection


@dataclass(frozen=True)
class Answer:
    """The first packet of a connection from one address to another."""

    packet: Packet
    walks: tuple[Walk, ...]
    flows: tuple[Flow, ...]  # that declare it
    unseen: str = ""  # a host on its way of which nothing is known

    @property
    def allowed(self) -> bool | None:
        """Whether every host on its way lets it through; None when that is not known."""
        if self.unseen or any(walk.outcome == "unknown" for walk in self.walks):
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
    if host not in fabric.hosts:
        return Answer(packet, (), _declaring(plan, source, {(destination, port)}, protocol), host)
    walks = journey(fabric, host, packet)
    last = walks[-1].packet  # a listener's request is declared by what it is translated to
    wanted = {(destination, port), (IPv4Address(last.destination), last.destination_port if not ping else port)}
    following = next_host(fabric, walks[-1])
    unseen = "" if following in fabric.hosts else following
    return Answer(packet, walks, _declaring(plan, source, wanted, protocol), unseen)


def _declaring(
    plan: Plan, source: IPv4Address, wanted: set[tuple[IPv4Address, int]], protocol: str
) -> tuple[Flow, ...]:
    return tuple(
        flow
        for flow in plan.flows
        if flow.protocol == protocol
        and any(source in network for network in flow.source.networks)
        and any(port == flow.port and _in(to, flow.destination.networks) for to, port in wanted)
    )


def _in(address: IPv4Address, networks: tuple[IPv4Network, ...]) -> bool:
    return any(address in network for network in networks)


@dataclass(frozen=True)
class WayAnswer:
    """What becomes of each connection of a way, in their order; those after a stopped one never begin."""

    way: Way
    answers: tuple[tuple[Leg, Answer], ...]

    @property
    def allowed(self) -> bool | None:
        """Whether the way leads to its end; None when that is not known."""
        if any(answer.allowed is False for _, answer in self.answers):
            return False
        if any(answer.allowed is None for _, answer in self.answers):
            return None
        return not self.way.shut

    @property
    def word(self) -> str:
        """``allowed``, ``denied`` or ``not known``."""
        return {True: "allowed", False: "denied", None: "not known"}[self.allowed]

    @property
    def flows(self) -> tuple[Flow, ...]:
        """The flows that declare the connections."""
        return tuple(flow for _, answer in self.answers for flow in answer.flows)

    @property
    def decided(self) -> str:
        """Where it ends, in a line: the hop that stopped it, or that all hosts let it through."""
        for leg, answer in self.answers:
            if answer.unseen:
                return f"{leg.what}: nothing is known of {answer.unseen}"
            if answer.allowed is not True:
                last = answer.walks[-1].hops[-1] if answer.walks and answer.walks[-1].hops else None
                return f"{leg.what}: {last}" if last else leg.what
        if self.way.shut:
            return self.way.shut
        hosts = [walk.host for _, answer in self.answers for walk in answer.walks]
        return "let through by " + ", ".join(dict.fromkeys(hosts))

    @property
    def hops(self) -> tuple[Hop, ...]:
        """All hops."""
        return tuple(hop for _, answer in self.answers for walk in answer.walks for hop in walk.hops)


def along(plan: Plan, fabric: Fabric, way: Way) -> WayAnswer:
    """Sends the first packet of each connection of a way, until one is stopped.

    Raises ValueError as ``why`` does.
    """
    answers: list[tuple[Leg, Answer]] = []
    for leg in way.legs:
        answers.append((leg, why(plan, fabric, leg.source, leg.destination, leg.protocol, leg.port)))
        if answers[-1][1].allowed is not True:
            break
    return WayAnswer(way, tuple(answers))


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
