"""Probe packets as bytes: made by hand where no kernel would send them so, and read where they were seen."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

MARKS = range(61000, 65000)  # source ports of probes, above the kernel's own choice (32768 to 60999)
ETH_P_IP, ETH_P_IPV6 = 0x0800, 0x86DD
TCP, UDP, ICMP, ICMP6 = 6, 17, 1, 58
SYN, RST, ACK = 0x02, 0x04, 0x10


class Seen(NamedTuple):
    """The head of a packet. For ICMP echo both ports are its identifier; ``flags`` are TCP's, or the ICMP type."""

    source: str
    destination: str
    protocol: int
    sport: int
    dport: int
    flags: int


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def echo(version: int, identifier: int, source: bytes = b"", destination: bytes = b"") -> bytes:
    """An ICMP echo request; for IPv6 the addresses are needed for its checksum."""
    payload = b"idc probe"
    kind = 8 if version == 4 else 128
    head = struct.pack("!BBHHH", kind, 0, 0, identifier, 1)
    covered = head + payload
    if version == 6:
        covered = source + destination + struct.pack("!II", len(covered), ICMP6) + covered
    return struct.pack("!BBHHH", kind, 0, checksum(covered), identifier, 1) + payload


def packet(source: str, destination: str, protocol: int, sport: int, dport: int) -> bytes:
    """A whole IP packet made by hand: a TCP SYN, a UDP datagram or an ICMP echo request, with any source address."""
    one, other = ip_address(source), ip_address(destination)
    version = one.version
    if protocol in (ICMP, ICMP6):
        body = echo(version, sport, one.packed, other.packed)
    else:
        if protocol == TCP:
            body = struct.pack("!HHIIBBHHH", sport, dport, 1, 0, 5 << 4, SYN, 64240, 0, 0)
            at = 16
        else:
            body = struct.pack("!HHHH", sport, dport, 8 + 9, 0) + b"idc probe"
            at = 6
        length = (
            struct.pack("!BBH", 0, protocol, len(body)) if version == 4 else struct.pack("!II", len(body), protocol)
        )
        body = body[:at] + struct.pack("!H", checksum(one.packed + other.packed + length + body)) + body[at + 2 :]
    if version == 4:
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), sport, 0x4000, 64, protocol, 0)
        whole = head + one.packed + other.packed
        return whole[:10] + struct.pack("!H", checksum(whole)) + whole[12:] + body
    return struct.pack("!IHBB", 6 << 28, len(body), protocol, 64) + one.packed + other.packed + body


def parse(data: bytes) -> Seen | None:
    """The head of an IP packet, or None for what is no probe's kind (later fragments, other protocols)."""
    if len(data) < 28:
        return None
    if data[0] >> 4 == 4:
        if struct.unpack_from("!H", data, 6)[0] & 0x1FFF:
            return None
        source, destination = str(IPv4Address(data[12:16])), str(IPv4Address(data[16:20]))
        protocol, at = data[9], (data[0] & 0xF) * 4
    elif data[0] >> 4 == 6 and len(data) >= 48:
        source, destination = str(IPv6Address(data[8:24])), str(IPv6Address(data[24:40]))
        protocol, at = data[6], 40
    else:
        return None
    if len(data) < at + 8 or protocol not in (TCP, UDP, ICMP, ICMP6):
        return None
    first, second = struct.unpack_from("!HH", data, at)
    if protocol in (ICMP, ICMP6):
        identifier = struct.unpack_from("!H", data, at + 4)[0]
        return Seen(source, destination, protocol, identifier, identifier, data[at])
    flags = data[at + 13] if protocol == TCP and len(data) > at + 13 else 0
    return Seen(source, destination, protocol, first, second, flags)
