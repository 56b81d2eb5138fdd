"""The normal form: how the hosts of a fabric forward packets, whoever made their rules, and from wherever it was read.

Made from a plan's rendered files (``from_plan``) or from live snapshots (``from_snapshot``); everything that judges
packets reads only this. What it cannot say is a ``NotUnderstood``, and then no proof holds: never a pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from idc.proof.fields import FAMILIES, Family, Field, number_type
from idc.proof.space import Boxes, Interval, Numbers

Hook = Literal["prerouting", "input", "forward", "output", "postrouting"]
Address = int


@dataclass(frozen=True)
class NotUnderstood:
    """Something that decides about packets and that the model has no words for."""

    where: str  # host and place
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(frozen=True, eq=False)
class Values:
    """A set of values, or of tuples of them: one row a box, one column a field; ends inclusive."""

    fields: tuple[Field, ...]
    low: Numbers
    high: Numbers


@dataclass(frozen=True)
class Match:
    """One condition of a rule. It never holds for the other family when it has one of its own."""

    values: Values
    negated: bool = False
    family: Family | None = None


@dataclass(frozen=True)
class Verdict:
    """What a rule does with a packet that it matches."""

    kind: Literal["accept", "drop", "jump", "goto", "return", "dnat"]
    chain: str = ""  # of jump and goto
    address: Address = 0  # of dnat
    port: int = 0  # of dnat; 0: as it was

    @property
    def ends(self) -> bool:
        """Whether the chain goes no further for the packet."""
        return self.kind != "jump"


@dataclass(frozen=True)
class Rule:
    """A conjunction of matches and at most one verdict; counters, logs and settings that decide nothing are left out.

    ``sometimes`` names a condition that is not in the packet (a rate, a count): then the rule may match or not.
    """

    text: str
    matches: tuple[Match, ...]
    verdict: Verdict | None
    sometimes: Literal["", "rate", "count"] = ""
    unknown: str = ""  # why it is not understood

    @property
    def drops_all(self) -> bool:
        """Whether no packet gets past it."""
        plain = not self.matches and not self.sometimes and not self.unknown
        return plain and self.verdict is not None and self.verdict.kind == "drop"


@dataclass(frozen=True)
class Chain:
    """A chain; a base chain has a hook, a priority and a policy."""

    name: str  # "inet idc forward"
    rules: tuple[Rule, ...]
    hook: Hook | None = None
    kind: Literal["filter", "nat"] = "filter"
    priority: int = 0
    accepts: bool = True  # the policy

    @cached_property
    def closes(self) -> bool:
        """Whether its last rule drops whatever is left. A policy alone does not hold at every moment (limits)."""
        last = self.rules[-1] if self.rules else None
        return last is not None and last.drops_all

    @cached_property
    def decides(self) -> tuple[Rule, ...]:
        """The rules that say what becomes of a packet."""
        return tuple(rule for rule in self.rules if rule.verdict is not None or rule.unknown)


@dataclass(frozen=True)
class Table:
    """A table of one family: chains that may jump to each other."""

    family: Literal["ip", "ip6", "inet"]
    name: str
    chains: Mapping[str, Chain]

    def sees(self, family: Family) -> bool:
        """Whether its chains see packets of a family."""
        return self.family == "inet" or (self.family == "ip") == (family == 4)


@dataclass(frozen=True)
class Link:
    """An interface: what it is, which addresses the host has on it, what stands behind it."""

    name: str
    role: Literal["loopback", "bridge", "uplink", "outside", "other"]
    segment: str = ""  # of a bridge that a segment has
    members: tuple[str, ...] = ()  # containers on a bridge, by name


@dataclass(frozen=True)
class Route:
    """Where packets to some addresses go: to the host itself, out by a link, or nowhere.

    ``links`` has several where it is not known which; the proof then holds for each of them.
    """

    family: Family
    to: Interval
    kind: Literal["local", "forward", "nowhere"]
    links: tuple[str, ...] = ()
    gateway: Address | None = None  # None: the destination itself is on the link
    text: str = ""


@dataclass(frozen=True)
class HostForwarding:
    """One host: links, rules, and routes as a partition of all destinations."""

    name: str
    names: tuple[str, ...]  # of interfaces by number; those that exist first
    links: Mapping[str, Link]
    tables: tuple[Table, ...]
    routes: tuple[Route, ...]  # sorted, disjoint, together everything
    unknown: tuple[NotUnderstood, ...] = ()
    forwards: frozenset[Family] = frozenset({4, 6})
    readable: bool = True  # False: its rules could not be read at all, so that there is nothing to compare

    @cached_property
    def number(self) -> Mapping[str, int]:
        """Interfaces' numbers by name."""
        return {name: number for number, name in enumerate(self.names)}

    @cached_property
    def uplink(self) -> str:
        """The link towards the other hosts; empty where there is none."""
        return next((link.name for link in self.links.values() if link.role == "uplink"), "")

    @cached_property
    def _hooks(self) -> Mapping[tuple[str, Family], tuple[tuple[Table, Chain], ...]]:
        found: dict[tuple[str, Family], list[tuple[Table, Chain]]] = {}
        for table in self.tables:
            for chain in table.chains.values():
                for family in FAMILIES:
                    if chain.hook and table.sees(family):
                        found.setdefault((chain.hook, family), []).append((table, chain))
        return {key: tuple(sorted(chains, key=lambda pair: pair[1].priority)) for key, chains in found.items()}

    def at(self, hook: Hook, family: Family) -> tuple[tuple[Table, Chain], ...]:
        """The base chains of a hook that see a family, in the order in which packets meet them."""
        return self._hooks.get((hook, family), ())

    @cached_property
    def _routes(self) -> Mapping[Family, tuple[tuple[Route, ...], Boxes]]:
        found: dict[Family, tuple[tuple[Route, ...], Boxes]] = {}
        for family in FAMILIES:
            own = tuple(route for route in self.routes if route.family == family)
            rows = [(self.number[link], *route.to) for route in own if route.kind == "forward" for link in route.links]
            table = np.array(rows, dtype=number_type(family)).reshape((-1, 3))
            found[family] = own, Boxes.table(family, (Field.OIF, Field.DADDR), table[:, [0, 1]], table[:, [0, 2]])
        return found

    def routed(self, family: Family) -> Boxes:
        """All (destination, outgoing link) by which something is forwarded."""
        return self._routes[family][1]

    def local(self, family: Family) -> tuple[Interval, ...]:
        """Destinations that the host takes for itself."""
        return tuple(route.to for route in self._routes[family][0] if route.kind == "local")

    def route(self, family: Family, address: Address) -> Route:
        """The route of one destination."""
        return next(route for route in self._routes[family][0] if route.to[0] <= address <= route.to[1])


@dataclass(frozen=True)
class Fabric:
    """All hosts of a fabric, and who has which address on the network between them."""

    hosts: Mapping[str, HostForwarding]
    uplinks: Mapping[Address, str]  # IPv4 address on the uplink -> host
    unknown: tuple[NotUnderstood, ...] = ()
    notes: tuple[str, ...] = field(default=())  # what was taken for granted
