"""The router of ``dice`` in the kernel: a network namespace with three links, and packets that are made by hand.

Every packet has an IPv4 identification of its own, and two chains behind all others note which of them came through.
"""

from __future__ import annotations

import os
import re
import socket
import struct
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from idc.live.agent.spaces import Spaces
from idc.proof.fields import ICMP, TCP, Ct
from idc.proof.walk import Packet
from tests.proof.dice import HOSTS, LINKS

SEEN = """\
table inet seen {
	set forwarded { typeof ip id . ip daddr . th dport; size 65535; flags dynamic; }
	set delivered { typeof ip id . ip daddr . th dport; size 65535; flags dynamic; }
	chain after { type filter hook postrouting priority 300; policy accept;
		iifname { "n0", "n1", "n2" } add @forwarded { ip id . ip daddr . th dport }
	}
	chain own { type filter hook input priority 300; policy accept;
		add @delivered { ip id . ip daddr . th dport }
	}
}
"""

# A rule that looks at connections is what makes the kernel keep them.
TRACKED = """\
table inet tracked {
	chain arriving { type filter hook input priority 200; policy accept;
		ct state new accept
	}
	chain passing { type filter hook forward priority 200; policy accept;
		ct state new accept
	}
}
"""


def run(*words: str, text: str | None = None) -> str:
    """A command; its own words are the failure."""
    done = subprocess.run(words, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
    return done.stdout


@dataclass
class Router:
    """Two namespaces: the router, and the world behind each of its links."""

    name: str = field(default_factory=lambda: f"idcp{os.getpid()}")
    sockets: dict[str, socket.socket] = field(default_factory=dict)
    macs: dict[str, bytes] = field(default_factory=dict)

    def up(self) -> None:
        """Both namespaces, joined."""
        router, world = self.name, f"{self.name}w"
        for space in (router, world):
            run("ip", "netns", "add", space)
        lines = ["link set lo up"]
        for number, link in enumerate(LINKS):
            lines += [f"link add {link} type veth peer name w{number} netns {world}",
                      f"addr add 10.9.{number}.1/24 dev {link}", f"link set {link} up"]  # fmt: skip
        run("ip", "-n", router, "-batch", "-", text="\n".join(lines) + "\n")
        run("ip", "-n", world, "-batch", "-", text="".join(f"link set w{number} up\n" for number in range(3)))
        settings = ["net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0",
                    "net.ipv4.conf.all.send_redirects=0", "net.netfilter.nf_conntrack_tcp_loose=0",
                    *(f"net.ipv4.conf.{link}.rp_filter=0" for link in LINKS),
                    *(f"net.ipv4.conf.{link}.send_redirects=0" for link in LINKS)]  # fmt: skip
        self.nft(SEEN + TRACKED)
        run("ip", "netns", "exec", router, "sysctl", "-qw", *settings)
        # The world never answers by itself: its links have no address, and each neighbour is written down.
        shown = run("ip", "-n", world, "-o", "link", "show")
        own = run("ip", "-n", router, "-o", "link", "show")
        neighbours = []
        for number, link in enumerate(LINKS):
            far = re.search(rf" w{number}@.*link/ether (\S+)", shown)
            near = re.search(rf" {link}@.*link/ether (\S+)", own)
            assert far
            assert near
            self.macs[link] = bytes.fromhex(near[1].replace(":", ""))
            neighbours += [f"neigh add 10.9.{number}.{host} lladdr {far[1]} dev {link} nud permanent" for host in HOSTS]
        run("ip", "-n", router, "-batch", "-", text="\n".join(neighbours) + "\n")
        spaces = Spaces()
        spaces.enter(f"netns:{world}")
        for number, link in enumerate(LINKS):
            self.sockets[link] = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self.sockets[link].bind((f"w{number}", 0))
        spaces.enter("host")

    def down(self) -> None:
        """Removes both."""
        for one in self.sockets.values():
            one.close()
        for space in (self.name, f"{self.name}w"):
            subprocess.run(["ip", "netns", "del", space], capture_output=True, check=False)

    def nft(self, text: str) -> None:
        """Loads rules."""
        run("ip", "netns", "exec", self.name, "nft", "-f", "-", text=text)

    # -- packets ------------------------------------------------------------------------------------------------------

    def send(self, packet: Packet, number: int, acknowledge: tuple[int, int] = (1001, 5001)) -> None:
        """One packet, numbered."""
        frame = self.macs[packet.entry] + b"\2\0\0\0\0\1" + b"\x08\x00" + ipv4(packet, number, acknowledge)
        self.sockets[packet.entry].send(frame)

    def seen(self) -> dict[int, tuple[str, int, int]]:
        """Which packets came through: number -> forwarded or delivered, destination and port as they then were."""
        time.sleep(0.05)
        found: dict[int, tuple[str, int, int]] = {}
        for name in ("forwarded", "delivered"):
            shown = run("ip", "netns", "exec", self.name, "nft", "-n", "list", "set", "inet", "seen", name)
            for number, address, port in re.findall(r"(\d+) \. (\d+\.\d+\.\d+\.\d+) \. (\d+)", shown):
                found[int(number)] = (name, int(IPv4Address(address)), int(port))
        self.nft("flush set inet seen forwarded\nflush set inet seen delivered\n")
        return found


def ipv4(packet: Packet, number: int, acknowledge: tuple[int, int]) -> bytes:
    """The packet from its IP header on, with right checksums."""
    ports = struct.pack("!HH", packet.source_port, packet.destination_port)
    if packet.protocol == ICMP:
        body = struct.pack("!BBHHH", packet.source_port >> 8, packet.source_port & 255, 0, number, 1)
        body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
    elif packet.protocol == TCP:
        sequence, answered = acknowledge
        body = ports + struct.pack("!IIBBHHH", sequence, answered, 5 << 4, packet.tcp_flags, 64000, 0, 0)
        body = body[:16] + struct.pack("!H", checksum(pseudo(packet, len(body)) + body)) + body[18:]
    else:
        body = ports + struct.pack("!HH", 8, 0)
    head = struct.pack("!BBHHHBBHII", 0x45, 0, 20 + len(body), number, 0, packet.hops, packet.protocol, 0,
                       packet.source, packet.destination)  # fmt: skip
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body


def pseudo(packet: Packet, length: int) -> bytes:
    """What TCP's checksum covers besides the segment."""
    return struct.pack("!IIBBH", packet.source, packet.destination, 0, packet.protocol, length)


def checksum(content: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    total: int = sum(struct.unpack(f"!{len(content) // 2}H", content))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def opening(packet: Packet) -> Sequence[tuple[Packet, tuple[int, int]]]:
    """What must have been sent before, for a packet to belong to an open connection: a request and its answer."""
    reply = packet.ct is Ct.ESTABLISHED_REPLY
    ends = (packet.destination, packet.source, packet.destination_port, packet.source_port)
    there = ends if reply else (packet.source, packet.destination, packet.source_port, packet.destination_port)
    by = {int(IPv4Address(f"10.9.{number}.{host}")): link for number, link in enumerate(LINKS) for host in HOSTS}
    if there[0] not in by or there[1] not in by:
        return ()
    first = Packet(4, there[0], there[1], packet.protocol, there[2], there[3], by[there[0]], tcp_flags=2)
    answer = Packet(4, there[1], there[0], packet.protocol, there[3], there[2], by[there[1]], tcp_flags=18)
    return ((first, (1000, 0)), (answer, (5000, 1001)))


@contextmanager
def standing() -> Iterator[Router]:
    """The router for a while."""
    router = Router()
    try:
        router.up()
        yield router
    finally:
        router.down()
