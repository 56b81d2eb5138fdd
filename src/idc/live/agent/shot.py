"""One probe in flight, and the packets made by hand that need no socket of their own."""

from __future__ import annotations

import errno
import os
import socket
import time
from typing import Any

from idc.live.agent import filters, spaces, wire

NUMBERS = {"tcp": wire.TCP, "udp": wire.UDP, "icmp": wire.ICMP, "http": wire.TCP}


class Shot:
    """One probe in flight."""

    def __init__(self, wish: dict[str, Any]) -> None:
        self.wish = wish
        self.id: str = wish["id"]
        self.six = ":" in wish["address"]
        self.protocol = wire.ICMP6 if self.six and wish["protocol"] == "icmp" else NUMBERS[wish["protocol"]]
        self.mark: int = wish["mark"]
        self.source: str = wish.get("source") or ""
        self.sock: socket.socket | None = None
        self.began = time.monotonic()
        self.until = self.began + float(wish["seconds"])
        self.again = self.began + 0.4  # one more try for what has no retransmission of its own
        self.received = b""
        self.result: dict[str, Any] | None = None

    def end(self, state: str, detail: str = "", **more: Any) -> None:
        """Keeps the outcome and lets go of the socket."""
        if self.result is None:
            milliseconds = round((time.monotonic() - self.began) * 1000, 2)
            self.result = {
                "state": state,
                "detail": detail,
                "ms": milliseconds,
                "mark": self.mark,
                "source": self.source,
                "protocol": self.protocol,
                **more,
            }
        if self.sock is not None:
            self.sock.close()
            self.sock = None

    def failed(self, number: int) -> None:
        """The outcome that a socket's error stands for."""
        words = os.strerror(number)
        if number == errno.ECONNREFUSED:
            self.end("refused", words)
        elif number == errno.ECONNRESET:  # only what was open can be reset: an RST to a SYN is a refusal
            self.end("answered", words)
        elif number in (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES, errno.EPERM):
            self.end("unreachable", words)
        elif number == errno.ETIMEDOUT:
            self.end("silent", words)
        else:
            self.end("error", words)


class RawSpace:
    """Hand-made packets out of one namespace, and the answers that come back to it."""

    def __init__(self) -> None:
        self.sending = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        self.replies = filters.watcher()
        self.gateways: dict[str, tuple[str, bytes] | str] = {}
        self.waiting: dict[tuple[int, int], Shot] = {}

    def send(self, shot: Shot) -> None:
        """One packet (once more). Raises OSError when the neighbour does not answer."""
        gateway: str = shot.wish["gateway"]
        if gateway not in self.gateways:
            try:
                self.gateways[gateway] = spaces.neighbour(gateway)
            except OSError as error:
                self.gateways[gateway] = str(error)
        found = self.gateways[gateway]
        if isinstance(found, str):
            raise OSError(found)
        if not shot.source:
            shot.source = self.own_address(gateway)
        service = shot.wish.get("service_port")  # as if from a service: then the mark is the port that it goes to
        ports = (service, shot.mark) if service else (shot.mark, shot.wish["port"])
        data = wire.packet(shot.source, shot.wish["address"], shot.protocol, *ports)
        kind = wire.ETH_P_IPV6 if shot.six else wire.ETH_P_IP
        self.sending.sendto(data, (found[0], kind, 0, 1, found[1]))
        self.waiting[shot.protocol, shot.mark] = shot

    @staticmethod
    def own_address(gateway: str) -> str:
        """The address from which the kernel would speak to a neighbour."""
        family = socket.AF_INET6 if ":" in gateway else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((gateway, 9))
            return str(sock.getsockname()[0])

    def read(self) -> None:
        """Takes the answers that have come."""
        while True:
            try:
                data = self.replies.recv(256)
            except BlockingIOError:
                return
            head = wire.parse(data)
            if head is None:
                continue
            mark = head.dport if head.dport in wire.MARKS else head.sport
            shot = self.waiting.get((head.protocol, mark))
            if shot is None or head.source != shot.wish["address"]:
                continue
            if head.protocol == wire.TCP:
                if head.flags & wire.RST:
                    shot.end("refused", "RST")
                elif head.flags & (wire.SYN | wire.ACK) == wire.SYN | wire.ACK:
                    shot.end("answered", "SYN, ACK")
            elif head.protocol == wire.UDP or head.flags in (0, 129):
                shot.end("answered")
