"""A centre of network namespaces: the kernel, the bridges, routes and packet rules of a plan, without any engine.

Each host is a namespace with its segments' bridges; each segment has two members (the container's slots a and b); an
Internet's and a fabric's client sit behind the edge. Needs root. Everything has the prefix ``idct<pid>``.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from ipaddress import IPv4Address
from pathlib import Path
from typing import TypeVar

from idc.plan.types import Host, HostInterface, Plan, Segment
from idc.render import routes

T = TypeVar("T")
LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
PATIENCE = 0.4  # seconds after which a packet counts as dropped


class Namespaces:
    """Namespaces of one plan, by name: hosts, ``<segment>-a``, ``<segment>-b``, ``citizen``, ``employee``."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.prefix = f"idct{os.getpid()}-"
        self.names: list[str] = []

    # -- building -----------------------------------------------------------------------------------------------------

    def build(self) -> None:
        """Make everything; forwarding stays off until rules are loaded."""
        _remove_stale()
        self._add("switch")
        self.ip("switch", "link add switch type bridge", "link set switch up")
        for host in self.plan.hosts:
            self._add(host.name)
            self._pair(host.name, "uplink", "switch", f"u{host.number}")
            self.ip("switch", f"link set u{host.number} master switch up")
            for interface in host.interfaces:
                if interface.role is not HostInterface.UPLINK:
                    self._client(host, interface.role)
                self.ip(
                    host.name, f"addr add {interface.address} dev {interface.name}", f"link set {interface.name} up"
                )
                if interface.address6:
                    self.ip(host.name, f"addr add {interface.address6} dev {interface.name} nodad")
        for segment in self.plan.segments:
            self._segment(segment)
        for host in self.plan.hosts:
            lines = [line for line in routes(self.plan, host.name).splitlines() if not line.startswith("#")]
            self.ip(host.name, *(f"route replace {line}" for line in lines))

    def destroy(self) -> None:
        """Remove everything that was made."""
        for name in self.names:
            subprocess.run(["ip", "netns", "delete", self.prefix + name], check=False, capture_output=True)

    def _add(self, name: str) -> None:
        subprocess.run(["ip", "netns", "add", self.prefix + name], check=True)
        self.names.append(name)
        self.ip(name, "link set lo up")
        self.sysctl(name, "net/ipv4/ip_forward", 0)
        self.sysctl(name, "net/ipv4/conf/all/rp_filter", 1)

    def _pair(self, one: str, link: str, other: str, far: str) -> None:
        self.ip(one, f"link add {link} type veth peer name {far} netns {self.prefix}{other}")

    def _client(self, host: Host, role: HostInterface) -> None:
        name = {HostInterface.INTERNET: "citizen", HostInterface.FABRIC: "employee"}[role]
        interface = next(i for i in host.interfaces if i.role is role)
        self._add(name)
        self._pair(host.name, interface.name, name, "eth0")
        network = interface.address.network
        commands = [f"addr add {network[200]}/{network.prefixlen} dev eth0", "link set eth0 up"]
        commands.append(f"route add default via {interface.address.ip}")
        if interface.address6:
            network6 = interface.address6.network
            commands.append(f"addr add {network6[0x200]}/{network6.prefixlen} dev eth0 nodad")
            commands.append(f"route add ::/0 via {interface.address6.ip}")
        self.ip(name, *commands)

    def _segment(self, segment: Segment) -> None:
        self.ip(
            segment.host,
            f"link add {segment.bridge} type bridge",
            f"addr add {segment.gateway}/{segment.subnet.prefixlen} dev {segment.bridge}",
            f"link set {segment.bridge} up",
        )
        if segment.subnet6:
            self.ip(segment.host, f"addr add {segment.gateway6}/64 dev {segment.bridge} nodad")
        for index, slot in enumerate("ab"):
            name = f"{segment.name}-{slot}"
            port = f"v{int(segment.subnet[2 + index]) & 0xFFFFFF:x}"
            self._add(name)
            self._pair(segment.host, port, name, "eth0")
            self.ip(segment.host, f"link set {port} master {segment.bridge} up")
            self.ip(
                name,
                f"addr add {segment.subnet[2 + index]}/{segment.subnet.prefixlen} dev eth0",
                "link set eth0 up",
                f"route add default via {segment.gateway}",
            )
            if segment.subnet6:
                self.ip(
                    name,
                    f"addr add {segment.subnet6[2 + index]}/64 dev eth0 nodad",
                    f"route add ::/0 via {segment.gateway6}",
                )

    # -- using --------------------------------------------------------------------------------------------------------

    def ip(self, name: str, *commands: str) -> None:
        """Run `ip` commands inside."""
        text = "\n".join(commands)
        done = subprocess.run(
            ["ip", "-n", self.prefix + name, "-batch", "-"], input=text, text=True, capture_output=True, check=False
        )
        assert done.returncode == 0, f"{name}: {text}\n{done.stderr}"

    def run(self, name: str, *argv: str, input: str = "") -> str:  # noqa: A002
        """Run a program inside; its output."""
        done = subprocess.run(
            ["ip", "netns", "exec", self.prefix + name, *argv], input=input, text=True, capture_output=True, check=False
        )
        assert done.returncode == 0, f"{name}: {argv}\n{done.stderr}"
        return done.stdout

    def sysctl(self, name: str, key: str, value: int) -> None:
        """Set a network sysctl inside."""
        self.inside(name, lambda: Path("/proc/sys", key).write_text(str(value)) and None)

    def load(self, host: str, ruleset: str) -> None:
        """Load a rule set and forward as its header says, as idc-firewall does."""
        self.run(host, "nft", "-f", "-", input=ruleset)
        families = next(line for line in ruleset.splitlines() if line.startswith("# forwarding:")).split()[2:]
        self.sysctl(host, "net/ipv4/ip_forward", int("ipv4" in families))
        self.sysctl(host, "net/ipv6/conf/all/forwarding", int("ipv6" in families))
        self.sysctl(host, "net/bridge/bridge-nf-call-iptables", 1)
        self.sysctl(host, "net/bridge/bridge-nf-call-ip6tables", 1)

    def inside(self, name: str, work: Callable[[], T]) -> T:
        """Run a function in a thread inside the namespace. Sockets that it makes belong there for good."""
        result: list[T] = []
        failure: list[BaseException] = []

        def body() -> None:
            try:
                with Path("/run/netns", self.prefix + name).open() as file:
                    if LIBC.setns(file.fileno(), CLONE_NEWNET):
                        raise OSError(ctypes.get_errno(), f"setns {name}")
                result.append(work())
            except BaseException as error:
                failure.append(error)

        thread = threading.Thread(target=body)
        thread.start()
        thread.join()
        if failure:
            raise failure[0]
        return result[0]

    @contextmanager
    def listening(self, name: str, port: int) -> Iterator[socket.socket]:
        """A TCP listener on all addresses, both families."""

        def work() -> socket.socket:
            listener = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            listener.bind(("::", port))
            listener.listen(16)
            listener.settimeout(2)
            return listener

        with self.inside(name, work) as listener:
            yield listener

    def connect(self, name: str, address: str, port: int, patience: float = PATIENCE) -> socket.socket | None:
        """A TCP connection from inside, or None when nothing answered. A refusal is an answer and raises."""

        def work() -> socket.socket | None:
            client = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
            client.settimeout(patience)
            try:
                client.connect((address, port))
            except (TimeoutError, OSError) as error:
                client.close()
                if isinstance(error, ConnectionRefusedError):
                    raise
                return None
            return client

        return self.inside(name, work)

    def sniff(self, name: str, link: str = "eth0") -> socket.socket:
        """A socket that sees every frame that comes in on a link."""

        def work() -> socket.socket:
            sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0003))
            sniffer.bind((link, 0x0003))
            sniffer.settimeout(PATIENCE)
            return sniffer

        return self.inside(name, work)

    def send_frame(self, name: str, link: str, to: bytes, packet: bytes) -> None:
        """Send a whole packet, of either family, to a link-layer address: past the sender's own routes and rules."""

        def work() -> None:
            with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0) as sender:
                sender.sendto(packet, (link, 0x0800 if packet[0] >> 4 == 4 else 0x86DD, 0, 0, to))

        self.inside(name, work)

    def hardware(self, name: str, link: str) -> bytes:
        """The link-layer address of a link."""
        shown = json.loads(self.run(name, "ip", "-j", "link", "show", "dev", link))
        return bytes.fromhex(shown[0]["address"].replace(":", ""))

    def send_raw(self, name: str, packet: bytes) -> None:
        """Send a whole IPv4 packet, routed by its destination. The sender's own rules may refuse it."""

        def work() -> None:
            with (
                suppress(PermissionError),
                socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as sender,
            ):
                sender.sendto(packet, (str(IPv4Address(packet[16:20])), 0))

        self.inside(name, work)


def arrives(sniffer: socket.socket, marker: bytes) -> bool:
    """True when an incoming packet holds the marker. Waits until nothing more comes."""
    try:
        while True:
            packet, origin = sniffer.recvfrom(65535)
            if origin[2] != socket.PACKET_OUTGOING and marker in packet:
                return True
    except TimeoutError:
        return False


def _remove_stale() -> None:
    """Remove what a killed run of these tests left behind."""
    names = [path.name for path in Path("/run/netns").glob("idct*-*")] if Path("/run/netns").is_dir() else []
    for name in names:
        if not Path("/proc", name[4:].split("-")[0]).exists():
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)
