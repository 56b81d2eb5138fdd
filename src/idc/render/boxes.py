"""Flows as disjoint boxes: what an nft concatenated interval set takes.

The kernel refuses a set whose elements overlap in part, and `auto-merge` does not exist for concatenations. So what
several flows say twice is said once: the union stays exactly the same, no box overlaps another.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, collapse_addresses
from typing import NamedTuple


class Box(NamedTuple):
    """All packets from one network to another with one protocol and one destination port."""

    source: IPv4Network
    destination: IPv4Network
    protocol: str
    port: int


def disjoint(boxes: Iterable[Box]) -> list[Box]:
    """The same union of packets in boxes that do not overlap, sorted.

    Networks nest or are apart. So it is enough to take from each source what a wider source already reaches.
    """
    by_port: dict[tuple[str, int], dict[IPv4Network, set[IPv4Network]]] = defaultdict(lambda: defaultdict(set))
    for box in boxes:
        by_port[box.protocol, box.port][box.source].add(box.destination)
    found: list[Box] = []
    for (protocol, port), reach in by_port.items():
        lengths = sorted({source.prefixlen for source in reach})
        for source, destinations in reach.items():
            covered: set[IPv4Network] = set()
            for length in lengths:
                if length >= source.prefixlen:
                    break
                covered |= reach.get(source.supernet(new_prefix=length), set())
            left = _subtract(collapse(destinations), collapse(covered)) if covered else collapse(destinations)
            found.extend(Box(source, destination, protocol, port) for destination in left)
    return sorted(found)


def collapse(networks: Iterable[IPv4Network]) -> list[IPv4Network]:
    """The same addresses in the fewest networks, sorted."""
    distinct = set(networks)
    return list(distinct) if len(distinct) == 1 else list(collapse_addresses(distinct))


def _subtract(networks: Sequence[IPv4Network], holes: Sequence[IPv4Network]) -> list[IPv4Network]:
    """The networks without the holes."""
    for hole in holes:
        kept: list[IPv4Network] = []
        for network in networks:
            if not network.overlaps(hole):
                kept.append(network)
            elif hole.prefixlen > network.prefixlen:
                kept.extend(network.address_exclude(hole))
        networks = kept
    return sorted(networks)
