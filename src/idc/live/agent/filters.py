"""Sockets that see probes and their answers, and nothing else: told by a filter in the kernel.

Probe packets are known by their source port (TCP, UDP) or identifier (ICMP echo) within ``wire.MARKS``.
"""

from __future__ import annotations

import ctypes
import socket
import struct
import time

from idc.live.agent.wire import ICMP, ICMP6, MARKS, TCP, UDP, Seen, parse

SO_ATTACH_FILTER = 26
SO_TIMESTAMPNS = 35
SO_RCVBUFFORCE = 33
SOL_PACKET, PACKET_STATISTICS = 263, 6
ETH_P_ALL = 0x0003


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
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)  # SO_RCVBUFFORCE
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
