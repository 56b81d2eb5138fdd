"""Sends probes from the network namespaces of one host, thousands at a time, and says what came back.

A probe is answered, refused (RST, port unreachable), unreachable (another ICMP error, or no route), silent, or an error
of the prober itself. Sockets are made inside the source's namespace and polled together; a probe ``raw`` is a packet
made by hand that goes to a chosen neighbour with a chosen source address, since no kernel would send it so.
"""

from __future__ import annotations

import contextlib
import errno
import select
import socket
import struct
import time
from collections import deque
from typing import Any

from idc.live.agent import spaces, wire
from idc.live.agent.shot import RawSpace, Shot

SPARE_MARKS = range(wire.MARKS.stop - 500, wire.MARKS.stop)
HEAD = 4096  # bytes read of an HTTP answer


def open_shot(shot: Shot) -> None:
    """Makes the socket in the present namespace, bound to its mark, and sends the first packet."""
    wish = shot.wish
    family = socket.AF_INET6 if shot.six else socket.AF_INET
    if shot.protocol in (wire.ICMP, wire.ICMP6):
        sock = socket.socket(family, socket.SOCK_RAW, shot.protocol)
    else:
        sock = socket.socket(family, socket.SOCK_STREAM if shot.protocol == wire.TCP else socket.SOCK_DGRAM)
    sock.setblocking(False)
    shot.sock = sock
    if shot.protocol in (wire.TCP, wire.UDP):
        # Reset at close: no TIME_WAIT, so the mark is free again for the next run.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for mark in (shot.mark, *SPARE_MARKS):
            try:
                sock.bind((shot.source or ("::" if shot.six else "0.0.0.0"), mark))
                shot.mark = mark
                break
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
    with contextlib.suppress(BlockingIOError):
        sock.connect((wish["address"], 0 if shot.protocol in (wire.ICMP, wire.ICMP6) else wish["port"]))
    shot.source = sock.getsockname()[0]
    if shot.protocol != wire.TCP:
        send_again(shot)


def send_again(shot: Shot) -> None:
    """A datagram or echo request (once more)."""
    if shot.sock is None or shot.protocol == wire.TCP:
        return
    try:
        shot.sock.send(b"idc probe" if shot.protocol == wire.UDP else wire.echo(4, shot.mark) if not shot.six else (
            wire.echo(6, shot.mark, socket.inet_pton(socket.AF_INET6, shot.source),
                      socket.inet_pton(socket.AF_INET6, shot.wish["address"]))
        ))  # fmt: skip
    except BlockingIOError:
        pass
    except OSError as error:
        shot.failed(error.errno or 0)


def ready(shot: Shot, events: int) -> bool:
    """Handles what happened at a socket; True when it is to be polled for reading from now on."""
    sock = shot.sock
    if sock is None:
        return False
    number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if number:
        shot.failed(number)
        return False
    if shot.wish["protocol"] == "tcp":
        if events & select.EPOLLOUT or connected(sock):
            shot.end("answered")
        elif events & (select.EPOLLHUP | select.EPOLLERR):
            shot.end("unreachable", "the connection broke")
        return False
    if shot.wish["protocol"] == "http" and not shot.wish.get("asked"):
        if events & select.EPOLLOUT:
            shot.wish["asked"] = True
            lines = [
                f"GET {shot.wish['path']} HTTP/1.1",
                f"Host: {shot.wish['host']}",
                "User-Agent: idc-verify",
                "Accept: */*",
            ]
            sock.send(("\r\n".join([*lines, "Connection: close", "", ""])).encode())
            return True
        return False
    while shot.result is None:  # all that waits: a raw socket sees others' packets too
        try:
            data = sock.recv(HEAD)
        except BlockingIOError:
            return False
        except OSError as error:
            if shot.received:
                http_end(shot)
            else:
                shot.failed(error.errno or 0)
            return False
        take(shot, data)
    return False


def connected(sock: socket.socket) -> bool:
    """True when a connection stands."""
    try:
        sock.getpeername()
    except OSError:
        return False
    return True


def take(shot: Shot, data: bytes) -> None:
    """One piece of an answer."""
    if shot.wish["protocol"] == "http":
        shot.received += data
        if not data or b"\r\n\r\n" in shot.received or len(shot.received) > HEAD:
            http_end(shot)
    elif shot.protocol == wire.UDP or is_reply(shot, data):
        shot.end("answered")


