"""The conditions that the model understands, by the names that nft gives them, and what values they take.

An allow-list: whatever is not here is a ``StrangeError``, and the rule that has it is not understood.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Final

import numpy as np

from idc.proof.fields import ICMP, ICMPV6, TCP, UDP, Ct, Family, Field, number_type
from idc.proof.forwarding import Match, Values
from idc.proof.space import Interval, joined

_PROTOCOLS: Final = {
    "icmp": ICMP, "igmp": 2, "tcp": TCP, "udp": UDP, "dccp": 33, "ipv6-icmp": ICMPV6, "icmpv6": ICMPV6, "esp": 50,
    "ah": 51, "gre": 47, "sctp": 132, "udplite": 136, "comp": 108,
}  # fmt: skip
_ICMP_TYPES: Final = {
    "echo-reply": 0, "destination-unreachable": 3, "source-quench": 4, "redirect": 5, "echo-request": 8,
    "router-advertisement": 9, "router-solicitation": 10, "time-exceeded": 11, "parameter-problem": 12,
    "timestamp-request": 13, "timestamp-reply": 14,
}  # fmt: skip
_ICMP_CODES: Final = {
    "net-unreachable": 0, "host-unreachable": 1, "prot-unreachable": 2, "port-unreachable": 3, "frag-needed": 4,
    "net-prohibited": 9, "host-prohibited": 10, "admin-prohibited": 13,
}  # fmt: skip
_ICMPV6_TYPES: Final = {
    "destination-unreachable": 1, "packet-too-big": 2, "time-exceeded": 3, "parameter-problem": 4,
    "echo-request": 128, "echo-reply": 129, "mld-listener-query": 130, "mld-listener-report": 131,
    "mld-listener-done": 132, "nd-router-solicit": 133, "nd-router-advert": 134, "nd-neighbor-solicit": 135,
    "nd-neighbor-advert": 136, "nd-redirect": 137, "mld2-listener-report": 143,
}  # fmt: skip
_STATES: Final = {
    "new": (Ct.NEW,), "established": (Ct.ESTABLISHED, Ct.ESTABLISHED_REPLY), "related": (Ct.RELATED, Ct.RELATED_REPLY),
    "invalid": (Ct.INVALID,), "untracked": (Ct.UNTRACKED,),
}  # fmt: skip
_DIRECTIONS: Final = {
    "original": (Ct.NEW, Ct.ESTABLISHED, Ct.RELATED), "reply": (Ct.ESTABLISHED_REPLY, Ct.RELATED_REPLY),
}  # fmt: skip
TCP_FLAGS: Final = {"fin": 1, "syn": 2, "rst": 4, "psh": 8, "ack": 16, "urg": 32, "ecn": 64, "cwr": 128}
_TRACKED: Final = (int(Ct.NEW), int(Ct.RELATED_REPLY))


class StrangeError(ValueError):
    """Something that the model has no words for."""


@dataclass
class Names:
    """Interfaces' numbers: those that exist first, then whatever rules name besides."""

    real: tuple[str, ...]
    all: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.all = list(self.real)

    def intervals(self, name: str) -> list[Interval]:
        """The numbers of a name; with ``*`` at its end, of all that begin so."""
        if name.endswith("*"):
            return [(number, number) for number, known in enumerate(self.real) if known.startswith(name[:-1])]
        if name not in self.all:
            self.all.append(name)
        number = self.all.index(name)
        return [(number, number)]


Read = Callable[[str, Names], list[Interval]]


@dataclass(frozen=True)
class Selector:
    """A part of a packet as nft names it: the field, for which packets it exists, how its values are written."""

    field: Field
    read: Read
    family: Family | None = None
    protocol: int | None = None  # a packet of another protocol never matches
    tracked: bool = False  # nor one without a connection


def _number(table: dict[str, int] | None = None, shift: int = 0) -> Read:
    def read(text: str, _: Names) -> list[Interval]:
        first, _dash, last = text.partition("-") if re.fullmatch(r"\d+-\d+", text) else (text, "", text)
        try:
            low, high = ((table or {}).get(word, -1) for word in (first, last))
            low = int(first, 0) if low < 0 else low
            high = int(last, 0) if high < 0 else high
        except ValueError:
            raise StrangeError(f"value {text!r}") from None
        return [(low << shift, (high << shift) + (1 << shift) - 1)]

    return read


def _code(text: str, names: Names) -> list[Interval]:
    ((code, _),) = _number(_ICMP_CODES)(text, names)
    return [(kind << 8 | code, kind << 8 | code) for kind in range(256)]


def _address(family: Family) -> Read:
    def read(text: str, _: Names) -> list[Interval]:
        return [address(text, family)]

    return read


def address(text: str, family: Family) -> Interval:
    """An address, a network, or two addresses with a hyphen between them."""
    try:
        if family == 4 and "-" not in text:
            return _quick(text)
        first, dash, last = text.partition("-")
        if dash:
            low, high = ip_address(first), ip_address(last)
            if low.version != family or high.version != family or int(low) > int(high):
                raise ValueError
            return int(low), int(high)
        network = ip_network(text)
        if network.version != family:
            raise ValueError
        return int(network.network_address), int(network.broadcast_address)
    except ValueError:
        raise StrangeError(f"{text!r} is no IPv{family} address or network") from None


def _quick(text: str) -> Interval:
    """An IPv4 network without the objects of ``ipaddress``: there are tens of thousands."""
    base, _, length = text.partition("/")
    parts = base.split(".")
    if len(parts) != 4:
        raise ValueError
    low = 0
    for part in parts:
        byte = int(part)
        if not 0 <= byte <= 255:
            raise ValueError
        low = low << 8 | byte
    size = 1 << (32 - int(length)) if length else 1
    if low & (size - 1):
        raise ValueError
    return low, low + size - 1


