"""One packet through the normal form, step by step, as a kernel sends it: `why` shows it, witnesses are tried by it.

It looks at single values only and knows nothing of boxes, so that it can contradict them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address
from typing import Final, Literal

from idc.proof.fields import ICMP, ICMPV6, TCP, UDP, Ct, Family, Field
from idc.proof.forwarding import Chain, Fabric, Hook, HostForwarding, Match, Rule, Table

Outcome = Literal["forwarded", "delivered", "sent", "dropped", "unknown"]
_PROTOCOLS: Final = {ICMP: "icmp", TCP: "tcp", UDP: "udp", ICMPV6: "icmpv6"}
_DEEPEST: Final = 16
_MOST_HOSTS: Final = 8


@dataclass(frozen=True)
class Packet:
    """One packet as it enters a host, with what conntrack knows of its connection.

    ``ct`` new: the connection begins with it. Else ``began_to`` and ``began_port`` say where its connection was first
    sent, and ``translated`` to what that was translated then.
    """

    family: Family
    source: int
    destination: int
    protocol: int
    source_port: int
    destination_port: int
    entry: str  # interface by which it enters; "" when the host itself sends it
    ct: Ct = Ct.NEW
    began_to: int | None = None
    began_port: int | None = None
    translated: tuple[int, int] | None = None
    tcp_flags: int = 2
    hops: int = 64

    def __str__(self) -> str:
        """``tcp 10.64.0.2:40000 -> 10.64.16.2:8080 by uplink (new)``."""
        name = _PROTOCOLS.get(self.protocol, f"protocol {self.protocol}")
        ends = []
        for address, port in ((self.source, self.source_port), (self.destination, self.destination_port)):
            text = address_text(self.family, address)
            shown = f"[{text}]:{port}" if self.family == 6 else f"{text}:{port}"
            ends.append(shown if self.protocol in (TCP, UDP) else text)
        if self.protocol in (ICMP, ICMPV6):
            name += f" type {self.source_port >> 8} code {self.source_port & 255}"
        state = self.ct.name.lower().replace("_", " ")
        if self.ct.reply and self.began_to is not None and self.began_to != self.source:
            state += f", of a connection to {address_text(self.family, self.began_to)}:{self.began_port}"
        return f"{name} {ends[0]} -> {ends[1]} {f'by {self.entry}' if self.entry else 'of the host itself'} ({state})"


def address_text(family: Family, address: int) -> str:
    """An address as people write it."""
    return str(IPv4Address(address) if family == 4 else IPv6Address(address))


@dataclass(frozen=True)
class Hop:
    """One step: the rule that decided in a chain, or what the routes did."""

    host: str
    interface: str
    place: str  # "inet idc, forward", "route"
    text: str  # of the rule or route; "policy drop"
    verdict: str

    def __str__(self) -> str:
        return f"{self.host} {self.interface or '-'}: {self.place}: {self.text} => {self.verdict}"


@dataclass(frozen=True)
class Walk:
    """A packet's way: each step, what became of it, and the packet as it was at the end."""

    hops: tuple[Hop, ...]
    outcome: Outcome
    packet: Packet
    host: str
    link: str = ""  # by which it was forwarded
    gateway: int | None = None

    @property
    def passed(self) -> bool:
        """Whether the host let it through, took it in or sent it."""
        return self.outcome in ("forwarded", "delivered", "sent")


