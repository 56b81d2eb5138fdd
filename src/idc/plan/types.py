"""The plan: everything a declaration comes to, as pure, frozen data.

Same declaration, same lock, same images, same day: same plan, byte for byte. No I/O. Every tuple is sorted by name so
that the order of the files never shows. Units: memory and disk in bytes, bandwidth in bit/s, cpus in cores.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cached_property
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from typing import Literal

from idc.model.enums import Visibility, Zone
from idc.plan.traffic import Bandwidth as Bandwidth
from idc.plan.traffic import Endpoint as Endpoint
from idc.plan.traffic import Flow as Flow
from idc.plan.traffic import HostRule as HostRule
from idc.plan.traffic import Listener as Listener
from idc.plan.traffic import Vhost as Vhost

Slot = Literal["a", "b"]


class HostInterface(StrEnum):
    """Names of a host's interfaces towards the outside; a lab host renames its links so at boot."""

    UPLINK = "uplink"  # towards the other hosts of the fabric
    INTERNET = "internet"  # edge hosts of a fabric with an Internet listener
    FABRIC = "fabric"  # edge hosts: the fabric's users


@dataclass(frozen=True)
class Interface:
    """One interface of a host with its addresses (with prefix lengths)."""

    name: str  # Linux name, at most 15 characters
    role: HostInterface
    address: IPv4Interface
    address6: IPv6Interface | None = None


@dataclass(frozen=True)
class Host:
    """A machine with a Docker engine.

    ``blocks`` are the address blocks its segments are cut from; the other hosts route them to it.
    """

    name: str
    number: int
    location: str
    zones: tuple[Zone, ...]
    cpus: float
    memory: int
    disk: int
    uplink: int  # bit/s
    interfaces: tuple[Interface, ...]
    blocks: tuple[IPv4Network, ...]
    ssh: IPv4Address | None  # None: a lab host, reached as by a console
    user: str
    lab_name: str  # name of the system container when it is a lab host: idc-<centre>-<fabric>-<host>

    @property
    def is_lab(self) -> bool:
        """True when the host is realised as a system container on this machine."""
        return self.ssh is None

    @cached_property
    def uplink_interface(self) -> Interface:
        """The interface towards the other hosts."""
        return next(i for i in self.interfaces if i.role is HostInterface.UPLINK)

    @property
    def address(self) -> IPv4Address:
        """The host's own address on the uplink."""
        return self.uplink_interface.address.ip


@dataclass(frozen=True)
class Segment:
    """Subnet and bridge of one site (or service) in one zone on one host. The gateway is the subnet's first address."""

    name: str  # also the Docker network's name: "tax-file-web", "edge"
    owner: str  # reference: "tenant/tax/site/file", "service/edge"
    tenant: str  # "" for a service
    zone: Zone
    host: str
    subnet: IPv4Network
    bridge: str  # Linux name: "br-" + eight hex digits of the subnet's address
    stack: str
    subnet6: IPv6Network | None = None  # edge only (dual-stack outside)

    @property
    def gateway(self) -> IPv4Address:
        """Address of the host on the bridge."""
        return self.subnet[1]

    @property
    def gateway6(self) -> IPv6Address | None:
        """IPv6 address of the host on the bridge."""
        return self.subnet6[1] if self.subnet6 else None


@dataclass(frozen=True)
class Mount:
    """A named volume or a host folder inside a container. Folders only, never a single file."""

    kind: Literal["volume", "folder"]
    source: str  # volume name, or absolute host folder below /var/lib/idc/
    target: str
    read_only: bool


@dataclass(frozen=True)
class Healthcheck:
    """Docker healthcheck; times in seconds."""

    test: tuple[str, ...]  # argv, without "CMD"
    interval: int = 5
    timeout: int = 3
    retries: int = 6
    start_period: int = 10


@dataclass(frozen=True)
class Container:
    """One container. It has two address slots, so that a new image takes over without an outage (``blue_green``)."""

    name: str  # "tax-file-app"; the Docker name adds the slot: "tax-file-app-a"
    owner: str
    tenant: str
    host: str
    segment: str
    address_a: IPv4Address
    address_b: IPv4Address
    slot: Slot  # the slot that serves after this plan is applied
    blue_green: bool  # False: it owns a volume that only one may write (a database): replaced in place
    image: str  # short name: "filing"
    image_id: str  # "sha256:…"
    port: int  # TCP port it listens on
    command: tuple[str, ...]
    env: Mapping[str, str]  # never secrets
    mounts: tuple[Mount, ...]
    tmpfs: tuple[str, ...]
    cpus: float
    memory: int
    pids: int
    capabilities: tuple[str, ...]  # CAP_… added to none
    user: str
    healthcheck: Healthcheck
    stack: str
    digest: str  # over everything but the slot: what, when changed, replaces it
    address6_a: IPv6Address | None = None
    address6_b: IPv6Address | None = None

    def address(self, slot: Slot | None = None) -> IPv4Address:
        """Address of a slot, by default of the serving one."""
        return self.address_a if (slot or self.slot) == "a" else self.address_b

    def docker_name(self, slot: Slot | None = None) -> str:
        """Name on the engine."""
        return f"{self.name}-{slot or self.slot}"


@dataclass(frozen=True)
class Volume:
    """A named volume on one host."""

    name: str
    owner: str
    tenant: str
    host: str
    stack: str
    purpose: Literal["content", "database"]


