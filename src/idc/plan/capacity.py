"""What hosts offer, what is set aside on them, and what is left. Nothing is ever overcommitted.

Five percent of every host stay for the host itself: its engine, its agents, SSH, logs and backups on the wire.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from idc.model.types import HostSpec, Quota, Service, SiteSpec
from idc.plan.inputs import Declaration, Problems
from idc.plan.types import Plan, Reservation, Tenant

KEPT_FOR_HOST: Final = 5  # percent
#: Bytes that a volume takes before anybody has put anything there: two releases of a page; a cluster of PostgreSQL
#: (some 40 MiB) with the write-ahead log that it keeps (`min_wal_size`, 80 MiB) and as much again while it works.
LEAST_PAGES: Final = 16 << 20
LEAST_DATABASE: Final = 256 << 20


@dataclass(frozen=True)
class Amount:
    """Cores (in thousandths), memory and disk (bytes), bandwidth (bit/s). Whole numbers, so that sums are exact."""

    cpus: int = 0
    memory: int = 0
    disk: int = 0
    bandwidth: int = 0

    @staticmethod
    def of_quota(quota: Quota) -> Amount:
        """A tenant's whole quota."""
        return Amount(round(quota.cpus * 1000), quota.memory, quota.disk, quota.bandwidth)

    @staticmethod
    def of_reservation(entry: Reservation) -> Amount:
        """What a reservation sets aside."""
        return Amount(round(entry.cpus * 1000), entry.memory, entry.disk, entry.bandwidth)

    @staticmethod
    def of_tenant(tenant: Tenant) -> Amount:
        """A planned tenant's whole quota."""
        return Amount(round(tenant.cpus * 1000), tenant.memory, tenant.disk, tenant.bandwidth)

    @property
    def parts(self) -> tuple[int, int, int, int]:
        """The four numbers."""
        return self.cpus, self.memory, self.disk, self.bandwidth

    def __add__(self, other: Amount) -> Amount:
        return Amount(*(a + b for a, b in zip(self.parts, other.parts, strict=True)))

    def __sub__(self, other: Amount) -> Amount:
        return Amount(*(a - b for a, b in zip(self.parts, other.parts, strict=True)))

    def share(self, part: int, whole: int) -> Amount:
        """``part/whole`` of it, rounded down."""
        return Amount(*(number * part // whole for number in self.parts))

    def fits(self, offered: Amount) -> bool:
        """True when no part of it is above what is offered."""
        return all(a <= b for a, b in zip(self.parts, offered.parts, strict=True))


_SIZES: Final = (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20))
NAMES: Final = ("cpus", "memory", "disk", "bandwidth")


def words(name: str, number: int) -> str:
    """A part of an amount as people write it: ``1.5``, ``60.8GiB``, ``50Mbit/s``, to two decimals."""
    if number == 0:
        return "0"
    if name == "cpus":
        return f"{number / 1000:g}"
    if name == "bandwidth":
        return f"{round(number / 10**6, 2):g}Mbit/s"
    unit, size = next(((u, s) for u, s in _SIZES if number >= s), ("B", 1))
    return f"{round(number / size, 2):g}{unit}"


def offered(spec: HostSpec) -> Amount:
    """What a host offers to tenants and services."""
    whole = Amount(round(spec.cpus * 1000), spec.memory, spec.disk, spec.uplink)
    return whole.share(100 - KEPT_FOR_HOST, 100)


def least_disk(sites: Iterable[SiteSpec]) -> int:
    """The smallest quota of disk (bytes) that holds the volumes of these sites."""
    return sum(LEAST_DATABASE if site.database else LEAST_PAGES for site in sites)


@dataclass(frozen=True)
class HostCapacity:
    """One host: what it offers and what of it is set aside."""

    host: str
    offered: Amount
    used: Amount

    @property
    def free(self) -> Amount:
        """What is left."""
        return self.offered - self.used


def of_plan(plan: Plan) -> tuple[HostCapacity, ...]:
    """All hosts of a plan."""
    used = sums(plan.reservations)
    kept = 100 - KEPT_FOR_HOST
    return tuple(
        HostCapacity(
            host.name,
            Amount(round(host.cpus * 1000), host.memory, host.disk, host.uplink).share(kept, 100),
            used.get(host.name, Amount()),
        )
        for host in plan.hosts
    )


def sums(reservations: Iterable[Reservation]) -> dict[str, Amount]:
    """What is set aside, by host."""
    found: dict[str, list[int]] = {}
    for entry in reservations:
        total = found.setdefault(entry.host, [0, 0, 0, 0])
        for index, number in enumerate(Amount.of_reservation(entry).parts):
            total[index] += number
    return {host: Amount(*numbers) for host, numbers in found.items()}


def check(declaration: Declaration, reservations: Sequence[Reservation], problems: Problems) -> None:
    """Note every host on which more is set aside than it offers, at the tenant that asks for most there."""
    by_host: dict[str, list[Reservation]] = {}
    for entry in reservations:
        by_host.setdefault(entry.host, []).append(entry)
    for host, spec in sorted(declaration.centre.hosts.items()):
        entries = by_host.get(host, [])
        limit, used = offered(spec), sums(entries).get(host, Amount())
        for index, name in enumerate(NAMES):
            if used.parts[index] > limit.parts[index]:
                ask = {entry.owner: Amount.of_reservation(entry).parts[index] for entry in entries}
                _note(problems, host, name, ask, limit.parts[index])
    _check_edge(declaration, reservations, problems)


def _note(problems: Problems, host: str, name: str, ask: Mapping[str, int], limit: int) -> None:
    asked, there = words(name, sum(ask.values())), words(name, limit)
    if asked == there:  # they differ by less than two decimals show
        asked, there = str(sum(ask.values())), str(limit)
    largest = sorted(ask.items(), key=lambda item: (-item[1], item[0]))
    who = ", ".join(f"{owner} {words(name, number)}" for owner, number in largest[:3])
    rest = f" and {len(largest) - 3} more" if len(largest) > 3 else ""
    message = f"host {host} cannot hold what is declared on it: {asked} of {name} asked, {there} offered ({who}{rest})"
    hint = f"lower the quota, or give {host} more {name}: {KEPT_FOR_HOST} % of a host stay for itself"
    tenants = [owner for owner, _ in largest if owner.startswith("tenant/")]
    if tenants:
        problems.in_tenant(tenants[0].removeprefix("tenant/"), ("quota", name), message, hint)
    else:
        problems.in_centre(("hosts", host), message, hint)


def _check_edge(declaration: Declaration, reservations: Sequence[Reservation], problems: Problems) -> None:
    """What the outside asks of tenants on other hosts passes the edge's uplink: a guarantee must fit there too."""
    edge = next(iter(declaration.centre.services.get(Service.EDGE, ())), "")
    if edge not in declaration.centre.hosts:
        return
    limit = offered(declaration.centre.hosts[edge]).bandwidth
    ask: dict[str, int] = {}
    for entry in reservations:
        if entry.host != edge and entry.bandwidth:
            ask[entry.owner] = ask.get(entry.owner, 0) + entry.bandwidth
    if sum(ask.values()) > limit:
        _note(problems, edge, "bandwidth", ask, limit)
