"""Listens and watches on one host while probes fly, and says afterwards where each was seen.

``{"listen": […], "watch": […], "token": …, "seconds": …}`` starts it: the answer comes once every listener and watcher
stands, and a child of its own stays behind. ``{"collect": token}`` fetches what was seen and ends the child. It ends by
itself after its seconds, so nothing is left behind on a host that was not reached again. No file is made: the two meet
at an abstract socket that only the same user may use.

Watching says more than answering does: a packet whose answer is lost has still arrived where it must not.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import struct
import sys
import time
from typing import Any

from idc.live.agent import filters, wire
from idc.live.agent.spaces import DOCKER_SOCKET, Spaces, raise_limits

MAX_KEYS = 200_000


def listener(spaces: Spaces, wish: dict[str, Any]) -> tuple[socket.socket | None, str]:
    """A listening socket in a namespace: ``ours``, ``taken`` (a service is there: just as good), or why not."""
    sock: socket.socket | None = None
    try:
        spaces.enter(wish["space"])
        family = socket.AF_INET6 if ":" in wish["address"] else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM if wish["protocol"] == "tcp" else socket.SOCK_DGRAM)
        sock.setblocking(False)
        if wish["protocol"] == "tcp":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((wish["address"], wish["port"]))
        if wish["protocol"] == "tcp":
            sock.listen(1024)
        return sock, "ours"
    except OSError as error:
        if sock is not None:
            sock.close()
        return None, "taken" if error.errno == 98 else str(error)


class Trails:
    """Where each probe and each answer to one was first seen, and when: ``address protocol mark`` -> places.

    The address is the prober's side: a probe's source, an answer's destination.
    """

    def __init__(self) -> None:
        self.seen: dict[str, dict[str, float]] = {}
        self.answers: dict[str, dict[str, float]] = {}
        self.lost = 0

    def read(self, space: str, sock: socket.socket) -> None:
        """Takes what a watcher holds."""
        for _ in range(4096):
            try:
                data, extra, _flags, address = sock.recvmsg(128, 64)
            except (BlockingIOError, OSError):
                return
            head = wire.parse(data)
            if head is None:
                continue
            echo = head.protocol in (wire.ICMP, wire.ICMP6)
            if echo and head.flags not in (0, 8, 128, 129):
                continue
            moment = filters.moment(extra)
            way = "out" if address[2] == socket.PACKET_OUTGOING else "in"
            if head.flags in (0, 129) if echo else head.sport not in wire.MARKS:
                self.keep(
                    self.answers,
                    f"{head.destination} {head.protocol} {head.dport}",
                    f"{space} {address[0]} {way} {head.source} {head.sport}",
                    moment,
                )
            else:
                self.keep(
                    self.seen,
                    f"{head.source} {head.protocol} {head.sport}",
                    f"{space} {address[0]} {way} {head.destination} {head.dport}",
                    moment,
                )

    def take_in(self, space: str, sock: socket.socket) -> None:
        """Takes what the namespace itself received."""
        for _ in range(4096):
            try:
                data, extra, _flags, address = sock.recvmsg(128, 64)
            except (BlockingIOError, OSError):
                return
            head = filters.delivered(sock, data, str(address[0]))
            if head is None or head.sport not in wire.MARKS:
                continue
            if head.protocol in (wire.ICMP, wire.ICMP6) and head.flags not in (8, 128):
                continue
            key = f"{head.source} {head.protocol} {head.sport}"
            self.keep(
                self.seen, key, f"{space} itself in {head.destination or '-'} {head.dport}", filters.moment(extra)
            )

    def keep(self, kept: dict[str, dict[str, float]], key: str, place: str, moment: float) -> None:
        """Remembers one sight."""
        if key not in kept and len(self.seen) + len(self.answers) >= MAX_KEYS:
            self.lost += 1
        else:
            kept.setdefault(key, {}).setdefault(place, moment)

    def document(self) -> dict[str, Any]:
        """What was seen, each in the order of sight."""
        ordered = [
            {key: sorted(places, key=places.__getitem__) for key, places in kept.items()}
            for kept in (self.seen, self.answers)
        ]
        return {"seen": ordered[0], "answers": ordered[1], "lost": self.lost}


def serve(sock: socket.socket) -> None:
    """Answers at a listener of ours: a word for a connection, an echo for a datagram."""
    for _ in range(1024):
        try:
            if sock.type == socket.SOCK_STREAM:
                connection, _address = sock.accept()
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.close()
            else:
                data, address = sock.recvfrom(2048)
                sock.sendto(data, address)
        except (BlockingIOError, ConnectionError):
            return
        except OSError:
            return


Watchers = list[tuple[str, socket.socket]]


def watch(
    control: socket.socket, listeners: list[socket.socket], watchers: Watchers, inner: Watchers, seconds: float
) -> None:
    """Serves and watches until it is asked for the trails, or its time is over."""
    trails = Trails()
    poll = select.epoll()
    listening = {sock.fileno(): sock for sock in listeners}
    watching = {sock.fileno(): (space, sock) for space, sock in watchers}
    taking = {sock.fileno(): (space, sock) for space, sock in inner}
    for descriptor in (control.fileno(), *listening, *watching, *taking):
        poll.register(descriptor, select.EPOLLIN)
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        for descriptor, _ in poll.poll(min(left, 1.0)):
            if descriptor in listening:
                serve(listening[descriptor])
            elif descriptor in watching:
                trails.read(*watching[descriptor])
            elif descriptor in taking:
                trails.take_in(*taking[descriptor])
            else:
                asked, _address = control.accept()
                uid = struct.unpack("iII", asked.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1]
                if uid != os.getuid():
                    asked.close()
                    continue
                for space, sock in watchers:
                    trails.read(space, sock)
                    trails.lost += filters.lost(sock)
                for space, sock in inner:
                    trails.take_in(space, sock)
                # Whoever has the answer finds nothing left: all is closed before it ends.
                for sock in (control, *listeners, *(sock for _, sock in (*watchers, *inner))):
                    sock.close()
                asked.settimeout(10)
                with asked, asked.makefile("w", encoding="utf-8") as out:
                    json.dump(trails.document(), out)
                return


def start(document: dict[str, Any]) -> dict[str, Any]:
    """Opens everything, leaves a child behind, and says what stands."""
    raise_limits()
    control = socket.socket(socket.AF_UNIX)
    control.bind(f"\0idc-probe-{document['token']}")
    control.listen(4)
    spaces = Spaces(document.get("engine") or DOCKER_SOCKET)
    listeners: list[socket.socket] = []
    states: list[str] = []
    for wish in document["listen"]:
        sock, state = listener(spaces, wish)
        states.append(state)
        if sock is not None:
            listeners.append(sock)
    watchers: Watchers = []
    inner: Watchers = []
    watched: dict[str, str] = {}
    for space in document["watch"]:
        try:
            spaces.enter(space)
            watchers.append((space, filters.watcher()))
            inner += [(space, sock) for sock in filters.deliveries()]
            watched[space] = ""
        except OSError as error:
            watched[space] = str(error)
    spaces.enter("host")
    sys.stdout.flush()
    if os.fork() == 0:
        try:
            os.setsid()
            nothing = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(nothing, descriptor)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            signal.alarm(int(document["seconds"]) + 5)  # even if the loop hangs
            watch(control, listeners, watchers, inner, float(document["seconds"]))
        finally:
            os._exit(0)
    return {"listening": states, "watching": watched}


def collect(token: str) -> dict[str, Any]:
    """What the child saw; it ends. Raises OSError when it is no more."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(20)
        sock.connect(f"\0idc-probe-{token}")
        with sock.makefile("r", encoding="utf-8") as source:
            answer: dict[str, Any] = json.load(source)
    return answer


def main(document: dict[str, Any]) -> dict[str, Any]:
    """Starts, or collects and ends."""
    if "collect" in document:
        return collect(document["collect"])
    return start(document)
