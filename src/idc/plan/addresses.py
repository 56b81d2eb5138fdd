"""How a prefix is cut: blocks for hosts, /28 segments in them, two address slots a container, the uplink's /24.

    prefix 10.64.0.0/13    blocks of min(24, 13 + 7) = /20; the last one is kept back, its last /24 is the uplink's
    block  10.64.16.0/20   routed to one host; its segments are the /28 in it
    segment /28            .0 network, .1 gateway, container i has .2+2i (slot a) and .3+2i (slot b)

All in whole numbers: a centre has tens of thousands of segments, and ``ipaddress`` is slow where it iterates.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

SEGMENT_LENGTH: Final = 28
SEGMENT_SIZE: Final = 1 << (32 - SEGMENT_LENGTH)
BLOCKS_BITS: Final = 7  # a prefix is cut into 128 blocks where it is large enough
HOSTS: Final = 253  # addresses in the uplink's /24, without the machine's own .254
TENANTS: Final = 65_000  # HTB minor numbers are 16 bits; a few are the platform's


@dataclass(frozen=True)
class Layout:
    """A prefix cut into blocks."""

    first: int
    last: int  # of the prefix, inclusive
    block_length: int
    hosts: int = HOSTS
    tenants: int = TENANTS

    @staticmethod
    def of(prefix: IPv4Network) -> Layout | None:
        """The layout of a prefix, or None when it is too small for an uplink and one block."""
        if prefix.prefixlen > 23:
            return None
        length = min(24, prefix.prefixlen + BLOCKS_BITS)
        return Layout(int(prefix.network_address), int(prefix.broadcast_address), length)

    @property
    def block_size(self) -> int:
        """Addresses in a block."""
        return 1 << (32 - self.block_length)

    @property
    def blocks(self) -> range:
        """First addresses of all blocks that hosts can get: all but the last, where the uplink is."""
        return range(self.first, self.last + 1 - self.block_size, self.block_size)

    def is_block(self, block: IPv4Network) -> bool:
        """True when it is one of the blocks that hosts can get."""
        return block.prefixlen == self.block_length and int(block.network_address) in self.blocks

    def block_start(self, address: int) -> int:
        """First address of the block that an address is in."""
        return address & ~(self.block_size - 1)


class Addresses:
    """Hands out segments: the lowest free /28 of the host's blocks, and a new block where these are full."""

    def __init__(self, layout: Layout, blocks: Mapping[str, Iterable[IPv4Network]], taken: Iterable[IPv4Network]):
        self._layout = layout
        self._blocks = {host: [int(b.network_address) for b in held] for host, held in blocks.items()}
        self._taken = {int(subnet.network_address) for subnet in taken}
        held = {start for starts in self._blocks.values() for start in starts}
        self._free_blocks = iter([start for start in layout.blocks if start not in held])
        self._cursor: dict[str, tuple[int, int]] = {}  # host -> (index of its block, next address to try)

    def segment(self, host: str) -> IPv4Network | None:
        """The next segment of a host, or None when the prefix has no block left."""
        blocks = self._blocks.setdefault(host, [])
        index, address = self._cursor.get(host, (0, blocks[0] if blocks else 0))
        while True:
            if index == len(blocks):
                start = next(self._free_blocks, None)
                if start is None:
                    return None
                blocks.append(start)
                address = start
            end = blocks[index] + self._layout.block_size
            while address < end and address in self._taken:
                address += SEGMENT_SIZE
            if address < end:
                self._cursor[host] = (index, address + SEGMENT_SIZE)
                return IPv4Network((address, SEGMENT_LENGTH))
            index += 1
            address = blocks[index] if index < len(blocks) else 0

    def blocks(self, host: str) -> tuple[IPv4Network, ...]:
        """The blocks of a host, in the order in which it got them."""
        return tuple(IPv4Network((start, self._layout.block_length)) for start in self._blocks.get(host, ()))


def uplink(prefix: IPv4Network) -> IPv4Network:
    """The network between the hosts of a lab: the prefix's last /24."""
    return IPv4Network((int(prefix.broadcast_address) & ~0xFF, 24))


def slots(subnet: IPv4Network, index: int = 0) -> tuple[IPv4Address, IPv4Address]:
    """The two addresses of a segment's container."""
    first = int(subnet.network_address) + 2 + 2 * index
    return IPv4Address(first), IPv4Address(first + 1)


def slots6(subnet: IPv6Network, index: int = 0) -> tuple[IPv6Address, IPv6Address]:
    """The two IPv6 addresses of a segment's container."""
    first = int(subnet.network_address) + 2 + 2 * index
    return IPv6Address(first), IPv6Address(first + 1)


def slots_network(subnet: IPv4Network, index: int = 0) -> IPv4Network:
    """Both slots of a container as one network: they are aligned as a /31."""
    return IPv4Network((int(subnet.network_address) + 2 + 2 * index, 31))


def unique_local(prefix: IPv4Network, segment: str) -> IPv6Network:
    """The segment's IPv6 /64: unique local (RFC 4193), its global id from the prefix, its subnet id from the name."""
    global_id = hashlib.sha256(f"idc {prefix}".encode()).digest()[:5]
    subnet_id = hashlib.sha256(f"idc {prefix} {segment}".encode()).digest()[:2]
    return IPv6Network((b"\xfd" + global_id + subnet_id + bytes(8), 64))


def bridge(subnet: IPv4Network) -> str:
    """Linux name of a segment's bridge: its subnet in hex, since 15 characters are all that Linux takes."""
    return f"br-{int(subnet.network_address):08x}"


def without(excluded: Iterable[IPv4Network]) -> tuple[IPv4Network, ...]:
    """All of IPv4 but what is excluded, as the fewest networks, in order."""
    spans = sorted((int(net.network_address), int(net.broadcast_address)) for net in excluded)
    found: list[IPv4Network] = []
    position = 0
    for first, last in [*spans, (1 << 32, 1 << 32)]:
        while position < first:
            size = position & -position or 1 << 32
            while position + size > first:
                size >>= 1
            found.append(IPv4Network((position, 33 - size.bit_length())))
            position += size
        position = max(position, last + 1)
    return tuple(found)
