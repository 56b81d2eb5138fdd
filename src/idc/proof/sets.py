"""Named sets: their types as nft writes them, and their elements as tables of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from idc.proof.fields import number_type
from idc.proof.forwarding import Match, Values
from idc.proof.matching import SELECTORS, Names, Selector, StrangeError, conditions, selector
from idc.proof.space import Numbers

_TYPES: Final = {
    "ifname": SELECTORS["iifname"],
    "ipv4_addr": SELECTORS["ip saddr"],
    "ipv6_addr": SELECTORS["ip6 saddr"],
    "inet_proto": SELECTORS["meta l4proto"],
    "inet_service": SELECTORS["th dport"],
}


def type_of(name: str) -> str:
    """The type of what a selector gives: a set holds values of a type, whichever selector looks them up."""
    known = selector(name)
    for kind, model in _TYPES.items():
        if known.read is model.read or (known.field, known.family) == (model.field, model.family):
            return kind
    kinds = {"ip daddr": "ipv4_addr", "ip6 daddr": "ipv6_addr", "oifname": "ifname", "ip protocol": "inet_proto",
             "ct original ip daddr": "ipv4_addr", "ct original ip6 daddr": "ipv6_addr"}  # fmt: skip
    if name in kinds:
        return kinds[name]
    if name.endswith((" sport", " dport", "proto-dst")):
        return "inet_service"
    raise StrangeError(f"a set of {name}")


@dataclass(frozen=True, eq=False)
class NamedSet:
    """A set or the keys of a map. A dynamic one is filled by packets, so that nothing is known of its elements."""

    name: str
    types: tuple[str, ...]
    low: Numbers
    high: Numbers
    dynamic: bool = False

    @staticmethod
    def of(name: str, types: Sequence[str], elements: Sequence[Sequence[str]], names: Names) -> NamedSet:
        """With its elements as nft writes them. Raises StrangeError."""
        for kind in types:
            if kind not in _TYPES:
                raise StrangeError(f"set {name} of type {kind}")
        lows: list[list[int]] = []
        highs: list[list[int]] = []
        readers = [_TYPES[kind].read for kind in types]
        for element in elements:
            if len(element) != len(readers):
                raise StrangeError(f"element {' . '.join(element)} of set {name}")
            row = [read(text, names) for read, text in zip(readers, element, strict=True)]
            if any(len(found) != 1 for found in row):
                raise StrangeError(f"element {' . '.join(element)} of set {name}")
            lows.append([found[0][0] for found in row])
            highs.append([found[0][1] for found in row])
        kind6 = number_type(6 if "ipv6_addr" in types else 4)
        shape = (len(lows), len(types))
        return NamedSet(
            name, tuple(types), np.array(lows, dtype=kind6).reshape(shape), np.array(highs, dtype=kind6).reshape(shape)
        )

    def lookup(self, names: Sequence[str], *, negated: bool = False) -> tuple[Match, ...]:
        """The conditions of ``names @set``. Raises StrangeError."""
        if self.dynamic:
            raise StrangeError(f"what packets put into set {self.name} is not known")
        if tuple(type_of(name) for name in names) != self.types:
            raise StrangeError(f"{' . '.join(names)} looked up in set {self.name} of {' . '.join(self.types)}")
        selectors: list[Selector] = [selector(name) for name in names]
        return conditions(selectors, Values(tuple(s.field for s in selectors), self.low, self.high), negated=negated)
