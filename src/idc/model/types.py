"""The declaration as typed data: what ``centre.yaml``, ``people.yaml`` and ``tenants/*.yaml`` may say.

Pydantic at the border only. Units: memory and disk in bytes, bandwidth in bit/s, durations in ``timedelta``.
The strings that people write (``8GiB``, ``1Gbit/s``, ``24h``) are parsed by ``idc.model.fields``. The descriptions go
into the JSON Schemas and into the hints of error messages.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from idc.model.enums import Audience, Role, Service, SiteKind, Stage, TenantState, Visibility, Zone
from idc.model.fields import (
    Address,
    AnyInterfaceName,
    BandwidthField,
    BytesField,
    Control,
    Cores,
    DateField,
    DurationField,
    Email,
    Format,
    HostName,
    ImageName,
    Interface4,
    Interface6,
    InterfaceName,
    Line,
    Name,
    Network,
    PersonName,
    PolicyId,
    Port,
    Reason,
    Ref,
    SshKey,
    UserName,
    WaiverScope,
)
from idc.model.units import Bandwidth, Bytes, Duration

__all__ = [
    "Audience", "BackupSpec", "CentreSpec", "Contact", "EgressSpec", "FlowSpec", "HostSpec", "ListenerSpec", "Name",
    "PeopleSpec", "PersonSpec", "Quota", "Role", "Service", "SiteKind", "SiteSpec", "Stage", "Strict", "TenantSpec",
    "TenantState", "Visibility", "Zone",
]  # fmt: skip


class Strict(BaseModel):
    """Frozen, and refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class HostSpec(Strict):
    """One machine. With ``address`` it is reached over SSH; without, it is realised as a lab host."""

    location: Name = Field(description="failure domain: hall or building; backups land in another one")
    zones: Annotated[tuple[Zone, ...], Field(min_length=1)] = Field(description="zones whose segments it may hold")
    cpus: Cores = Field(description="processor cores")
    memory: BytesField = Field(description="main memory")
    disk: BytesField = Field(description="disk for containers and volumes")
    uplink: BandwidthField = Field(description="bandwidth towards the other hosts")
    address: Address | None = Field(
        default=None, description="SSH address of a real host, also its address on the uplink"
    )
    user: UserName = Field(default="root", description="login name on a real host")
    interface: InterfaceName = Field(default="uplink", description="interface towards the other hosts, on a real host")


class ListenerSpec(Strict):
    """Where one visibility enters the fabric: addresses of the edge on that network, with prefix lengths."""

    address: Interface4 = Field(description="IPv4 address of the edge, with its network's prefix length")
    address6: Interface6 | None = Field(
        default=None, description="IPv6 address of the edge, with its network's prefix length"
    )
    interface: AnyInterfaceName = Field(default="", description="interface on a real host")


class FlowSpec(Strict):
    """A declared flow beyond those that zones, sites and services imply."""

    source: Ref = Field(alias="from", description="who opens the connection: a reference or an IPv4 network")
    to: Ref = Field(description="who is called: a reference or an IPv4 network")
    port: Port = Field(description="destination port and protocol")
    why: Reason = Field(description="what it is needed for")
    control: Control = Field(default="", description="id of the control that asks for it")
    until: DateField | None = Field(default=None, description="last day on which it is allowed")


class CentreSpec(Strict):
    """``centre.yaml``: one managed fabric."""

    format: Format = Field(description="version of this format: 1")
    centre: Name = Field(description="id of the centre")
    profile: Name = Field(description="the law: a file of profiles/")
    fabric: Name = Field(description="the managed fabric: a name of the profile")
    domain: HostName = Field(description="domain under which the sites' names lie")
    domains: tuple[HostName, ...] = Field(default=(), description="further domains under which sites' names may lie")
    prefix: Network = Field(description="private IPv4 network from which hosts and segments get their addresses")
    hosts: dict[Name, HostSpec] = Field(description="machines by name")
    services: dict[Service, tuple[Name, ...]] = Field(description="platform services and the hosts that offer them")
    listeners: dict[Visibility, ListenerSpec] = Field(description="addresses of the edge, by who comes in there")
    flows: tuple[FlowSpec, ...] = Field(
        default=(), description="flows beyond those that zones, sites and services imply"
    )
    backend: Annotated[str, Field(max_length=500)] = Field(
        default="", description="where Pulumi keeps its state; empty: files"
    )


class Contact(Strict):
    """A person or desk at the department."""

    name: Line = Field(description="person or desk")
    email: Email = Field(description="mail address")


