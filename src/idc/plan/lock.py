"""The lock: what was allocated, and so must never move. Pure, but for ``read`` and ``write`` of its folder.

    <centre>/locks/platform.yaml       serial, prefix, hosts with numbers and blocks, services, digests of tenants
    <centre>/locks/tenants/<id>.yaml   a tenant's number, and per site its host, subnets, slots and volumes

A file a tenant, so that two new tenants never meet in one file. The files are JSON below one comment line (which YAML
reads as well): without anchors and tags there is nothing to smuggle in, and 10,000 are read in a second or two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network
from pathlib import Path

from idc.plan.types import Slot


@dataclass(frozen=True)
class HostLock:
    """A host's number and the address blocks that are routed to it."""

    number: int
    blocks: tuple[IPv4Network, ...] = ()


@dataclass(frozen=True)
class SlotLock:
    """The slot in which a container serves, and the digest of what serves there."""

    slot: Slot
    digest: str


@dataclass(frozen=True)
class SiteLock:
    """What a site (or a service) holds. Numbers and volumes rest here after the site itself has gone."""

    host: str
    segments: Mapping[str, IPv4Network]  # "web", "data", "edge" -> subnet
    slots: Mapping[str, SlotLock] = field(default_factory=dict)  # container name -> slot
    volumes: Mapping[str, str] = field(default_factory=dict)  # volume name -> purpose


@dataclass(frozen=True)
class TenantLock:
    """A tenant's number and what its sites hold."""

    number: int
    sites: Mapping[str, SiteLock]


@dataclass(frozen=True)
class Lock:
    """All that is allocated in a centre. ``serial`` grows by one whenever something changes."""

    serial: int = 0
    prefix: IPv4Network | None = None
    hosts: Mapping[str, HostLock] = field(default_factory=dict)
    services: Mapping[str, SiteLock] = field(default_factory=dict)
    tenants: Mapping[str, TenantLock] = field(default_factory=dict)

    @staticmethod
    def read(folder: Path) -> Lock:
        """The lock in a folder; an empty one where there is no folder.

        Raises InputError (all problems, with file and line where possible) when a file is not as idc wrote it or the
        files contradict one another: nothing is ever allocated on top of a lock that was tampered with.
        """
        from idc.plan import lockfiles  # here, so that what is pure does not depend on what reads and writes files

        return lockfiles.read(folder)

    def write(self, folder: Path) -> bool:
        """Write what differs from the folder's files, each file atomically. Returns whether anything was written."""
        from idc.plan import lockfiles

        return lockfiles.write(self, folder)

    def after(self, before: Lock) -> Lock:
        """The lock as the successor of another: with its serial if nothing changed, else with the next one."""
        unchanged = replace(self, serial=before.serial) == before
        return before if unchanged else replace(self, serial=before.serial + 1)

    def with_slots_of(self, before: Lock) -> Lock:
        """The allocation with the slots of another lock: what may be written before containers have moved.

        A run that dies between allocation and takeover must not take the new slot for the serving one.
        """
        tenants = {
            name: replace(
                tenant,
                sites={
                    site: replace(entry, slots=_slots(before.tenants.get(name), site))
                    for site, entry in tenant.sites.items()
                },
            )
            for name, tenant in self.tenants.items()
        }
        services = {
            name: replace(entry, slots=before.services[name].slots if name in before.services else {})
            for name, entry in self.services.items()
        }
        return replace(self, tenants=tenants, services=services).after(before)

    def moved_in(self, other: Lock) -> list[str]:
        """What this lock holds and another one, said to be its successor, lacks or has elsewhere: references, sorted.

        Blocks, sites, segments and volumes are only ever added; the edge may move with its service.
        """
        moved = [
            f"host/{name}"
            for name, host in self.hosts.items()
            if (now := other.hosts.get(name)) is None or now.number != host.number or {*host.blocks} - {*now.blocks}
        ]
        for name, tenant in self.tenants.items():
            after = other.tenants.get(name)
            if after is None or after.number != tenant.number:
                moved.append(f"tenant/{name}")
                continue
            for site, entry in tenant.sites.items():
                held = after.sites.get(site)
                if (
                    held is None
                    or held.host != entry.host
                    or not entry.segments.items() <= held.segments.items()
                    or not entry.volumes.items() <= held.volumes.items()
                ):
                    moved.append(f"tenant/{name}/site/{site}")
        return sorted(moved)

    def free(self, tenant: str) -> Lock:
        """The lock without a tenant: its numbers may be given to others. Only for one whose data is gone."""
        if tenant not in self.tenants:
            return self
        tenants = {name: entry for name, entry in self.tenants.items() if name != tenant}
        return replace(self, tenants=tenants, serial=self.serial + 1)


def _slots(tenant: TenantLock | None, site: str) -> Mapping[str, SlotLock]:
    entry = tenant.sites.get(site) if tenant else None
    return entry.slots if entry else {}
