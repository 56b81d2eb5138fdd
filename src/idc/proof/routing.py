"""Routes as a partition of all destinations: the longest prefix wins, what is the host's own goes first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from idc.proof.fields import ADDRESS_MOST, Family
from idc.proof.forwarding import Route
from idc.proof.space import Interval


@dataclass(frozen=True)
class Prefix:
    """A route before the longest prefix is looked for. ``rank`` goes before length: the local table is asked first."""

    family: Family
    to: Interval
    kind: Literal["local", "forward", "nowhere"]
    links: tuple[str, ...] = ()
    gateway: int | None = None
    text: str = ""
    rank: int = 1  # 0: the local table

    @property
    def order(self) -> tuple[int, int]:
        """Sorts the winner first."""
        return self.rank, self.to[1] - self.to[0]


def partition(family: Family, prefixes: Iterable[Prefix]) -> tuple[Route, ...]:
    """Disjoint routes in order, with what no route leads to as ``nowhere``."""
    most = ADDRESS_MOST[family]
    found = [prefix for prefix in prefixes if prefix.family == family]
    found.append(Prefix(family, (0, most), "nowhere", text="no route", rank=9))
    found.sort(key=lambda prefix: prefix.order)
    # From the strongest to the weakest: each takes what is still free. Free space is a sorted list of intervals.
    cuts = sorted({0, most + 1, *(p.to[0] for p in found), *(p.to[1] + 1 for p in found)})
    position = {cut: number for number, cut in enumerate(cuts)}
    following = list(range(len(cuts)))  # the next piece that is still free, at or after each

    def free(piece: int) -> int:
        root = piece
        while following[root] != root:
            root = following[root]
        while following[piece] != root:
            following[piece], piece = root, following[piece]
        return root

    owner: list[Prefix | None] = [None] * (len(cuts) - 1)
    for prefix in found:
        piece, end = free(position[prefix.to[0]]), position[prefix.to[1] + 1]
        while piece < end:
            owner[piece] = prefix
            following[piece] = piece + 1
            piece = free(piece)
    routes: list[Route] = []
    for piece, winner in enumerate(owner):
        assert winner is not None  # the last one leads everywhere
        interval = (cuts[piece], cuts[piece + 1] - 1)
        if routes and piece and owner[piece - 1] is winner:
            routes[-1] = replace(routes[-1], to=(routes[-1].to[0], interval[1]))
        else:
            routes.append(Route(family, interval, winner.kind, winner.links, winner.gateway, winner.text))
    return tuple(routes)
