"""Packets made by hand, from their IP header on."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address


def ipv4(source: str, destination: str, protocol: int, payload: bytes) -> bytes:
    """An IPv4 packet."""
    head = struct.pack(
        "!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0x1D0C, 0, 64, protocol, 0,
        IPv4Address(source).packed, IPv4Address(destination).packed,
    )  # fmt: skip
    return head[:10] + checksum(head) + head[12:] + payload


def udp(source: str, sport: int, destination: str, dport: int, payload: bytes) -> bytes:
    """A UDP packet without a checksum."""
    return ipv4(source, destination, 17, struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload)


def tcp(source: str, sport: int, destination: str, dport: int, payload: bytes = b"", flags: int = 0x02) -> bytes:
    """A TCP packet, by default a SYN; its payload marks it."""
    segment = struct.pack("!HHIIBBHHH", sport, dport, 1, 0, 0x50, flags, 1024, 0, 0) + payload
    pseudo = IPv4Address(source).packed + IPv4Address(destination).packed + struct.pack("!BBH", 0, 6, len(segment))
    return ipv4(source, destination, 6, segment[:16] + checksum(pseudo + segment) + segment[18:])


def icmp_error(source: str, destination: str, code: int, cause: bytes) -> bytes:
    """An ICMP destination-unreachable that quotes a packet (with whatever it carries)."""
    body = struct.pack("!BBHI", 3, code, 0, 1400 if code == 4 else 0) + cause
    return ipv4(source, destination, 1, body[:2] + checksum(body) + body[4:])


def checksum(data: bytes) -> bytes:
    """The Internet checksum (RFC 1071)."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF)


def tcp6(source: str, sport: int, destination: str, dport: int, payload: bytes = b"") -> bytes:
    """A TCP SYN of IPv6; its payload marks it."""
    segment = struct.pack("!HHIIBBHHH", sport, dport, 1, 0, 0x50, 0x02, 1024, 0, 0) + payload
    return ipv6(source, destination, 6, segment, 16)


def neighbour_solicitation(source: str, destination: str, target: str, hardware: bytes) -> bytes:
    """Who has the target? Asked by the source, which says its own link-layer address (RFC 4861)."""
    body = struct.pack("!BBHI", 135, 0, 0, 0) + IPv6Address(target).packed + b"\1\1" + hardware
    return ipv6(source, destination, 58, body, 2, hops=255)


def ipv6(source: str, destination: str, protocol: int, payload: bytes, checksum_at: int, hops: int = 64) -> bytes:
    """An IPv6 packet; the checksum of what it carries is put at this place."""
    ends = IPv6Address(source).packed + IPv6Address(destination).packed
    found = checksum(ends + struct.pack("!II", len(payload), protocol) + payload)
    payload = payload[:checksum_at] + found + payload[checksum_at + 2 :]
    return struct.pack("!IHBB", 6 << 28, len(payload), protocol, hops) + ends + payload
