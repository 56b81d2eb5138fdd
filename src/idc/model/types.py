"""The declaration as typed data: what ``centre.yaml`` and ``tenants/*.yaml`` may say.

Pydantic at the border only. Units: memory and disk in bytes, bandwidth in bit/s, durations in ``timedelta``.
The strings that people write (``8GiB``, ``1Gbit/s``, ``24h``) are parsed by ``idc.model.units``.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Interface
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from idc.model.units import Bandwidth, Bytes, Duration, parse_bandwidth, parse_bytes, parse_duration

BytesField = Annotated[Bytes, BeforeValidator(parse_bytes)]
BandwidthField = Annotated[Bandwidth, BeforeValidator(parse_bandwidth)]
DurationField = Annotated[Duration, BeforeValidator(parse_duration)]

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,22}[a-z0-9]$")]


class Zone(StrEnum):
    """Security zones of a fabric."""

    EDGE = "edge"
    WEB = "web"
    DATA = "data"
    MANAGEMENT = "management"
    TRUST = "trust"
    EXCHANGE = "exchange"
    BACKUP = "backup"


class Service(StrEnum):
    """Platform services of a fabric."""

    EDGE = "edge"
    CA = "ca"
    DNS = "dns"
    TIME = "time"
    MONITORING = "monitoring"
    LOGS = "logs"
    BACKUP = "backup"
    EXCHANGE = "exchange"
    PORTAL = "portal"


class Visibility(StrEnum):
    """From where a site may be asked for."""

    INTERNET = "internet"
    FABRIC = "fabric"


class Audience(StrEnum):
    """For whom a site is made."""

    CITIZEN = "citizen"
    BUSINESS = "business"
    GOVERNMENT = "government"
    EMPLOYEE = "employee"


class Stage(StrEnum):
    """How far a site goes: publishes, consults, transacts."""

    PUBLICATION = "publication"
    CONSULTATION = "consultation"
    TRANSACTION = "transaction"


class SiteKind(StrEnum):
    """What runs behind a site: released files, an application image, or the portal page made from the plan."""

    STATIC = "static"
    APP = "app"
    PORTAL = "portal"


class TenantState(StrEnum):
    """Life of a tenant. Absence never destroys: going away is ``retiring`` plus ``idc retire``."""

    ACTIVE = "active"
    RETIRING = "retiring"


class Strict(BaseModel):
    """Frozen, and refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class HostSpec(Strict):
    """One machine. With ``address`` it is reached over SSH; without, it is realised as a lab host."""

    location: Name
    zones: tuple[Zone, ...]
    cpus: Annotated[float, Field(gt=0, le=1024)]
    memory: BytesField
    disk: BytesField
    uplink: BandwidthField
    address: IPv4Address | None = None  # SSH address of a real host; also its address on the uplink
    user: str = "root"
    interface: str = "uplink"  # name of the interface towards the other hosts (real hosts)


class ListenerSpec(Strict):
    """Where one visibility enters the fabric: addresses of the edge on that network, with prefix lengths."""

    address: IPv4Interface
    address6: IPv6Interface | None = None
    interface: str = ""  # real hosts; a lab host uses the visibility's name


class FlowSpec(Strict):
    """A declared flow beyond those that zones, sites and services imply."""

    source: str = Field(alias="from")
    to: str
    port: str  # "443/tcp", "53/udp"
    why: Annotated[str, Field(min_length=8)]
    control: str = ""
    until: date | None = None


class CentreSpec(Strict):
    """``centre.yaml``: one managed fabric."""

    format: Literal[1]
    centre: Name
    profile: str
    fabric: str
    domain: str
    prefix: IPv4Network
    hosts: dict[Name, HostSpec]
    services: dict[Service, tuple[Name, ...]]
    listeners: dict[Visibility, ListenerSpec]
    flows: tuple[FlowSpec, ...] = ()
    backend: str = ""  # "" = files in the station; later a PostgreSQL or S3 URL


class Contact(Strict):
    """A person or desk at the department."""

    name: str
    email: str


class Quota(Strict):
    """What a tenant may use, all its sites together."""

    cpus: Annotated[float, Field(gt=0)] = 1.0
    memory: BytesField = Bytes(512 * 1024**2)
    disk: BytesField = Bytes(5 * 1024**3)
    bandwidth: BandwidthField = Bandwidth(20_000_000)


class SiteSpec(Strict):
    """One hosted site of a tenant."""

    name: Name
    kind: SiteKind = SiteKind.STATIC
    names: tuple[str, ...]
    visibility: Visibility = Visibility.FABRIC
    audience: tuple[Audience, ...] = (Audience.EMPLOYEE,)
    stage: Stage = Stage.PUBLICATION
    image: str = ""  # kind app: a name under images/
    database: Literal["", "postgresql"] = ""
    content: str = ""  # kind static: folder below the centre folder; empty: a page made from the declaration


class BackupSpec(Strict):
    """What a tenant demands of its backups."""

    rpo: DurationField = Duration(hours=24)
    rto: DurationField = Duration(hours=4)
    keep: DurationField = Duration(days=30)
    drill_every: DurationField = Duration(days=90)


class EgressSpec(Strict):
    """One thing outside its own segments that a tenant may call."""

    to: str  # an IPv4 network, or a reference (tenant/x/site/y, service/x)
    port: str
    why: Annotated[str, Field(min_length=8)]
    until: date | None = None


class TenantSpec(Strict):
    """``tenants/<id>.yaml``: one department."""

    tenant: Name
    department: str
    contacts: tuple[Contact, ...]
    protection_level: Annotated[int, Field(ge=1, le=4)] = 2
    quota: Quota = Quota()
    sites: tuple[SiteSpec, ...]
    backup: BackupSpec = BackupSpec()
    egress: tuple[EgressSpec, ...] = ()
    state: TenantState = TenantState.ACTIVE