@dataclass(frozen=True)
class Secret:
    """A secret that the station generates and a host folder carries; only its name and place are in the plan."""

    name: str  # "tax/file/database"
    host: str
    folder: str  # absolute host folder: /var/lib/idc/secrets/<container>
    file: str  # file name in the folder
    uid: int  # owner of the 0400 file


@dataclass(frozen=True)
class Reservation:
    """What of a host's capacity is set aside for a tenant (its share on that host) or for a platform service."""

    owner: str  # "tenant/tax", "service/edge"
    host: str
    cpus: float
    memory: int
    disk: int
    bandwidth: int  # bit/s of the host's uplink


@dataclass(frozen=True)
class Site:
    """A site as people know it: what status and the portal page show."""

    ref: str
    tenant: str
    department: str
    name: str
    kind: str
    names: tuple[str, ...]
    visibility: Visibility
    audience: tuple[str, ...]
    stage: str
    host: str
    container: str
    content: str  # folder below the centre folder, "" for generated
    content_volume: str  # "" when it has none
    database: str  # container name, "" when it has none


@dataclass(frozen=True)
class Backup:
    """What a tenant demands of its backups, in seconds."""

    rpo: int
    rto: int
    keep: int
    drill_every: int


@dataclass(frozen=True)
class Tenant:
    """A tenant as planned."""

    id: str
    number: int
    department: str
    state: str
    protection_level: int
    cpus: float
    memory: int
    disk: int
    bandwidth: int
    isolated: bool  # shut by `idc isolate`: no flow, no vhost
    contacts: tuple[str, ...] = ()  # "Duty desk <duty@tax.city.example>"
    backup: Backup | None = None  # None only in a plan that an older idc recorded


@dataclass(frozen=True)
class Stack:
    """A Pulumi stack: the lab, the platform, or one tenant."""

    name: str  # "lab", "platform", "tenant-tax"
    kind: Literal["lab", "platform", "tenant"]
    hosts: tuple[str, ...]  # engines it provisions on; ("machine",) for the lab: this machine's own


@dataclass(frozen=True)
class StackContent:
    """What one stack provisions."""

    segments: tuple[Segment, ...] = ()
    volumes: tuple[Volume, ...] = ()
    containers: tuple[Container, ...] = ()


@dataclass(frozen=True)
class Plan:
    """The whole plan of one centre (one managed fabric)."""

    centre: str
    fabric: str
    profile: str
    domain: str
    prefix: IPv4Network
    hosts: tuple[Host, ...]
    tenants: tuple[Tenant, ...]
    sites: tuple[Site, ...]
    segments: tuple[Segment, ...]
    containers: tuple[Container, ...]
    volumes: tuple[Volume, ...]
    secrets: tuple[Secret, ...]
    flows: tuple[Flow, ...]
    host_rules: tuple[HostRule, ...]
    listeners: tuple[Listener, ...]
    vhosts: tuple[Vhost, ...]
    bandwidth: tuple[Bandwidth, ...]
    stacks: tuple[Stack, ...]
    services: Mapping[str, tuple[str, ...]]  # service -> hosts
    declaration_digest: str = ""
    reservations: tuple[Reservation, ...] = ()
    images: Mapping[str, str] = field(default_factory=dict)  # lab only: short name -> content id of lab-host, client
    beside: Mapping[str, str] = field(default_factory=dict)  # what is declared and stands on no host: name -> words
    today: date | None = field(default=None, compare=False)  # the day by which it was made: what ended before is out

    @property
    def id(self) -> str:
        """``reference.government-extranet``: names the station and what is made for it."""
        return f"{self.centre}.{self.fabric}"

    @property
    def slug(self) -> str:
        """``idc-reference-government-extranet``: prefix of what is made on this machine for a lab."""
        return f"idc-{self.centre}-{self.fabric}"

    @cached_property
    def host_by_name(self) -> Mapping[str, Host]:
        """Hosts by name."""
        return {host.name: host for host in self.hosts}

    @cached_property
    def segment_by_name(self) -> Mapping[str, Segment]:
        """Segments by name."""
        return {segment.name: segment for segment in self.segments}

    @cached_property
    def container_by_name(self) -> Mapping[str, Container]:
        """Containers by name."""
        return {container.name: container for container in self.containers}

    @cached_property
    def stack_by_name(self) -> Mapping[str, Stack]:
        """Stacks by name."""
        return {stack.name: stack for stack in self.stacks}

    @cached_property
    def _content(self) -> Mapping[str, StackContent]:
        segments: dict[str, list[Segment]] = {}
        volumes: dict[str, list[Volume]] = {}
        containers: dict[str, list[Container]] = {}
        for segment in self.segments:
            segments.setdefault(segment.stack, []).append(segment)
        for volume in self.volumes:
            volumes.setdefault(volume.stack, []).append(volume)
        for container in self.containers:
            containers.setdefault(container.stack, []).append(container)
        return {
            stack.name: StackContent(
                tuple(segments.get(stack.name, ())),
                tuple(volumes.get(stack.name, ())),
                tuple(containers.get(stack.name, ())),
            )
            for stack in self.stacks
        }

    def stack_content(self, name: str) -> StackContent:
        """What a stack provisions on the hosts' engines (nothing for the lab's)."""
        return self._content[name]

    def on(self, host: str) -> Iterator[Container]:
        """Containers of one host."""
        return (container for container in self.containers if container.host == host)
