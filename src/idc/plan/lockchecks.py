"""Whether a lock holds together: every name, number, subnet and volume in it is one that idc could have written there.

What stands in a lock becomes names of containers, volumes and stacks, so none of it is taken on trust.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Protocol

from idc.model.enums import Service
from idc.model.text import NAME
from idc.plan.addresses import SEGMENT_LENGTH, Layout
from idc.plan.lock import Lock, SiteLock

PLATFORM: Final = "platform.yaml"
SITE_SEGMENTS: Final = frozenset({"web", "data"})
SERVICE_SEGMENTS: Final = frozenset({"edge"})
SITE_CONTAINERS: Final = frozenset({"web", "app", "database"})
PURPOSES: Final = frozenset({"content", "database"})

_NAME = re.compile(NAME)
_DIGEST = re.compile(r"[0-9a-f]{16}")


class Refuse(Protocol):
    """Notes a problem in a file, at the first line that holds ``needle``."""

    def __call__(self, file: str, message: str, needle: str = "") -> None:
        """Note it."""


def tenant_file(tenant: str) -> str:
    """A tenant's file below the lock's folder."""
    return f"tenants/{tenant}.yaml"


def check(lock: Lock, refuse: Refuse) -> None:
    """Note every contradiction within and between the files."""
    assert lock.prefix is not None  # platform.yaml has one, or its reading failed
    if lock.serial < 1:
        refuse(PLATFORM, f"serial {lock.serial} is out of range", '"serial"')
    layout = Layout.of(lock.prefix)
    if layout is None:
        refuse(PLATFORM, f"prefix {lock.prefix} is too small", f'"{lock.prefix}"')
        return
    _hosts(lock, layout, refuse)
    _numbers(lock, layout, refuse)
    for name, service in lock.services.items():
        if name not in list(Service):
            refuse(PLATFORM, f"there is no service {name!r}", f'"{name}"')
        _names(PLATFORM, service, f"service {name}", refuse, {name}, SERVICE_SEGMENTS, {})
    for name, tenant in lock.tenants.items():
        for site, entry in tenant.sites.items():
            if not _NAME.fullmatch(site):
                refuse(tenant_file(name), f"{site!r} is no site's name", '"sites"')
                continue
            prefix = f"{name}-{site}"
            containers = {f"{prefix}-{kind}" for kind in SITE_CONTAINERS}
            volumes = {f"{prefix}-{purpose}": purpose for purpose in PURPOSES}
            _names(tenant_file(name), entry, f"site {site}", refuse, containers, SITE_SEGMENTS, volumes)
    _subnets(lock, layout, refuse)


def _names(
    file: str,
    entry: SiteLock,
    owner: str,
    refuse: Refuse,
    containers: set[str],
    segments: frozenset[str],
    volumes: dict[str, str],
) -> None:
    """What a site or service holds carries its own name: another's volume would be another's data."""
    for zone in entry.segments:
        if zone not in segments:
            refuse(file, f"{owner} has no segment {zone!r}", f'"{zone}"')
    for container, slot in entry.slots.items():
        if container not in containers:
            refuse(file, f"{container!r} is no container of {owner}", f'"{container}"')
        if not _DIGEST.fullmatch(slot.digest):
            refuse(file, f"{slot.digest!r} is no digest of a container", f'"{slot.digest}"')
    for volume, purpose in entry.volumes.items():
        if volume not in volumes:
            refuse(file, f"{volume!r} is no volume of {owner}", f'"{volume}"')
        elif volumes[volume] != purpose:
            refuse(file, f"volume {volume} is not for {purpose!r}", f'"{volume}"')


def _numbers(lock: Lock, layout: Layout, refuse: Refuse) -> None:
    numbers: dict[int, str] = {}
    for name, tenant in lock.tenants.items():
        if not 1 <= tenant.number <= layout.tenants:
            refuse(tenant_file(name), f"number {tenant.number} is out of range", '"number"')
        other = numbers.setdefault(tenant.number, name)
        if other != name:
            refuse(tenant_file(name), f"number {tenant.number} is tenant {other}'s", '"number"')


def _subnets(lock: Lock, layout: Layout, refuse: Refuse) -> None:
    holders: dict[int, tuple[str, str]] = {}
    for file, owner, entry in _entries(lock):
        blocks = lock.hosts[entry.host].blocks if entry.host in lock.hosts else None
        if blocks is None:
            refuse(file, f"{owner} is on host {entry.host!r}, which the platform's file does not know", entry.host)
            continue
        starts = {int(block.network_address) for block in blocks}
        for zone, subnet in entry.segments.items():
            text, first = f'"{subnet}"', int(subnet.network_address)
            if subnet.prefixlen != SEGMENT_LENGTH or layout.block_start(first) not in starts:
                refuse(file, f"subnet {subnet} of {owner} is in no block of host {entry.host}", text)
            other = holders.setdefault(first, (owner, zone))
            if other != (owner, zone):
                refuse(file, f"subnet {subnet} of {owner} overlaps one of {other[0]}", text)


def _entries(lock: Lock) -> Iterator[tuple[str, str, SiteLock]]:
    for name, service in lock.services.items():
        yield PLATFORM, f"service/{name}", service
    for name, tenant in lock.tenants.items():
        for site, entry in tenant.sites.items():
            yield tenant_file(name), f"tenant/{name}/site/{site}", entry


def _hosts(lock: Lock, layout: Layout, refuse: Refuse) -> None:
    numbers: dict[int, str] = {}
    blocks: dict[int, str] = {}
    for name, host in lock.hosts.items():
        if not _NAME.fullmatch(name):
            refuse(PLATFORM, f"{name!r} is no host's name", '"hosts"')
        if not 1 <= host.number <= layout.hosts:
            refuse(PLATFORM, f"number {host.number} of host {name} is out of range", f'"{name}"')
        other = numbers.setdefault(host.number, name)
        if other != name:
            refuse(PLATFORM, f"number {host.number} of host {name} is host {other}'s", f'"{name}"')
        for block in host.blocks:
            start = int(block.network_address)
            if not layout.is_block(block):
                refuse(PLATFORM, f"{block} of host {name} is no block of the prefix", f'"{block}"')
            other = blocks.setdefault(start, name)
            if other != name or host.blocks.count(block) > 1:
                refuse(PLATFORM, f"block {block} of host {name} is host {other}'s", f'"{block}"')
