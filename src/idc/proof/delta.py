"""The isolation delta: which pairs a change opens or closes, computed from the rules of both plans.

What the flows say is looked up only afterwards, to tell who declared a pair: what opens and is declared by nobody
stands out. Hosts whose rules cannot differ are looked at only as the other end of a pair.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import numpy as np

from idc.plan.types import Flow, HostRule, Plan, Vhost
from idc.proof.between import differing, joint
from idc.proof.connections import Begun, Side, difference
from idc.proof.declaring import Declaring
from idc.proof.fields import ICMP, ICMPV6, TCP, UDP, Field
from idc.proof.forwarding import NotUnderstood
from idc.proof.parties import Parties, Party
from idc.proof.space import Boxes, Interval, Numbers
from idc.proof.verdict import Witness
from idc.proof.walk import journey
from idc.proof.witness import Entering, packet

Way = Literal["opens", "closes"]
_PARTS: Final = 4096  # pairs of parties in one rule that are told one by one
_NAMES: Final = {TCP: "TCP", UDP: "UDP", ICMP: "ICMP", ICMPV6: "ICMPv6"}


@dataclass(frozen=True)
class Pair:
    """Who may, or may no longer, call whom: one protocol and one range of ports, with one packet that shows it."""

    way: Way
    source: Party
    destination: Party
    protocol: str  # "TCP", "UDP", "ICMP", "protocol 47", "any protocol"
    ports: str  # "443", "1-1023", "any"; "" where the protocol has none
    declared: Flow | HostRule | None
    witness: Witness
    by: str = ""  # the listener by which somebody outside comes in: "203.0.113.10, port 80"

    @property
    def key(self) -> tuple[str, ...]:
        """Who and what, whichever addresses they have."""
        return (self.source.ref, self.source.segment, self.destination.ref, self.destination.segment, self.protocol,
                self.ports, self.by)  # fmt: skip


@dataclass(frozen=True, order=True)
class Name:
    """A host name that a listener begins or ceases to answer to, for some methods."""

    listener: str  # "internet", "fabric"
    name: str
    site: str
    methods: tuple[str, ...]
    opens: bool


@dataclass(frozen=True)
class Delta:
    """All that a change opens and closes. ``first``: nothing was applied before, so that all that is declared opens."""

    pairs: tuple[Pair, ...] = ()
    names: tuple[Name, ...] = ()
    unknown: tuple[NotUnderstood, ...] = ()
    first: bool = False
    hosts: int = 0  # whose rules were compared

    @property
    def opened(self) -> tuple[Pair, ...]:
        """Pairs that open."""
        return tuple(pair for pair in self.pairs if pair.way == "opens")

    @property
    def closed(self) -> tuple[Pair, ...]:
        """Pairs that close."""
        return tuple(pair for pair in self.pairs if pair.way == "closes")

    @property
    def undeclared(self) -> tuple[Pair, ...]:
        """Pairs that open though nothing declares them."""
        return tuple(pair for pair in self.opened if pair.declared is None)

    @property
    def empty(self) -> bool:
        """Whether nothing opens or closes, and nothing is unknown."""
        return not (self.pairs or self.names or self.unknown)


def compare(old: Plan | None, new: Plan, rules: tuple[Mapping[str, str], Mapping[str, str]] = ({}, {})) -> Delta:
    """What ``new`` opens and closes beside ``old``. ``rules`` gives texts by host of both in place of rendered ones."""
    if old is None:
        return Delta(first=True)
    if old == new and not any(rules):
        return Delta()
    changed = sorted(differing(old, new, {name for texts in rules for name in texts}))
    shape = joint(old, new)
    before, after = (
        Side(plan, _shaped(shape, plan), texts) for plan, texts in zip((old, new), rules, strict=True)
    )  # fmt: skip
    pairs: list[Pair] = []
    ways: tuple[tuple[Way, Side, Side], ...] = (("closes", before, after), ("opens", after, before))
    for way, one, other in ways:
        pairs += _Told(way, one).all(begun for name in changed for begun in difference(one, other, name))
    unknown = tuple(dict.fromkeys((*before.unknown, *after.unknown)))
    return Delta(_moved_out(pairs), tuple(_names(old, new)), unknown, hosts=len(changed))


def _shaped(shape: Plan, plan: Plan) -> Plan:
    """The segments of both plans, on hosts as one of them has them; links have the same numbers in both."""
    links = {host.name: [i.name for i in host.interfaces] for host in shape.hosts}
    own = {h.name: h for h in plan.hosts if links.get(h.name) == [i.name for i in h.interfaces]}
    known = {host.name for host in shape.hosts}
    hosts = (*(own.get(h.name, h) for h in shape.hosts), *(h for h in plan.hosts if h.name not in known))
    return replace(shape, hosts=hosts)


def _moved_out(pairs: list[Pair]) -> tuple[Pair, ...]:
    """Without the declared pairs that both open and close: they stay open, only their addresses move."""
    both = {p.key for p in pairs if p.way == "opens"} & {p.key for p in pairs if p.way == "closes"}
    kept = [pair for pair in pairs if pair.key not in both or pair.declared is None]
    return tuple(sorted(kept, key=lambda pair: (pair.way, pair.declared is not None, pair.key)))


def _names(old: Plan, new: Plan) -> Iterator[Name]:
    """Host names by listener, one by one: the edge answers by them, and no rule of packets tells them apart."""
    entering = [{listener.visibility for listener in plan.listeners} for plan in (old, new)]
    same: set[tuple[object, ...]] = set()
    if entering[0] == entering[1]:
        same = {_answers(vhost) for vhost in old.vhosts} & {_answers(vhost) for vhost in new.vhosts}
    before, after = (
        {
            (vhost.visibility.value, name, vhost.site): frozenset(vhost.methods)
            for vhost in plan.vhosts
            if vhost.visibility in listened and _answers(vhost) not in same
            for name in vhost.names
        }
        for plan, listened in zip((old, new), entering, strict=True)
    )
    for key in sorted({*before, *after}):
        gone = before.get(key, frozenset()) - after.get(key, frozenset())
        come = after.get(key, frozenset()) - before.get(key, frozenset())
        for methods, opens in ((gone, False), (come, True)):
            if methods:
                yield Name(*key, methods=tuple(sorted(methods)), opens=opens)


def _answers(vhost: Vhost) -> tuple[object, ...]:
    return vhost.visibility, vhost.names, vhost.site, vhost.methods


@dataclass
class _Told:
    """Sets of connections as pairs of people, each once."""

    way: Way
    side: Side
    found: dict[tuple[object, ...], Pair] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.parties = Parties(self.side.plan)
        self.declaring = Declaring(self.side.plan)

    def all(self, begun: Iterator[Begun]) -> Iterator[Pair]:
        """Every pair."""
        for one in begun:
            for whole in self.side.whole(one.host, one.place, one.entering):
                self._rows(self._parted(whole))
        return iter(self.found.values())

    def _parted(self, begun: Begun) -> Begun:
        """The same connections in boxes of which each side is one party's, where those are not too many."""
        boxes, translated = begun.entering.boxes, begun.entering.translated
        if boxes.family != 4 or translated:
            return begun
        low: list[Numbers] = []
        high: list[Numbers] = []
        for least, most in zip(boxes.low, boxes.high, strict=True):
            whole = [(int(least[name]), int(most[name])) for name in (Field.SADDR, Field.DADDR)]
            sources = whole[:1] if begun.place == "output" else self.parties.parts(whole[0])
            targets = self.parties.parts(whole[1])
            if len(sources) * len(targets) > _PARTS:
                sources, targets = whole[:1], whole[1:]
            for source in sources:
                for target in targets:
                    low.append(least.copy())
                    high.append(most.copy())
                    for name, (first, last) in ((Field.SADDR, source), (Field.DADDR, target)):
                        low[-1][name], high[-1][name] = first, last
        return Begun(begun.host, begun.place, Entering(Boxes(4, np.array(low), np.array(high)), translated))

    def _rows(self, begun: Begun) -> None:
        boxes = begun.entering.boxes
        seen: set[tuple[int, ...]] = set()
        for row in range(len(boxes)):
            low, high = boxes.low[row], boxes.high[row]
            shown = (*map(int, low[: Field.CT]), *map(int, high[: Field.CT]))
            if shown not in seen:
                seen.add(shown)
                self._row(begun, row)

    def _row(self, begun: Begun, row: int) -> None:
        entering = begun.entering
        family = entering.boxes.family
        regions = self.side.regions(begun.host)
        assert regions is not None  # the row is from its rules
        host = regions.host

        def of(name: Field) -> Interval:
            return int(entering.boxes.low[row][name]), int(entering.boxes.high[row][name])

        to, port = of(Field.DADDR), of(Field.DPORT)
        if entering.translated:
            to, port = of(Field.ORIG_DADDR), of(Field.ORIG_DPORT)
        link = host.names[of(Field.IIF)[0]] if of(Field.IIF)[0] == of(Field.IIF)[1] < len(host.names) else ""
        out = host.names[of(Field.OIF)[0]] if of(Field.OIF)[0] == of(Field.OIF)[1] < len(host.names) else ""
        if begun.place == "output":
            source = self.parties.host(begun.host)
        else:
            source = self.parties.of(of(Field.SADDR), family, link=link, host=host)
        if begun.place == "input":
            target = self.parties.host(begun.host)
        elif out in host.links and host.links[out].segment:
            target = self.parties.of(to, family, link=out, host=host)
        else:
            target = self.parties.of(to, family)
        protocol, ports = _protocol(of(Field.PROTO)), _ports(of(Field.PROTO), port)
        asked = (of(Field.DADDR), of(Field.DPORT)) if entering.translated else None
        declared = self.declaring.of(begun, source, target, of(Field.SADDR), to, of(Field.PROTO), port, asked)
        by = f"{self.parties.of(asked[0], family).words}, port {_range(asked[1])}" if asked and family == 4 else ""
        key = (source, target, protocol, ports, declared is None)
        if key in self.found:
            return
        candidate, prefer = packet(host, entering, row)
        if begun.place == "output":
            candidate = replace(candidate, entry="")
        walks = journey(self.side.fabric, begun.host, candidate, prefer)
        self.found[key] = Pair(self.way, source, target, protocol, ports, declared, Witness(candidate, walks), by)


def _protocol(interval: Interval) -> str:
    if interval[0] != interval[1]:
        return "any protocol"
    return _NAMES.get(interval[0], f"protocol {interval[0]}")


def _ports(protocol: Interval, interval: Interval) -> str:
    return _range(interval) if protocol in ((TCP, TCP), (UDP, UDP)) else ""


def _range(interval: Interval) -> str:
    low, high = interval
    return "any" if (low, high) == (0, 65535) else str(low) if low == high else f"{low}-{high}"
