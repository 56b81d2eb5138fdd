"""Network namespaces, packets and filters for the two programs that probe: what plain sockets do not offer.

A *space* names a network namespace: ``host`` (the one this program started in), ``container:NAME`` (by the engine on
this host), ``netns:NAME`` (below /run/netns), ``pid:N``.
Probe packets are told from all others by their source port (TCP, UDP) or identifier (ICMP echo) within ``MARKS``.
"""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import json
import os
import resource
import socket
import struct
import time
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple
from urllib.parse import quote

CLONE_NEWNET = 0x40000000
DOCKER_SOCKET = "/var/run/docker.sock"
MARKS = range(61000, 65000)  # above the kernel's own choice of source ports (32768 to 60999)
SO_ATTACH_FILTER = 26
SO_TIMESTAMPNS = 35
SOL_PACKET, PACKET_STATISTICS = 263, 6
ETH_P_ALL, ETH_P_IP, ETH_P_IPV6 = 0x0003, 0x0800, 0x86DD
TCP, UDP, ICMP, ICMP6 = 6, 17, 1, 58
SYN, RST, ACK = 0x02, 0x04, 0x10

_libc = ctypes.CDLL(None, use_errno=True)


class Seen(NamedTuple):
    """The head of a packet. For ICMP echo both ports are its identifier; ``flags`` are TCP's, or the ICMP type."""

    source: str
    destination: str
    protocol: int
    sport: int
    dport: int
    flags: int


class Spaces:
    """Opens namespaces by name and moves this (single-threaded) program between them."""

    def __init__(self, engine: str = DOCKER_SOCKET) -> None:
        self.engine = engine
        self.descriptors: dict[str, int] = {"host": os.open("/proc/self/ns/net", os.O_RDONLY)}
        self.present = "host"

    def _pid(self, container: str) -> int:
        connection = http.client.HTTPConnection("localhost", timeout=10)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(10)
        connection.sock.connect(self.engine)
        connection.request("GET", f"/containers/{quote(container, safe='')}/json")
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if answer.status != 200:
            raise OSError(f"container {container}: {content[:200].decode(errors='replace')}")
        pid = int(json.loads(content)["State"]["Pid"])
        if not pid:
            raise OSError(f"container {container} does not run")
        return pid

    def open(self, space: str) -> int:
        """Descriptor of a namespace. Raises OSError with words when there is none."""
        if space not in self.descriptors:
            kind, _, name = space.partition(":")
            if kind == "container":
                path = f"/proc/{self._pid(name)}/ns/net"
            elif kind == "netns" and "/" not in name:
                path = f"/run/netns/{name}"
            elif kind == "pid":
                path = f"/proc/{int(name)}/ns/net"
            else:
                raise OSError(f"unknown network namespace {space!r}")
            self.descriptors[space] = os.open(path, os.O_RDONLY)
        return self.descriptors[space]

    def enter(self, space: str) -> None:
        """Moves there; sockets made from now on belong to it for their whole life."""
        descriptor = self.open(space)
        if space != self.present:
            if _libc.setns(descriptor, CLONE_NEWNET):
                number = ctypes.get_errno()
                raise OSError(number, f"cannot enter {space}: {os.strerror(number)}")
            self.present = space

    def close(self) -> None:
        """Lets go of all descriptors."""
        for descriptor in self.descriptors.values():
            os.close(descriptor)
        self.descriptors.clear()


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


def _program() -> list[tuple[int, int, int, int]]:
    """Classic BPF over an IP packet: keeps those whose source or destination port lies within MARKS."""
    byte, half, index, half_at, equal, any_bits, at_least, jump, shift, give = (
        0x30, 0x28, 0xB1, 0x48, 0x15, 0x45, 0x35, 0x05, 0x74, 0x06,
    )  # fmt: skip
    # (label, code, value, label when true, label when false); "" is the next line
    lines: list[tuple[str, int, int, str, str]] = [
        ("", byte, 0, "", ""),
        ("", shift, 4, "", ""),
        ("", equal, 6, "six", ""),
        ("", equal, 4, "", "drop"),
        ("", half, 6, "", ""),
        ("", any_bits, 0x1FFF, "drop", ""),  # a later fragment has no ports
        ("", index, 0, "", ""),
        ("", byte, 9, "", ""),
        ("", equal, ICMP, "echo", ""),
        ("", equal, TCP, "ports", ""),
        ("", equal, UDP, "ports", "drop"),
        ("ports", half_at, 0, "", ""),
        ("", at_least, MARKS.start, "", "answer"),
        ("", at_least, MARKS.stop, "answer", "keep"),
        ("answer", half_at, 2, "", ""),
        ("", jump, 0, "range", ""),
        ("echo", half_at, 4, "", ""),
        ("", jump, 0, "range", ""),
        ("six", byte, 6, "", ""),
        ("", equal, ICMP6, "echo6", ""),
        ("", equal, TCP, "ports6", ""),
        ("", equal, UDP, "ports6", "drop"),
        ("ports6", half, 40, "", ""),
        ("", at_least, MARKS.start, "", "answer6"),
        ("", at_least, MARKS.stop, "answer6", "keep"),
        ("answer6", half, 42, "", ""),
        ("", jump, 0, "range", ""),
        ("echo6", half, 44, "", ""),
        ("range", at_least, MARKS.start, "", "drop"),
        ("", at_least, MARKS.stop, "drop", "keep"),
        ("drop", give, 0, "", ""),
        ("keep", give, 0x40000, "", ""),
    ]
    at = {label: number for number, (label, *_) in enumerate(lines) if label}
    program = []
    for number, (_, code, value, true, false) in enumerate(lines):
        if code == jump:
            program.append((code, 0, 0, at[true] - number - 1))
        else:
            distances = [at[label] - number - 1 if label else 0 for label in (true, false)]
            program.append((code, distances[0], distances[1], value))
    return program