def _ct(table: dict[str, tuple[Ct, ...]]) -> Read:
    def read(text: str, _: Names) -> list[Interval]:
        if text not in table:
            raise StrangeError(f"connection {text!r}")
        return [(int(value), int(value)) for value in table[text]]

    return read


def _nfproto(text: str, _: Names) -> list[Interval]:
    raise StrangeError(f"meta nfproto {text}")


SELECTORS: Final[dict[str, Selector]] = {
    "iifname": Selector(Field.IIF, lambda text, names: names.intervals(text)),
    "oifname": Selector(Field.OIF, lambda text, names: names.intervals(text)),
    "ip saddr": Selector(Field.SADDR, _address(4), 4),
    "ip daddr": Selector(Field.DADDR, _address(4), 4),
    "ip protocol": Selector(Field.PROTO, _number(_PROTOCOLS), 4),
    "ip ttl": Selector(Field.HOPS, _number(), 4),
    "ip6 saddr": Selector(Field.SADDR, _address(6), 6),
    "ip6 daddr": Selector(Field.DADDR, _address(6), 6),
    "ip6 hoplimit": Selector(Field.HOPS, _number(), 6),
    "meta l4proto": Selector(Field.PROTO, _number(_PROTOCOLS)),
    "th sport": Selector(Field.SPORT, _number()),
    "th dport": Selector(Field.DPORT, _number()),
    "tcp sport": Selector(Field.SPORT, _number(), None, TCP),
    "tcp dport": Selector(Field.DPORT, _number(), None, TCP),
    "udp sport": Selector(Field.SPORT, _number(), None, UDP),
    "udp dport": Selector(Field.DPORT, _number(), None, UDP),
    "icmp type": Selector(Field.SPORT, _number(_ICMP_TYPES, 8), 4, ICMP),
    "icmp code": Selector(Field.SPORT, _code, 4, ICMP),
    "icmpv6 type": Selector(Field.SPORT, _number(_ICMPV6_TYPES, 8), 6, ICMPV6),
    "ct state": Selector(Field.CT, _ct(_STATES)),
    "ct direction": Selector(Field.CT, _ct(_DIRECTIONS), None, None, tracked=True),
    "ct original ip daddr": Selector(Field.ORIG_DADDR, _address(4), 4, None, tracked=True),
    "ct original ip6 daddr": Selector(Field.ORIG_DADDR, _address(6), 6, None, tracked=True),
    "ct original proto-dst": Selector(Field.ORIG_DPORT, _number(), None, None, tracked=True),
}


def selector(name: str) -> Selector:
    """A selector by name. Raises StrangeError."""
    if name not in SELECTORS:
        raise StrangeError(f"match on {name!r}")
    return SELECTORS[name]


def values(selectors: Sequence[Selector], elements: Iterable[Sequence[str]], names: Names) -> Values:
    """The elements of a set, each a value a selector, as rows. Raises StrangeError."""
    family = family_of(selectors)
    fields = tuple(each.field for each in selectors)
    if len(set(fields)) != len(fields):
        raise StrangeError("the same field twice in one set")
    lows: list[list[int]] = []
    highs: list[list[int]] = []
    for element in elements:
        if len(element) != len(selectors):
            raise StrangeError(f"element {' . '.join(element)}")
        rows: list[list[Interval]] = [[]]
        for each, text in zip(selectors, element, strict=True):
            found = each.read(text, names)
            rows = [[*row, one] for row in rows for one in found]
        lows += [[low for low, _ in row] for row in rows]
        highs += [[high for _, high in row] for row in rows]
    if len(fields) == 1:  # neighbours become one, so that fewer boxes say the same
        joined_ = joined((low[0], high[0]) for low, high in zip(lows, highs, strict=True))
        lows, highs = [[low] for low, _ in joined_], [[high] for _, high in joined_]
    kind, shape = number_type(family or 4), (len(lows), len(fields))
    low, high = np.array(lows, dtype=kind).reshape(shape), np.array(highs, dtype=kind).reshape(shape)
    return Values(fields, low, high)


def family_of(selectors: Sequence[Selector]) -> Family | None:
    """The family that selectors ask for together. Raises StrangeError when they contradict each other."""
    found = {each.family for each in selectors if each.family}
    if len(found) > 1:
        raise StrangeError("IPv4 and IPv6 in one match")
    return found.pop() if found else None


def conditions(selectors: Sequence[Selector], found: Values, *, negated: bool = False) -> tuple[Match, ...]:
    """The matches of one expression: what the packet must be for it to have the fields at all, then the values."""
    family = family_of(selectors)
    protocols = {each.protocol for each in selectors if each.protocol is not None}
    implied = [interval_match(Field.PROTO, (protocol, protocol), family) for protocol in protocols]
    if any(each.tracked for each in selectors):
        implied.append(interval_match(Field.CT, _TRACKED, family))
    wanted = tuple(each.field for each in selectors)
    if found.fields != wanted:
        raise StrangeError("a set of another type than what is looked up in it")
    return (*implied, Match(found, negated, family))


def interval_match(field_: Field, interval: Interval, family: Family | None = None) -> Match:
    """One field in one interval."""
    low, high = (np.array([[end]], dtype=number_type(family or 4)) for end in interval)
    return Match(Values((field_,), low, high), False, family)


def flags_match(mask: int, wanted: int, *, negated: bool = False) -> tuple[Match, ...]:
    """TCP flags under a mask."""
    rows = [[value] for value in range(256) if (value & mask) == wanted]
    table = np.array(rows, dtype=np.int64).reshape((len(rows), 1))
    return (interval_match(Field.PROTO, (TCP, TCP)), Match(Values((Field.TCP_FLAGS,), table, table), negated))
