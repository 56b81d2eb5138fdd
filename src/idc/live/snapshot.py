"""One host as it was found in one moment: typed, frozen, made from one JSON document without any I/O.

A part that the host could not read is an ``Unread`` with the reason, never an empty answer. Whoever needs it gets an
``UnreadError`` and reports *unknown*.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from idc.live.nft import Ruleset

Value = TypeVar("Value")


class UnreadError(Exception):
    """A part of a snapshot is needed that could not be read."""


@dataclass(frozen=True)
class Part(Generic[Value]):
    """A part of a snapshot: its value, or why it could not be read."""

    found: Value | None
    error: str = ""

    @property
    def value(self) -> Value:
        """What was read. Raises UnreadError when nothing was."""
        if self.found is None:
            raise UnreadError(self.error or "was not read")
        return self.found


@dataclass(frozen=True)
class Link:
    """A network interface."""

    name: str
    kind: str  # "bridge", "veth", "" for plain ones
    up: bool
    master: str
    addresses: tuple[str, ...]  # with prefix lengths, link-local ones left out
    xdp: bool = False


@dataclass(frozen=True)
class Route:
    """A route of any table."""

    destination: str
    gateway: str
    interface: str
    table: str
    protocol: str
    kind: str  # "unicast", "blackhole", "local", …


@dataclass(frozen=True)
class TrafficClass:
    """An HTB class; rates in bit/s."""

    interface: str
    id: str
    parent: str  # "root" or another class
    rate: int
    ceil: int


@dataclass(frozen=True)
class Traffic:
    """Traffic control of all interfaces."""

    classes: tuple[TrafficClass, ...]
    filters: Mapping[str, str]  # "<interface> filter|ingress|egress" -> as tc shows them
    qdiscs: tuple[tuple[str, str, str, bool], ...]  # interface, kind, handle, is root


@dataclass(frozen=True)
class Unit:
    """A systemd unit."""

    name: str
    load: str
    active: str
    sub: str
    enabled: str
    stale: bool  # its file changed after it was loaded


@dataclass(frozen=True)
class Listener:
    """A listening socket of the host's own namespace."""

    protocol: str
    address: str
    port: int
    program: str


@dataclass(frozen=True)
class FileState:
    """A file of the host. ``kind`` is "missing" for what is not there."""

    path: str
    kind: str
    mode: int = 0
    uid: int = 0
    gid: int = 0
    size: int = 0
    sha256: str = ""
    target: str = ""


@dataclass(frozen=True)
class MountState:
    """A mount of a container."""

    kind: str  # "volume", "bind"
    source: str  # volume name, or host path
    target: str
    read_only: bool


@dataclass(frozen=True)
class Attachment:
    """A container's place on a network."""

    network: str
    address: str
    address6: str


@dataclass(frozen=True)
class ContainerState:
    """A container as its engine reports it. Values of its environment are known only as SHA-256."""

    name: str
    id: str
    image: str  # content id
    running: bool
    status: str
    health: str
    restarts: int
    labels: Mapping[str, str]
    env: Mapping[str, str]
    command: tuple[str, ...]
    user: str
    read_only: bool
    privileged: bool
    capabilities_added: tuple[str, ...]  # with CAP_
    capabilities_dropped: tuple[str, ...]
    security: tuple[str, ...]
    memory: int
    memory_swap: int
    nano_cpus: int
    pids: int
    tmpfs: Mapping[str, str]
    mounts: tuple[MountState, ...]
    network_mode: str
    ipc_mode: str
    pid_mode: str
    uts_mode: str
    userns_mode: str
    networks: tuple[Attachment, ...]
    published: tuple[str, ...]
    devices: tuple[str, ...]
    restart: str
    health_test: tuple[str, ...]
    log_driver: str
    log_options: Mapping[str, str]


@dataclass(frozen=True)
class NetworkState:
    """A Docker network."""

    name: str
    driver: str
    internal: bool
    ipv6: bool
    subnets: tuple[tuple[str, str], ...]  # subnet, gateway
    options: Mapping[str, str]
    labels: Mapping[str, str]
    containers: tuple[str, ...]


@dataclass(frozen=True)
class VolumeState:
    """A Docker volume."""

    name: str
    driver: str
    labels: Mapping[str, str]
    options: Mapping[str, str]


@dataclass(frozen=True)
class Engine:
    """All that a Docker engine holds."""

    version: str
    containers: tuple[ContainerState, ...]
    networks: tuple[NetworkState, ...]
    volumes: tuple[VolumeState, ...]

    def container(self, name: str) -> ContainerState | None:
        """A container by name."""
        return next((entry for entry in self.containers if entry.name == name), None)


@dataclass(frozen=True)
class Snapshot:
    """One host, read by one call."""

    host: str
    began: float  # seconds since 1970, by the host's clock
    ended: float
    boot: Part[str]
    kernel: str
    rules: Part[Ruleset]
    expected: Part[Ruleset]  # the rendered rule set, as the same kernel and nft list it
    iptables: Part[str]
    ip6tables: Part[str]
    legacy: Part[Mapping[str, str]]  # tables of the legacy back end, which nft does not show
    links: Part[tuple[Link, ...]]
    routes: Part[tuple[Route, ...]]
    policy_routes: Part[tuple[str, ...]]  # rules beyond the kernel's own three
    traffic: Part[Traffic]
    xfrm: Part[str]
    sysctls: Part[Mapping[str, str]]
    units: Part[Mapping[str, Unit]]
    listeners: Part[tuple[Listener, ...]]
    sshd: Part[Mapping[str, str]]
    files: Part[Mapping[str, FileState]]
    folders: Part[Mapping[str, FileState]]
    roles: Part[Mapping[str, str]]
    engine: Part[Engine]
    conntrack: Part[int]