def watcher() -> socket.socket:
    """A packet socket on all interfaces of the present namespace: probes and their answers only, in and out."""
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
    _attach(sock, _program())
    sock.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)  # SO_RCVBUFFORCE
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    sock.setblocking(False)
    try:
        while True:  # what came before the filter stood
            sock.recv(1)
    except BlockingIOError:
        return sock


def deliveries() -> list[socket.socket]:
    """Raw sockets that see the probes which the present namespace itself takes in: behind its input rules.

    A watcher sees a packet before it is dropped; these see it only when it was not, even if its answer is held back.
    """
    sockets = []
    for family, protocols in ((socket.AF_INET, (TCP, UDP, ICMP)), (socket.AF_INET6, (TCP, UDP, ICMP6))):
        for protocol in protocols:
            try:
                sock = socket.socket(family, socket.SOCK_RAW, protocol)
            except OSError:
                if family == socket.AF_INET6:
                    continue  # a host without IPv6 takes nothing in by it
                raise
            if family == socket.AF_INET:
                _attach(sock, _program())
            sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            sock.setblocking(False)
            sockets.append(sock)
    return sockets


def delivered(sock: socket.socket, data: bytes, sender: str) -> Seen | None:
    """The head of what a raw socket took in: IPv4 comes with its header, IPv6 without."""
    if sock.family == socket.AF_INET:
        return parse(data)
    at = 4 if sock.proto == ICMP6 else 0
    if len(data) < 8:
        return None
    ports = struct.unpack_from("!HH", data, at)
    if ports[0] not in MARKS:
        return None
    return Seen(sender.partition("%")[0], "", sock.proto, ports[0], ports[1], data[0] if at else 0)


def _attach(sock: socket.socket, program: list[tuple[int, int, int, int]]) -> None:
    text = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in program))
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HL", len(program), ctypes.addressof(text)))


def moment(extra: list[tuple[int, int, bytes]]) -> float:
    """When the kernel saw a packet (seconds of the real-time clock), from what came along with it."""
    for level, kind, data in extra:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS and len(data) >= 16:
            seconds, nanoseconds = struct.unpack_from("qq", data)
            return float(seconds + nanoseconds / 1e9)
    return time.time()


def lost(sock: socket.socket) -> int:
    """Packets that a watcher could not keep, since the last time it was asked."""
    return int(struct.unpack("II", sock.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[1])


def neighbour(gateway: str, seconds: float = 1.0) -> tuple[str, bytes]:
    """Interface and link address of a neighbour, found as the kernel finds it. OSError when it does not answer."""
    address = ip_address(gateway)
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    until = time.monotonic() + seconds
    with socket.socket(family, socket.SOCK_DGRAM) as knock:
        knock.setblocking(False)
        while True:
            for found, index, link, state in _neighbours(family):
                if found == address.packed and link and state & 0xDE:  # not INCOMPLETE, not FAILED
                    return socket.if_indextoname(index), link
            if time.monotonic() > until:
                raise OSError(f"the neighbour {gateway} does not answer")
            with contextlib.suppress(BlockingIOError):
                knock.sendto(b"", (gateway, 9))  # the discard port: makes the kernel ask for the link address
            time.sleep(0.02)


def _neighbours(family: int) -> list[tuple[bytes, int, bytes, int]]:
    """The neighbour table of the present namespace, by rtnetlink(7): address, interface, link address, state."""
    table: list[tuple[bytes, int, bytes, int]] = []
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as sock:
        get_neighbours, request_dump = 30, 0x301
        sock.send(struct.pack("IHHIIBxxxiHBB", 28, get_neighbours, request_dump, 1, 0, family, 0, 0, 0, 0))
        while True:
            data = sock.recv(1 << 18)
            at = 0
            while at + 16 <= len(data):
                length, kind = struct.unpack_from("IH", data, at)
                if kind in (2, 3):  # error, done
                    return table
                index, state = struct.unpack_from("iH", data, at + 20)
                fields: dict[int, bytes] = {}
                attribute = at + 28
                while attribute + 4 <= at + length:
                    size, name = struct.unpack_from("HH", data, attribute)
                    fields[name] = data[attribute + 4 : attribute + size]
                    attribute += (size + 3) & ~3
                table.append((fields.get(1, b""), index, fields.get(2, b""), state))
                at += (length + 3) & ~3


def raise_limits() -> int:
    """As many open files as this user may have; returns their number."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, 65536) if hard != resource.RLIM_INFINITY else 65536
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted
