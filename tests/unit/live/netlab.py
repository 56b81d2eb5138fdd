"""The small centre of ``plans`` as network namespaces: hosts with the rendered rules, containers, people, services.

Nothing of Docker takes part, so it stands within a second. Each namespace's name begins with a prefix of its own.
"""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv6Address

from idc.live.agent.spaces import Spaces
from idc.live.census import Census
from idc.plan.types import Host, Plan
from idc.render.firewall import firewall


def sh(*words: str, text: str | None = None) -> str:
    """Runs a command; its own words are the failure."""
    done = subprocess.run(words, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
    return done.stdout


@dataclass
class Netlab:
    """Namespaces of a plan. A ``Way`` to its hosts, as ``idc.engine.hosts.Hosts`` is to real ones."""

    plan: Plan
    prefix: str = field(default_factory=lambda: f"idcv{os.getpid()}-")
    spaces: list[str] = field(default_factory=list)
    sockets: dict[tuple[str, int], socket.socket] = field(default_factory=dict)
    statuses: dict[int, set[str]] = field(default_factory=dict)  # edge port -> names that it serves

    # -- the way to its hosts ----------------------------------------------------------------------------------------

    def run(
        self,
        host: str,
        command: Sequence[str],
        *,
        input: bytes = b"",  # noqa: A002
        deadline: float = 30.0,
    ) -> subprocess.CompletedProcess[bytes]:
        """A command in a host's namespace."""
        words = ["ip", "netns", "exec", self.name(host), *command]
        return subprocess.run(words, input=input, capture_output=True, timeout=deadline, check=False)

    def rename(self, space: str) -> str:
        """``container:NAME`` as the namespace that stands for it."""
        return f"netns:{self.name(space.removeprefix('container:'))}" if space.startswith("container:") else space

    def name(self, short: str) -> str:
        """Name of a namespace."""
        return f"{self.prefix}{short}"

    # -- building ----------------------------------------------------------------------------------------------------

    def ip(self, space: str, *lines: str) -> None:
        """``ip`` commands inside a namespace, in one go."""
        sh("ip", "-n", self.name(space), "-batch", "-", text="\n".join(lines) + "\n")

    def make(self, space: str) -> None:
        """A namespace with its loopback up."""
        sh("ip", "netns", "add", self.name(space))
        self.spaces.append(space)
        self.ip(space, "link set lo up")

    def join(self, space: str, link: str, bridge_space: str, bridge: str, addresses: Sequence[str]) -> None:
        """A link in a namespace, plugged into a bridge of another."""
        number = len(self.sockets) + sum(map(ord, space + link)) + len(self.spaces)
        port = f"v{number:x}{abs(hash((space, link))) % 0xFFFFFF:06x}"[:15]
        self.ip(
            space,
            f"link add {link} type veth peer name {port} netns {self.name(bridge_space)}",
            f"link set {link} up",
            *(f"addr add {address} dev {link}{' nodad' if ':' in address else ''}" for address in addresses),
        )  # fmt: skip
        self.ip(bridge_space, f"link set {port} master {bridge} up")

    def up(self) -> None:
        """All of it."""
        self.make("switch")
        roles = sorted({interface.role.value for host in self.plan.hosts for interface in host.interfaces})
        self.ip("switch", *(f"link add sw-{role} type bridge forward_delay 0 mcast_snooping 0" for role in roles))
        self.ip("switch", *(f"link set sw-{role} up" for role in roles))
        for host in self.plan.hosts:
            self._host(host)
        for person in Census(self.plan).people.values():
            space = person.place.space.removeprefix("container:")
            self.make(space)
            addresses = [f"{person.address}/24"]
            if six := person.listener.address6:
                addresses.append(f"{IPv6Address(int(six) + 190)}/64")
            self.join(space, "eth0", "switch", f"sw-{person.visibility}", addresses)
        self.load_rules()
        self._serve()

    def load_rules(self) -> None:
        """The rendered rules of each host, as they should be."""
        for host in self.plan.hosts:
            self.rules(host.name, firewall(self.plan, host.name))

    def _host(self, host: Host) -> None:
        self.make(host.name)
        for interface in host.interfaces:
            addresses = [str(interface.address), *([str(interface.address6)] if interface.address6 else [])]
            self.join(host.name, interface.name, "switch", f"sw-{interface.role}", addresses)
        for other in self.plan.hosts:
            if other.name != host.name:
                self.ip(host.name, *(f"route add {block} via {other.address}" for block in other.blocks))
        sysctls = ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"]
        sh("ip", "netns", "exec", self.name(host.name), "sysctl", "-qw", *sysctls)
        for container in self.plan.on(host.name):
            segment = self.plan.segment_by_name[container.segment]
            self.ip(
                host.name,
                f"link add {segment.bridge} type bridge forward_delay 0 mcast_snooping 0",
                f"link set {segment.bridge} up",
                f"addr add {segment.gateway}/28 dev {segment.bridge}",
                *([f"addr add {segment.gateway6}/64 dev {segment.bridge} nodad"] if segment.gateway6 else []),
            )
            space = container.docker_name()
            self.make(space)
            addresses = [f"{container.address()}/28", *([f"{container.address6_a}/64"] if container.address6_a else [])]
            self.join(space, "eth0", host.name, segment.bridge, addresses)
            self.ip(space, f"route add default via {segment.gateway}")
            if segment.gateway6:
                self.ip(space, f"route add default via {segment.gateway6}")

    def _serve(self) -> None:
        """Services where the plan has them: the edge knows its names, the others answer all alike."""
        ports = {listener.target_port for listener in self.plan.listeners}
        self._name()
        spaces = Spaces()
        for container in self.plan.containers:
            spaces.enter(self.rename(f"container:{container.docker_name()}"))
            for port in sorted(ports) if container.image == "edge" else [container.port]:
                if (container.name, port) in self.sockets:
                    continue
                family = socket.AF_INET6 if container.address6_a else socket.AF_INET
                sock = socket.create_server(("", port), family=family, dualstack_ipv6=family == socket.AF_INET6)
                self.sockets[container.name, port] = sock
                names = self.statuses.get(port) if container.image == "edge" else None
                threading.Thread(target=self._answer, args=(sock, names), daemon=True).start()
        spaces.enter("host")
        spaces.close()

    def _answer(self, sock: socket.socket, names: set[str] | None) -> None:
        while True:
            try:
                connection, _ = sock.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection, names), daemon=True).start()

    def _talk(self, connection: socket.socket, names: set[str] | None) -> None:
        with connection:
            try:
                connection.settimeout(5)
                lines = connection.recv(4096).decode("latin-1").split("\r\n")
                host = next((line[6:] for line in lines if line.lower().startswith("host: ")), "")
                status = "200 OK" if names is None or host in names else "421 Misdirected Request"
                connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
            except OSError:
                return

    @contextmanager
    def planned(self, plan: Plan) -> Iterator[None]:
        """The rules and names of another plan with the same hosts and containers, for a while."""
        before, self.plan = self.plan, plan
        self.load_rules()
        self._name()
        try:
            yield
        finally:
            self.plan = before
            self.load_rules()
            self._name()

    def _name(self) -> None:
        """Which names the edge serves, by its ports. The sets are kept: its threads look into them."""
        for listener in self.plan.listeners:
            mine = [vhost for vhost in self.plan.vhosts if vhost.visibility is listener.visibility]
            held = self.statuses.setdefault(listener.target_port, set())
            held.clear()
            held.update(name for vhost in mine for name in vhost.names)

    def rules(self, host: str, *lines: str) -> None:
        """Changes a host's rules, as a hole or its mending."""
        sh("ip", "netns", "exec", self.name(host), "nft", "-f", "-", text="\n".join(lines) + "\n")

    def _close(self, container: str, port: int) -> None:
        sock = self.sockets.pop((container, port))
        sock.shutdown(socket.SHUT_RDWR)
        sock.close()

    @contextmanager
    def stopped(self, container: str) -> Iterator[None]:
        """A container's service taken away for a while."""
        self._close(container, self.plan.container_by_name[container].port)
        try:
            yield
        finally:
            self._serve()

    def down(self) -> None:
        """Leaves nothing behind."""
        for name, port in list(self.sockets):
            self._close(name, port)
        for space in reversed(self.spaces):
            sh("ip", "netns", "del", self.name(space))