class Quota(Strict):
    """What a tenant may use, all its sites together."""

    cpus: Cores = Field(default=1.0, description="processor cores")
    memory: BytesField = Field(default=Bytes(512 * 1024**2), description="main memory")
    disk: BytesField = Field(default=Bytes(5 * 1024**3), description="disk")
    bandwidth: BandwidthField = Field(default=Bandwidth(20_000_000), description="bandwidth, guaranteed and limited")


class SiteSpec(Strict):
    """One hosted site of a tenant."""

    name: Name = Field(description="id of the site, one of its tenant")
    kind: SiteKind = Field(
        default=SiteKind.STATIC, description="released files, an application image, or the portal page"
    )
    names: Annotated[tuple[HostName, ...], Field(min_length=1)] = Field(description="host names it answers to")
    visibility: Visibility = Field(default=Visibility.FABRIC, description="from where it may be asked for")
    audience: Annotated[tuple[Audience, ...], Field(min_length=1)] = Field(
        default=(Audience.EMPLOYEE,), description="for whom it is made"
    )
    stage: Stage = Field(default=Stage.PUBLICATION, description="publishes, consults or transacts")
    image: ImageName = Field(default="", description="kind app: its image, a name under images/")
    database: Literal["", "postgresql"] = Field(default="", description="kind app: its database")
    content: Annotated[str, Field(max_length=200)] = Field(
        default="", description="kind static: folder below the centre folder; empty: a page made from the declaration"
    )


class BackupSpec(Strict):
    """What a tenant demands of its backups."""

    rpo: DurationField = Field(
        default=Duration(hours=24), description="greatest loss of data (recovery point objective)"
    )
    rto: DurationField = Field(
        default=Duration(hours=4), description="greatest time to restore (recovery time objective)"
    )
    keep: DurationField = Field(default=Duration(days=30), description="how long copies are kept")
    drill_every: DurationField = Field(default=Duration(days=90), description="how often a restore is tried")


class EgressSpec(Strict):
    """One thing outside its own segments that a tenant may call."""

    to: Ref = Field(description="a network outside, a service (service/x), or a site of its own (tenant/x/site/y)")
    port: Port = Field(description="destination port and protocol")
    why: Reason = Field(description="what it is needed for")
    until: DateField | None = Field(default=None, description="last day on which it is allowed")


class TenantSpec(Strict):
    """``tenants/<id>.yaml``: one department."""

    tenant: Name = Field(description="immutable id, the same as the file's name")
    department: Line = Field(description="name of the department; it may change")
    contacts: Annotated[tuple[Contact, ...], Field(min_length=1)] = Field(description="who answers for it")
    protection_level: Annotated[int, Field(strict=True, ge=1, le=4)] = Field(
        default=2, description="MLPS level, 1 to 4"
    )
    quota: Quota = Field(default=Quota(), description="what it may use, all its sites together")
    sites: tuple[SiteSpec, ...] = Field(description="its hosted sites")
    backup: BackupSpec = Field(default=BackupSpec(), description="what it demands of its backups")
    egress: tuple[EgressSpec, ...] = Field(default=(), description="what its sites may call outside")
    state: TenantState = Field(default=TenantState.ACTIVE, description="active, or retiring before `idc retire`")


class PersonSpec(Strict):
    """One person with one of the three administrators' roles."""

    name: PersonName = Field(description="the person's name")
    role: Role = Field(description="system, security or audit administrator")
    keys: Annotated[tuple[SshKey, ...], Field(min_length=1)] = Field(description="public SSH keys")
    until: DateField = Field(description="last day of the right")


class PeopleSpec(Strict):
    """``people.yaml``: who may do what. The three roles are held by three different people."""

    people: dict[Name, PersonSpec] = Field(description="people by login name")


class WaiverSpec(Strict):
    """One finding of a policy that is borne for a while, by whose leave and why."""

    policy: PolicyId = Field(description="id of the policy")
    scope: WaiverScope = Field(description="what it is borne for: tenant/x, tenant/x/site/y, platform or centre")
    reason: Reason = Field(description="why it is borne, and what is done until then")
    approver: Name = Field(description="login of the security administrator who approved it (people.yaml)")
    until: DateField = Field(description="last day, at most a year ahead")


class WaiversSpec(Strict):
    """``waivers.yaml``: findings that are borne for a while. An expired waiver counts as absent."""

    format: Format = Field(description="version of this format")
    waivers: tuple[WaiverSpec, ...] = Field(description="each is printed with every verdict")