def is_reply(shot: Shot, data: bytes) -> bool:
    """True when a raw socket's packet is the echo reply to this probe (IPv4 comes with its header, IPv6 without)."""
    body = data if shot.six else data[(data[0] & 0xF) * 4 :]
    if len(body) < 8:
        return False
    kind, identifier = body[0], struct.unpack_from("!H", body, 4)[0]
    return kind == (129 if shot.six else 0) and identifier == shot.mark


def http_end(shot: Shot) -> None:
    """The outcome of an HTTP probe: the status of its answer."""
    words = shot.received.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
    if len(words) >= 2 and words[0].startswith("HTTP/") and words[1].isdigit():
        shot.end("answered", " ".join(words), status=int(words[1]))
    else:
        shot.end("answered", "no HTTP answer", status=0)


class Shooter:
    """All probes of one host: a window of them in flight."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.spaces = spaces.Spaces(document.get("engine") or spaces.DOCKER_SOCKET)
        # Sorted by namespace, so that few moves between namespaces are made.
        self.wishes = deque(sorted(document["probes"], key=lambda wish: (wish["space"], wish["id"])))
        self.window = min(int(document.get("window", 2000)), spaces.raise_limits() - 200)
        self.poll = select.epoll()
        self.flying: dict[int, Shot] = {}
        self.raw: dict[str, RawSpace] = {}
        self.raw_flying: list[Shot] = []
        self.shots: list[Shot] = []

    def launch(self, wish: dict[str, Any]) -> None:
        """Sends one probe."""
        shot = Shot(wish)
        self.shots.append(shot)
        try:
            self.spaces.enter(wish["space"])
            if wish.get("gateway"):
                raw = self.raw.get(wish["space"])
                if raw is None:
                    raw = self.raw[wish["space"]] = RawSpace()
                    self.poll.register(raw.replies.fileno(), select.EPOLLIN)
                raw.send(shot)
                self.raw_flying.append(shot)
                return
            open_shot(shot)
        except (OSError, ValueError) as error:
            number = getattr(error, "errno", None) or 0
            if number in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ECONNREFUSED, errno.EACCES, errno.EPERM):
                shot.failed(number)
            else:
                shot.end("error", str(error))
            return
        if shot.sock is not None:
            events = select.EPOLLOUT if shot.protocol == wire.TCP else select.EPOLLIN
            self.flying[shot.sock.fileno()] = shot
            self.poll.register(shot.sock.fileno(), events)

    def sweep(self) -> None:
        """Ends what has waited long enough, and sends once more what may have been lost."""
        now = time.monotonic()
        for descriptor, shot in list(self.flying.items()):
            if shot.result is None and now > shot.until:
                ready(shot, 0)  # on a busy machine an answer may wait although its time is over
                shot.end("silent", "no HTTP answer" if shot.wish.get("asked") else "")
            elif shot.result is None and now > shot.again:
                shot.again = shot.until + 1
                send_again(shot)
            if shot.result is not None:
                del self.flying[descriptor]  # closing has taken it from the poll
        for shot in self.raw_flying:
            if shot.result is None and now > shot.until:
                shot.end("silent")
            elif shot.result is None and now > shot.again:
                shot.again = shot.until + 1
                try:
                    self.raw[shot.wish["space"]].send(shot)
                except OSError as error:
                    shot.end("error", str(error))
        self.raw_flying = [shot for shot in self.raw_flying if shot.result is None]

    def run(self) -> None:
        """Until each probe has its outcome."""
        replies: dict[int, RawSpace] = {}
        swept = time.monotonic()
        while self.wishes or self.flying or self.raw_flying:
            while self.wishes and len(self.flying) + len(self.raw_flying) < self.window:
                self.launch(self.wishes.popleft())
                if len(self.shots) % 200 == 0:
                    break  # look at the answers between
            replies = {raw.replies.fileno(): raw for raw in self.raw.values()}
            for descriptor, events in self.poll.poll(0 if self.wishes else 0.02):
                if descriptor in replies:
                    replies[descriptor].read()
                    continue
                shot = self.flying.get(descriptor)
                if shot is None:
                    continue
                if ready(shot, events):
                    self.poll.modify(descriptor, select.EPOLLIN)
                if shot.result is not None:
                    self.flying.pop(descriptor, None)
            if time.monotonic() - swept > 0.02:
                self.sweep()
                swept = time.monotonic()


def main(document: dict[str, Any]) -> dict[str, Any]:
    """``{"probes": […]}`` -> ``{"results": {id: outcome}, "seconds": …}``."""
    began = time.monotonic()
    shooter = Shooter(document)
    shooter.run()
    return {"results": {shot.id: shot.result for shot in shooter.shots}, "seconds": round(time.monotonic() - began, 3)}
