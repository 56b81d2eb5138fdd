"""What a probe is: one packet or request with the answer that it must, or must not, have. Pure data.

A probe that must be blocked names its *controls*: probes that show that its destination does answer whom it should,
from within itself, and where a flow uses the same path, over that path. Silence from a dead destination proves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Final, Literal

Address = IPv4Address | IPv6Address
Protocol = Literal["tcp", "udp", "icmp", "http"]

HOST: Final = "host"  # a host's own network namespace
ITSELF: Final = "itself"  # interface of a sight behind the input rules: the namespace took the packet in
SSH: Final = 22
CLOSED_PORT: Final = 5999  # a port that no service has; a listener of ours stands there while the probes fly


class Family(StrEnum):
    """What a probe stands for; the table of a report has one row each."""

    FLOW = "declared flow"
    SITE = "site by its name, from where it may be seen"
    MANAGEMENT = "management to a host"
    CONTROL = "positive control"
    REFUSAL = "name that no site has, refused by the edge itself"
    SAME_HOST = "tenant to tenant, same host"
    OTHER_HOST = "tenant to tenant, other host"
    OWN_TENANT = "site to another site of its tenant, undeclared"
    REVERSE = "reverse direction"
    WRONG_PORT = "wrong port of an allowed pair"
    WRONG_PROTOCOL = "wrong protocol of an allowed pair (UDP, ICMP)"
    GATEWAY = "container to its host, by the gateway"
    HOST = "container to another host"
    MANAGEMENT_HOST = "container to a management host"
    INTERNET_INSIDE = "Internet to the inside"
    FABRIC_INSIDE = "fabric's users to the inside"
    FABRIC_LISTENER = "Internet to the fabric's listener"
    AUDIENCE = "site asked for where it may not be seen"
    SPOOFED = "forged source address"
    IPV6 = "IPv6 at the edge"
    SHUT = "isolated or closed tenant"


MUST_PASS: Final = frozenset({Family.FLOW, Family.SITE, Family.MANAGEMENT, Family.CONTROL, Family.REFUSAL})


@dataclass(frozen=True)
class Place:
    """A network namespace: of a container, or of a host itself. ``machine`` is a host's name, or HERE."""

    machine: str
    space: str  # "host" or "container:NAME"
    words: str  # for people: "tax-file-app-a on web-1"


@dataclass(frozen=True)
class Request:
    """An HTTP request by host name, and the statuses that hold what the probe claims."""

    host: str
    path: str = "/"
    statuses: tuple[int, ...] = ()


@dataclass(frozen=True)
class Probe:
    """One packet or request."""

    id: str
    family: Family
    source: Place
    destination: Place | None  # None: nowhere that can be watched (outside the hosts)
    address: Address
    protocol: Protocol
    port: int  # 0 for ICMP
    stands_for: str  # the flow, or the rule that denies it
    passes: bool  # what must be
    controls: tuple[str, ...] = ()  # ids of probes that must pass for this one to mean anything
    listen: bool = False  # a temporary listener of ours stands at the destination
    forged: Address | None = None  # source address that is not the sender's
    gateway: Address | None = None  # the neighbour it is handed to, whatever the sender's routes say
    request: Request | None = None
    exit: str = ""  # host by whose outer interface it must be seen to leave: its destination is no part of the centre
    # A packet made by hand from this port of the sender's, as if it were the service's answer; it goes to any port
    # (``port`` is 0), and the watchers know it by that one.
    service_port: int = 0

    @property
    def words(self) -> str:
        """The probe in words: from whom, to whom, by what."""
        what = "ping" if self.protocol == "icmp" else f"{self.protocol}/{self.port}"
        if self.service_port:
            what = f"{self.protocol}/any from its port {self.service_port}"
        if self.request:
            what = f"http for {self.request.host}"
        forged = f" as if from {self.forged}" if self.forged else ""
        by = f" by the gateway {self.gateway}" if self.gateway and not self.forged and not self.service_port else ""
        to = f"{self.destination.words} ({self.address})" if self.destination else str(self.address)
        return f"{self.source.words}{forged} -> {to} {what}{by}"


class Verdict(StrEnum):
    """How a probe or a check came out."""

    HELD = "held"
    BROKEN = "broken"
    UNKNOWN = "unknown"  # could not be looked at; counts as failed


@dataclass(frozen=True)
class Sight:
    """One place at which a probe packet (or an answer to it) was seen."""

    machine: str
    space: str
    interface: str
    way: Literal["in", "out"]
    address: str  # its destination there (differs after DNAT); an answer's source
    port: int

    def __str__(self) -> str:
        """``web-1 uplink in``."""
        where = self.machine or "this machine"
        inside = f" {self.space.removeprefix('container:')}" if self.space != HOST else ""
        return f"{where}{inside} {self.interface} {self.way}"


@dataclass(frozen=True)
class Shot:
    """What the sender saw."""

    state: Literal["answered", "refused", "unreachable", "silent", "error"]
    detail: str = ""
    milliseconds: float = 0.0
    status: int = 0  # of an HTTP answer
    source: str = ""  # address the packet carried
    mark: int = 0  # its source port, or its ICMP identifier


@dataclass(frozen=True)
class Outcome:
    """A probe with what was seen and what it comes to."""

    probe: Probe
    verdict: Verdict
    words: str
    shot: Shot
    hops: tuple[Sight, ...] = ()
    answers: tuple[Sight, ...] = ()
    cause: str = ""  # id of the control that did not hold, where that is why it is unknown
    tries: int = 1  # how often it was sent until it came out like this


@dataclass(frozen=True)
class Seen:
    """All that the hosts' watchers saw, by ``(source address, protocol number, mark)``."""

    requests: Mapping[tuple[str, int, int], tuple[Sight, ...]] = field(default_factory=dict)
    answers: Mapping[tuple[str, int, int], tuple[Sight, ...]] = field(default_factory=dict)
    blind: Mapping[tuple[str, str], str] = field(default_factory=dict)  # (machine, space) -> why nothing was seen there
    # (machine, space, address, protocol, port) -> "ours", "taken" (a service is there) or why no listener stands
    listening: Mapping[tuple[str, str, str, str, int], str] = field(default_factory=dict)
    lost: frozenset[str] = frozenset()  # machines that did not answer at all
