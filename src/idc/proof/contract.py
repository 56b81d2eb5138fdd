"""What a plan declares that a host may forward, take in and send: the other side of the comparison with its rules.

Made from flows, listeners and host rules as they stand in the plan, never from what is rendered of them. A flow is
judged in three parts, since its way in and out follow from its addresses alone: the tuple of its packets (``tuples``),
the link that each source comes in by, and the link that each destination goes out by (``homes``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import IPv4Network

import numpy as np

from idc.plan.types import Flow, Host, HostInterface, HostRule, Listener, Plan, Segment
from idc.proof.fields import ICMP, ICMPV6, TCP, UDP, Ct, Family, Field
from idc.proof.space import Boxes, Interval, Numbers, joined

ORIGINAL: Interval = (int(Ct.NEW), int(Ct.RELATED))
OPEN: Interval = (int(Ct.NEW), int(Ct.ESTABLISHED))
REPLY = int(Ct.ESTABLISHED_REPLY)
_NUMBERS = {"tcp": TCP, "udp": UDP}
_PEOPLE = {"internet": HostInterface.INTERNET, "fabric": HostInterface.FABRIC}
_FRAG_NEEDED = 3 << 8 | 4  # ICMP type and code
NEIGHBOURS: Interval = (135 << 8, (136 << 8) + 255)  # neighbour solicitation and advertisement
TOO_BIG: Interval = (2 << 8, (2 << 8) + 255)
_ON_LINK: tuple[Interval, ...] = ((0, 0), (0xFE80 << 112, (0xFEBF << 112) + (1 << 112) - 1))  # :: and fe80::/10
_FORWARD = (Field.SADDR, Field.DADDR, Field.PROTO, Field.DPORT, Field.CT)
_BACK = (Field.DADDR, Field.SADDR, Field.PROTO, Field.SPORT, Field.CT)


@dataclass(frozen=True, eq=False)
class Entry:
    """A listener as its requests come in, before their translation."""

    listener: Listener
    requests: Boxes  # from anybody
    promised: Boxes  # from those to whom it is promised
    serving: int  # address of the container that serves
    slots: tuple[int, ...]  # and both that may
    there: Boxes  # after translation, with their links
    back: Boxes


@dataclass(frozen=True, eq=False)
class Contract:
    """One host and family. ``rows`` names the flow of each box of ``there`` and ``back``."""

    family: Family
    there: Boxes  # flows in their own direction, whatever link
    back: Boxes  # their replies
    rows: tuple[Flow, ...]
    homes: Boxes  # (IIF, SADDR): by which link a source comes
    outs: Boxes  # (OIF, DADDR): by which link a destination is reached
    certain: Boxes  # those of ``homes`` where it is certain which link
    certain_outs: Boxes
    entries: tuple[Entry, ...]
    forwarded: Boxes  # what is forwarded with its links said: listeners, and the one ICMP error
    taken: Boxes  # input, by the links of ``homes``
    taken_by_link: Boxes  # input with its links said
    sent: Boxes  # output
    promised_in: Boxes  # input that must be accepted
    promised_out: Boxes
    next_hosts: tuple[tuple[Interval, str], ...]  # destinations beyond the uplink, and by which host


@dataclass
class Contracts:
    """All hosts' contracts of a plan; what they share is made once."""

    plan: Plan
    flows: dict[str, list[Flow]] = field(default_factory=dict)  # by host that filters them
    segments: dict[str, list[Segment]] = field(default_factory=dict)
    rules: dict[str, list[HostRule]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for flow in self.plan.flows:
            for host in flow.hosts:
                self.flows.setdefault(host, []).append(flow)
        for segment in self.plan.segments:
            self.segments.setdefault(segment.host, []).append(segment)
        for rule in self.plan.host_rules:
            self.rules.setdefault(rule.host, []).append(rule)

    @cached_property
    def _tuples(self) -> tuple[Numbers, Numbers, list[Flow], dict[str, list[int]]]:
        """Every flow's packets as rows, and which of them a host forwards: those of its segments and outside links.

        What comes from outside comes by a listener, and what a host itself sends or takes in is not forwarded.
        """
        low: list[tuple[int, int, int, int, int]] = []
        high: list[tuple[int, int, int, int, int]] = []
        rows: list[Flow] = []
        at: dict[str, list[int]] = {}
        known: dict[int, list[Interval]] = {}
        for flow in self.plan.flows:
            source, destination = flow.source, flow.destination
            if source.host is None:
                continue
            hosts = set(flow.hosts)
            hosts -= {end.host for end in (source, destination) if end.host is not None and not end.segment}
            for end in (source, destination):
                if id(end) not in known:
                    known[id(end)] = intervals(end.networks)
            protocol = _NUMBERS[flow.protocol]
            for one in known[id(source)]:
                for other in known[id(destination)]:
                    for host in hosts:
                        at.setdefault(host, []).append(len(rows))
                    rows.append(flow)
                    low.append((one[0], other[0], protocol, flow.port, ORIGINAL[0]))
                    high.append((one[1], other[1], protocol, flow.port, ORIGINAL[1]))
        shape = (len(rows), 5)
        return np.array(low, dtype=np.int64).reshape(shape), np.array(high, dtype=np.int64).reshape(shape), rows, at

    def tuples(self, host: str) -> tuple[Numbers, Numbers, tuple[Flow, ...]]:
        """The rows of flows that a host forwards; the plan's flows are all IPv4."""
        low, high, rows, at = self._tuples
        own = np.array(at.get(host, []), dtype=np.intp)
        return low[own], high[own], tuple(rows[row] for row in own)

    @cached_property
    def _addresses(self) -> list[tuple[str, Interval, bool]]:
        """Hosts' addresses, and (False) the blocks that are theirs."""
        found = [(host.name, (int(host.address), int(host.address)), True) for host in self.plan.hosts]
        return found + [(host.name, block, False) for host in self.plan.hosts for block in intervals(host.blocks)]

    def hosts_of_others(self, host: str) -> Iterator[tuple[Interval, str]]:
        """Blocks of the other hosts with whose they are."""
        return ((interval, name) for name, interval, own in self._addresses if not own and name != host)

    def others(self, host: str) -> list[Interval]:
        """Addresses of the other hosts themselves."""
        return joined(interval for name, interval, own in self._addresses if own and name != host)

    def elsewhere(self, host: str) -> list[Interval]:
        """Addresses of the other hosts and of all that is on them."""
        return joined(interval for name, interval, _ in self._addresses if name != host)

    def of(self, host: Host, family: Family, number: Mapping[str, int]) -> Contract:
        """The contract of a host; ``number`` gives the links' numbers by name."""
        return _Maker(self, host, family, number).make()


def intervals(networks: Iterable[IPv4Network]) -> list[Interval]:
    """First and last address of networks."""
    return [(low := int(network.network_address), low + (1 << (32 - network.prefixlen)) - 1) for network in networks]


@dataclass
class _Maker:
    contracts: Contracts
    host: Host
    family: Family
    number: Mapping[str, int]

    def make(self) -> Contract:
        family = self.family
        low, high, rows = self.contracts.tuples(self.host.name if family == 4 else "")
        there = Boxes.table(family, _FORWARD, low, high)
        low[:, 4] = high[:, 4] = REPLY
        back = Boxes.table(family, _BACK, low, high)
        homes, certain = self._homes()
        entries = tuple(self._entries())
        comes, goes = self._linked(homes, Field.IIF, Field.SADDR), self._linked(homes, Field.OIF, Field.DADDR)
        taken, by_link, sent, promised_in, promised_out = self._own(goes)
        errors = [self._error(Field.SADDR)] if family == 4 else []
        return Contract(
            family=family,
            there=there,
            back=back,
            rows=rows,
            homes=comes,
            outs=goes,
            certain=self._linked(certain, Field.IIF, Field.SADDR),
            certain_outs=self._linked(certain, Field.OIF, Field.DADDR),
            entries=entries,
            forwarded=Boxes.union(family, [*(e.there for e in entries), *(e.back for e in entries), *errors]),
            taken=taken,
            taken_by_link=by_link,
            sent=sent,
            promised_in=promised_in,
            promised_out=promised_out,
            next_hosts=tuple(self._next_hosts()) if family == 4 else (),
        )

    # -- what is forwarded -------------------------------------------------------------------------------------------

    def _homes(self) -> tuple[list[tuple[str, Interval]], list[tuple[str, Interval]]]:
        """By which link the addresses of flows and host rules come and go: where it may be, and where it is certain."""
        host, plan = self.host, self.contracts.plan
        uplink = host.uplink_interface.name
        segments = self.contracts.segments.get(host.name, ())
        if self.family == 6:
            six = [(s.bridge, (int(s.subnet6[0]), int(s.subnet6[-1]))) for s in segments if s.subnet6]
            return six, six
        found = [(segment.bridge, interval) for segment in segments for interval in intervals((segment.subnet,))]
        found += [(uplink, interval) for interval in self.contracts.elsewhere(host.name)]
        outside = {
            end.networks: end.via
            for flow in self.contracts.flows.get(host.name, ())
            for end in (flow.source, flow.destination)
            if end.host is None
        }
        for rule in self.contracts.rules.get(host.name, ()):
            if not all(network.subnet_of(plan.prefix) for network in rule.networks):
                outside.setdefault(rule.networks, "")
        certain = list(found)
        for networks, via in outside.items():
            for interval in intervals(networks):
                links = self._outward(interval, via)
                found += [(link, interval) for link in links]
                certain += [(links[0], interval)] if len(links) == 1 else []
        return found, certain

    def _next_hosts(self) -> Iterator[tuple[Interval, str]]:
        yield from self.contracts.hosts_of_others(self.host.name)
        for flow in self.contracts.flows.get(self.host.name, ()):
            for end in (flow.source, flow.destination):
                if end.host is None and end.via not in ("", self.host.name):
                    yield from ((interval, end.via) for interval in intervals(end.networks))

    def _outward(self, interval: Interval, via: str) -> list[str]:
        """The links by which an address outside the fabric's hosts comes: at the edge its own, elsewhere the uplink."""
        uplink = self.host.uplink_interface.name
        if via and via != self.host.name:
            return [uplink]
        outer = [i for i in self.host.interfaces if i.role is not HostInterface.UPLINK]
        near = [i.name for i in outer for low, high in intervals((i.address.network,)) if low <= interval[0] <= high]
        return near or [i.name for i in outer] + ([] if via else [uplink])

    def _linked(self, homes: Sequence[tuple[str, Interval]], link: Field, address: Field) -> Boxes:
        table = [(self.number[name], self.number[name], *interval) for name, interval in homes if name in self.number]
        array = np.array(table, dtype=np.int64 if self.family == 4 else object).reshape((len(table), 4))
        return Boxes.table(self.family, (link, address), array[:, [0, 2]], array[:, [1, 3]])

    # -- listeners ---------------------------------------------------------------------------------------------------

    def _entries(self) -> Iterator[Entry]:
        plan, family = self.contracts.plan, self.family
        for listener in plan.listeners:
            if listener.host != self.host.name:
                continue
            public, own, serving = self._addresses(listener)
            outside = next(i.name for i in self.host.interfaces if i.role is _PEOPLE[listener.visibility.value])
            bridge = plan.segment_by_name[listener.segment].bridge
            if public is None or outside not in self.number or bridge not in self.number:
                continue
            outer, inner = self.number[outside], self.number[bridge]
            requests = Boxes.of(family, {
                Field.IIF: outer, Field.DADDR: public, Field.PROTO: TCP, Field.DPORT: listener.port,
                Field.CT: int(Ct.NEW),
            })  # fmt: skip
            people = [requests.limited(Field.SADDR, interval) for interval in self._people(listener)]
            shared: dict[Field, int | Interval] = {
                Field.PROTO: TCP, Field.ORIG_DADDR: public, Field.ORIG_DPORT: listener.port,
            }  # fmt: skip
            there = [
                Boxes.of(family, {
                    **shared, Field.IIF: outer, Field.OIF: inner, Field.DADDR: address,
                    Field.DPORT: listener.target_port, Field.CT: ORIGINAL,
                }) for address in own
            ]  # fmt: skip
            back = [
                Boxes.of(family, {
                    **shared, Field.IIF: inner, Field.OIF: outer, Field.SADDR: address,
                    Field.SPORT: listener.target_port, Field.CT: REPLY,
                }) for address in own
            ]  # fmt: skip
            yield Entry(
                listener, requests, Boxes.union(family, people), serving, own,
                Boxes.union(family, there), Boxes.union(family, back),
            )  # fmt: skip

    def _addresses(self, listener: Listener) -> tuple[int | None, tuple[int, ...], int]:
        """The listener's public address, both of the container's, and the serving one."""
        container = self.contracts.plan.container_by_name[listener.container]
        if self.family == 4:
            both = (int(container.address_a), int(container.address_b))
            return int(listener.address), both, int(container.address())
        slots = (container.address6_a, container.address6_b)
        if listener.address6 is None or slots[0] is None or slots[1] is None:
            return None, (), 0
        return int(listener.address6), (int(slots[0]), int(slots[1])), int(slots[container.slot == "b"] or 0)

    def _people(self, listener: Listener) -> list[Interval]:
        """Some of those to whom a listener is promised: its flow's sources, of IPv6 what is globally routed."""
        if self.family == 6:
            interface = next(i for i in self.host.interfaces if i.role is _PEOPLE[listener.visibility.value])
            if listener.visibility.value == "internet":
                return [(0x2001 << 112, (0x2001 << 112) + (1 << 96) - 1)]
            network = interface.address6.network if interface.address6 else None
            own = int(interface.address6.ip) if interface.address6 else 0
            return [] if network is None else [(int(network[0]), own - 1), (own + 1, int(network[-1]))]
        segment = self.contracts.plan.segment_by_name[listener.segment]
        own4 = {int(i.address.ip) for i in self.host.interfaces}
        found: list[Interval] = []
        for flow in self.contracts.flows.get(self.host.name, ()):
            to = (flow.destination.segment, flow.port)
            if flow.source.host is None and to == (segment.name, listener.target_port):
                for low, high in intervals(flow.source.networks):
                    for address in sorted(own4 | {high + 1}):  # the host's own addresses are nobody's who asks it
                        if low <= address <= high + 1:
                            found += [(low, address - 1)] if low < address else []
                            low = address + 1
        return found

    # -- the host itself ---------------------------------------------------------------------------------------------

    def _error(self, address: Field) -> Boxes:
        """The one ICMP error that path MTU discovery needs, of the fabric's hosts."""
        uplink = self.number[self.host.uplink_interface.name]
        others = np.array(self.contracts.others(self.host.name), dtype=np.int64).reshape((-1, 2))
        boxes = Boxes.table(4, (address,), others[:, [0]], others[:, [1]]).limited(Field.IIF, (uplink, uplink))
        return boxes.limited(Field.PROTO, (ICMP, ICMP)).limited(Field.SPORT, (_FRAG_NEEDED, _FRAG_NEEDED))

    def _own(self, goes: Boxes) -> tuple[Boxes, Boxes, Boxes, Boxes, Boxes]:
        """What the host takes in (by the links of its sources, by named links) and sends; what of it must pass.

        ``goes``: by which link a destination is reached. What the host says, it says as itself.
        """
        loop = self.number["lo"]
        by_link, sent = [Boxes.of(self.family, {Field.IIF: loop})], [Boxes.of(self.family, {Field.OIF: loop})]
        if self.family == 6:
            none = Boxes.none(6)
            more = self._neighbours()
            return none, Boxes.union(6, [*by_link, *more[0]]), Boxes.union(6, [*sent, *more[1]]), none, none
        own = int(self.host.address)
        by_link.append(self._error(Field.SADDR))
        itself = np.array(self._itself(), dtype=np.int64).reshape((-1, 2))
        errors = Boxes.table(4, (Field.SADDR,), itself[:, [0]], itself[:, [1]]).limited(Field.PROTO, (ICMP, ICMP))
        sent.append(errors.limited(Field.SPORT, (_FRAG_NEEDED, _FRAG_NEEDED)))
        calls: list[Boxes] = []  # what it sends by its rules
        taken: list[Boxes] = []
        must_in: list[Boxes] = []
        must_out: list[Boxes] = []
        for rule in self.contracts.rules.get(self.host.name, ()):
            for interval in intervals(rule.networks):
                protocol = _NUMBERS[rule.protocol]
                them_in = Boxes.of(4, {Field.SADDR: interval, Field.DADDR: own, Field.PROTO: protocol})
                them_out = Boxes.of(4, {Field.DADDR: interval, Field.SADDR: own, Field.PROTO: protocol})
                begins, answers = (them_in, them_out) if rule.direction == "in" else (them_out, them_in)
                begins = begins.limited(Field.DPORT, (rule.port, rule.port))
                answers = answers.limited(Field.SPORT, (rule.port, rule.port)).limited(Field.CT, (REPLY, REPLY))
                (taken if rule.direction == "in" else calls).append(begins.limited(Field.CT, ORIGINAL))
                (calls if rule.direction == "in" else taken).append(answers)
                (must_in if rule.direction == "in" else must_out).append(begins.limited(Field.CT, OPEN))
                (must_out if rule.direction == "in" else must_in).append(answers)
        sent.append(Boxes.union(4, calls).intersect(goes))
        both = [Boxes.union(4, parts) for parts in (taken, by_link, sent, must_in, must_out)]
        return both[0], both[1], both[2], both[3], both[4]

    def _neighbours(self) -> tuple[list[Boxes], list[Boxes]]:
        """What IPv6 needs on a link to work at all (RFC 4861), and the error of path MTU discovery."""
        names = [i.name for i in self.host.interfaces if i.address6]
        names += [s.bridge for s in self.contracts.segments.get(self.host.name, ()) if s.subnet6]
        own6 = self._itself()
        taken: list[Boxes] = []
        sent: list[Boxes] = []
        for link in (self.number[name] for name in names if name in self.number):
            neighbour: dict[Field, int | Interval] = {Field.PROTO: ICMPV6, Field.SPORT: NEIGHBOURS, Field.HOPS: 255}
            taken.append(Boxes.of(6, {**neighbour, Field.IIF: link}))
            sent += [Boxes.of(6, {**neighbour, Field.OIF: link, Field.SADDR: own}) for own in (*_ON_LINK, *own6)]
            too_big: dict[Field, int | Interval] = {Field.OIF: link, Field.PROTO: ICMPV6, Field.SPORT: TOO_BIG}
            sent += [Boxes.of(6, {**too_big, Field.SADDR: own}) for own in own6]
        return taken, sent

    def _itself(self) -> list[Interval]:
        """The host's own addresses of the family, on its links and as gateway of its segments."""
        own = self.contracts.segments.get(self.host.name, ())
        if self.family == 4:
            found = [int(i.address.ip) for i in self.host.interfaces] + [int(s.gateway) for s in own]
        else:
            found = [int(i.address6.ip) for i in self.host.interfaces if i.address6]
            found += [int(s.gateway6) for s in own if s.gateway6]
        return joined((address, address) for address in found)
