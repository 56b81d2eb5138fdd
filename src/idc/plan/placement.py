"""On which host a new site lands: the one with most room, the same for all sites of a tenant unless they do not fit.

Room is what is left of the scarcest of cores, memory, disk and bandwidth. What the lock has placed is never moved.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping

from idc.plan.capacity import Amount


class Room:
    """What is still free on the hosts while sites are placed."""

    def __init__(self, offered: Mapping[str, Amount]) -> None:
        self._offered = offered
        self._used = {host: Amount() for host in offered}
        self._heaps: dict[frozenset[str], list[tuple[float, str]]] = {}

    def take(self, host: str, amount: Amount) -> None:
        """Set something aside on a host, whether it fits or not (what is placed stays; the check comes later)."""
        if host in self._used:
            self._used[host] += amount

    def fits(self, host: str, amount: Amount) -> bool:
        """True when the host has room for it."""
        return (self._used[host] + amount).fits(self._offered[host])

    def free(self, host: str) -> Amount:
        """What is left on a host."""
        return self._offered[host] - self._used[host]

    def _load(self, host: str) -> float:
        """Share of the scarcest part that is used."""
        pairs = zip(self._used[host].parts, self._offered[host].parts, strict=True)
        return max(used / whole if whole else 1.0 for used, whole in pairs)

    def best(self, hosts: frozenset[str], amount: Amount, *, prefer: Iterable[str] = ()) -> str | None:
        """The host for it: the first preferred one with room, else the least loaded one (ties by name), or None."""
        for host in prefer:
            if host in hosts and self.fits(host, amount):
                return host
        heap = self._heaps.get(hosts)
        if heap is None:
            heap = self._heaps[hosts] = [(self._load(host), host) for host in sorted(hosts)]
            heapq.heapify(heap)
        full: list[tuple[float, str]] = []
        chosen: str | None = None
        while heap:
            load, host = heap[0]
            now = self._load(host)
            if now != load:  # something was set aside here since the entry was made
                heapq.heapreplace(heap, (now, host))
            elif self.fits(host, amount):
                chosen = host
                break
            else:
                full.append(heapq.heappop(heap))
        for entry in full:
            heapq.heappush(heap, entry)
        return chosen