class _StopError(Exception):
    """The packet goes no further."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class _Walker:
    def __init__(self, host: HostForwarding, packet: Packet) -> None:
        self.host = host
        self.packet = packet
        self.entered = (packet.destination, packet.destination_port)
        self.hops: list[Hop] = []
        self.way_out = ""

    # -- one packet against one rule ---------------------------------------------------------------------------------

    def value(self, field: Field) -> int | None:
        packet = self.packet
        if field is Field.IIF:
            return self.host.number.get(packet.entry) if packet.entry else None
        if field is Field.OIF:
            return self.host.number.get(self.way_out) if self.way_out else None
        if field in (Field.ORIG_DADDR, Field.ORIG_DPORT):
            if not packet.ct.tracked:
                return None
            began = self.entered if packet.ct is Ct.NEW else (packet.began_to, packet.began_port)
            return began[field is Field.ORIG_DPORT]
        return {
            Field.SADDR: packet.source, Field.DADDR: packet.destination, Field.PROTO: packet.protocol,
            Field.SPORT: packet.source_port, Field.DPORT: packet.destination_port, Field.CT: int(packet.ct),
            Field.TCP_FLAGS: packet.tcp_flags, Field.HOPS: packet.hops,
        }[field]  # fmt: skip

    def matches(self, match: Match) -> bool:
        if match.family not in (None, self.packet.family):
            return False
        found = [self.value(field) for field in match.values.fields]
        if None in found:
            return False
        inside = False
        low, high = match.values.low, match.values.high
        if len(low) > 32:  # the same question, asked of all rows at once
            inside = bool(((low <= found) & (high >= found)).all(axis=1).any())
        else:
            for lows, highs in zip(low.tolist(), high.tolist(), strict=True):
                if all(least <= value <= most for least, value, most in zip(lows, found, highs, strict=True)):
                    inside = True
                    break
        return inside != match.negated

    # -- chains ------------------------------------------------------------------------------------------------------

    def chain(self, table: Table, chain: Chain, depth: int = 0) -> str:
        """``accept`` or ``drop`` or, of a chain without a hook, ``return``. Raises _StopError when it is not known."""
        for rule in chain.rules:
            if rule.unknown:
                self.note(table, chain, rule.text, f"not understood: {rule.unknown}")
                raise _StopError("unknown")
            verdict = rule.verdict
            if verdict is None or not self.applies(rule):
                continue
            if verdict.kind in ("jump", "goto"):
                self.note(table, chain, rule.text, verdict.kind)
                if depth >= _DEEPEST:
                    raise _StopError("unknown")
                said = self.chain(table, table.chains[verdict.chain], depth + 1)
                if said != "return":
                    return said
                if verdict.kind == "goto":
                    break
                continue
            self.note(table, chain, rule.text, verdict.kind)
            if verdict.kind == "return":
                break
            if verdict.kind == "dnat":
                port = verdict.port or self.packet.destination_port
                self.packet = replace(self.packet, destination=verdict.address, destination_port=port)
                return "dnat"
            return verdict.kind
        if not chain.hook:
            return "return"
        if not chain.accepts or chain.kind == "filter":
            self.note(table, chain, "policy", "accept" if chain.accepts else "drop")
        return "accept" if chain.accepts else "drop"

    def applies(self, rule: Rule) -> bool:
        if rule.sometimes and rule.verdict is not None and rule.verdict.kind != "accept":
            return False  # a limit that is not reached: the packet that gets furthest
        return all(self.matches(match) for match in rule.matches)

    def note(self, table: Table, chain: Chain, text: str, verdict: str) -> None:
        place = f"{table.family} {table.name}, {chain.name}"
        self.hops.append(Hop(self.host.name, self.way_out or self.packet.entry, place, text, verdict))

    # -- the whole way through a host --------------------------------------------------------------------------------

    def prerouting(self) -> None:
        nat_done = False
        for table, chain in self.host.at("prerouting", self.packet.family):
            if chain.kind == "nat":
                if self.packet.ct is Ct.NEW and not nat_done:
                    said = self.chain(table, chain)
                    nat_done = said == "dnat"
                    if said == "drop":
                        raise _StopError("dropped")
                continue
            if self.chain(table, chain) == "drop":
                raise _StopError("dropped")
        if self.packet.ct is not Ct.NEW and not self.packet.ct.reply and self.packet.translated:
            address, port = self.packet.translated
            self.packet = replace(self.packet, destination=address, destination_port=port)
            self.hops.append(Hop(self.host.name, self.packet.entry, "conntrack", "as its connection began", "dnat"))

    def filters(self, hook: Hook) -> None:
        for table, chain in self.host.at(hook, self.packet.family):
            if chain.kind == "filter" and self.chain(table, chain) == "drop":
                raise _StopError("dropped")


def walk(host: HostForwarding, packet: Packet, prefer: str = "") -> Walk:
    """A packet through one host. ``prefer``: the link it leaves by where its route leaves that open."""
    walker = _Walker(host, packet)
    gateway: int | None = None
    try:
        if packet.entry:
            walker.prerouting()
        route = host.route(packet.family, walker.packet.destination)
        if route.kind == "nowhere":
            walker.hops.append(Hop(host.name, packet.entry, "route", route.text, "drop"))
            raise _StopError("dropped")
        if route.kind == "local" and packet.entry:
            walker.hops.append(Hop(host.name, packet.entry, "route", route.text, "the host's own"))
            walker.filters("input")
            return Walk(tuple(walker.hops), "delivered", walker.packet, host.name)
        if packet.entry and (packet.family not in host.forwards or host.links[packet.entry].role == "loopback"):
            walker.hops.append(Hop(host.name, packet.entry, "forwarding", f"IPv{packet.family} is off", "drop"))
            raise _StopError("dropped")
        walker.way_out = "lo" if route.kind == "local" else prefer if prefer in route.links else route.links[0]
        gateway = route.gateway
        walker.hops.append(Hop(host.name, packet.entry, "route", route.text, f"out by {walker.way_out}"))
        walker.filters("forward" if packet.entry else "output")
        walker.filters("postrouting")
    except _StopError as stop:
        return Walk(tuple(walker.hops), stop.outcome, walker.packet, host.name, walker.way_out, gateway)
    outcome: Outcome = "forwarded" if packet.entry else "sent"
    return Walk(tuple(walker.hops), outcome, walker.packet, host.name, walker.way_out, gateway)


def next_host(fabric: Fabric, one: Walk) -> str:
    """The host that a packet comes to after a walk; empty where its way ends. Nothing may be known of that host."""
    link = fabric.hosts[one.host].links.get(one.link)
    if one.outcome not in ("forwarded", "sent") or link is None or link.role != "uplink":
        return ""
    following = fabric.uplinks.get(one.gateway if one.gateway is not None else one.packet.destination, "")
    return "" if following == one.host else following


def journey(fabric: Fabric, host: str, packet: Packet, prefer: str = "") -> tuple[Walk, ...]:
    """A packet from host to host, until it leaves the fabric, arrives, is dropped, or comes to a host not known."""
    walks: list[Walk] = []
    while len(walks) < _MOST_HOSTS:
        one = walk(fabric.hosts[host], packet, prefer)
        walks.append(one)
        following = next_host(fabric, one)
        if following not in fabric.hosts:
            break
        there = fabric.hosts[following]
        way_in = there.links[there.uplink].name
        began = (packet.destination, packet.destination_port) if packet.ct is Ct.NEW else (None, None)
        after = one.packet
        packet = replace(
            after, entry=way_in, translated=None,
            began_to=after.destination if began[0] is not None else packet.began_to,
            began_port=after.destination_port if began[0] is not None else packet.began_port,
        )  # fmt: skip
        if not packet.ct.reply and packet.ct is not Ct.NEW:  # the next host saw it begin as it looks now
            packet = replace(packet, began_to=packet.destination, began_port=packet.destination_port)
        host, prefer = following, ""
    return tuple(walks)
