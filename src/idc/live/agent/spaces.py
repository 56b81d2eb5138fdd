"""Network namespaces by name, and what can be asked of the kernel inside one.

A *space* names a network namespace: ``host`` (the one this program started in), ``container:NAME`` (by the engine on
this host), ``netns:NAME`` (below /run/netns), ``pid:N``.
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
from ipaddress import ip_address
from urllib.parse import quote

CLONE_NEWNET = 0x40000000
DOCKER_SOCKET = "/var/run/docker.sock"

_libc = ctypes.CDLL(None, use_errno=True)


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


def raise_limits() -> int:
    """As many open files as this user may have; returns their number."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, 65536) if hard != resource.RLIM_INFINITY else 65536
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


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
