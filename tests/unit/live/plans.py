"""A small centre by hand: an edge, two web hosts and a management host; two tenants, one of them on both web hosts.

edge-1  edge 10.64.0.0/28 (8080 Internet, 8081 fabric)      internet 203.0.113.10, fabric 198.51.100.10
web-1   tax-www .16.0/28, tax-file .16.16/28 and its database .16.32/28, parks-www .16.48/28
web-2   parks-staff 10.64.32.0/28: for employees only
core-1  management
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network

from idc.model.types import Visibility, Zone
from idc.plan.types import (
    Bandwidth,
    Container,
    Endpoint,
    Flow,
    Healthcheck,
    Host,
    HostInterface,
    HostRule,
    Interface,
    Listener,
    Mount,
    Plan,
    Segment,
    Site,
    Tenant,
    Vhost,
    Volume,
)

PREFIX = IPv4Network("10.64.0.0/13")


def host(number: int, name: str, *interfaces: Interface, zones: tuple[Zone, ...] = (Zone.WEB, Zone.DATA)) -> Host:
    """A lab host with its block."""
    uplink = Interface("uplink", HostInterface.UPLINK, IPv4Interface(f"10.71.255.{number}/24"))
    return Host(
        name=name, number=number, location="hall-a", zones=zones, cpus=4, memory=8 << 30, disk=100 << 30, uplink=10**9,
        interfaces=(uplink, *interfaces), blocks=(IPv4Network((int(PREFIX[0]) + (number - 1) * 4096, 20)),),
        ssh=None, user="root", lab_name=f"idc-small-net-{name}",
    )  # fmt: skip


HOSTS = (
    host(4, "core-1", zones=(Zone.MANAGEMENT,)),
    host(
        1,
        "edge-1",
        Interface("fabric", HostInterface.FABRIC, IPv4Interface("198.51.100.10/24")),
        Interface(
            "internet", HostInterface.INTERNET, IPv4Interface("203.0.113.10/24"), IPv6Interface("2001:db8:113::10/64")
        ),
        zones=(Zone.EDGE,),
    ),
    host(2, "web-1"),
    host(3, "web-2"),
)


def segment(name: str, owner: str, where: str, subnet: str, zone: Zone = Zone.WEB, subnet6: str = "") -> Segment:
    """A segment; its tenant is read from its owner."""
    network = IPv4Network(subnet)
    tenant = owner.split("/")[1] if owner.startswith("tenant/") else ""
    return Segment(
        name=name, owner=owner, tenant=tenant, zone=zone, host=where, subnet=network,
        bridge=f"br-{int(network[0]):08x}", stack=f"tenant-{tenant}" if tenant else "platform",
        subnet6=IPv6Network(subnet6) if subnet6 else None,
    )  # fmt: skip


SEGMENTS = (
    segment("edge", "service/edge", "edge-1", "10.64.0.0/28", Zone.EDGE, "fd12:3456:789a:1::/64"),
    segment("parks-staff-web", "tenant/parks/site/staff", "web-2", "10.64.32.0/28"),
    segment("parks-www-web", "tenant/parks/site/www", "web-1", "10.64.16.48/28"),
    segment("tax-file-data", "tenant/tax/site/file", "web-1", "10.64.16.32/28", Zone.DATA),
    segment("tax-file-web", "tenant/tax/site/file", "web-1", "10.64.16.16/28"),
    segment("tax-www-web", "tenant/tax/site/www", "web-1", "10.64.16.0/28"),
)
BY_NAME = {entry.name: entry for entry in SEGMENTS}


def container(name: str, where: Segment, image: str, port: int = 8080) -> Container:
    """The container of a segment, in slot a."""
    first = where.subnet6[2] if where.subnet6 else None
    second = where.subnet6[3] if where.subnet6 else None
    return Container(
        name=name, owner=where.owner, tenant=where.tenant, host=where.host, segment=where.name,
        address_a=where.subnet[2], address_b=where.subnet[3], slot="a", blue_green=image != "postgresql",
        image=image, image_id=f"sha256:{image}", port=port, command=(), env={"IDC_SITE": name},
        mounts=(Mount("volume", f"{name}-content", "/srv/site", read_only=True),), tmpfs=("/tmp",),
        cpus=0.5, memory=128 << 20, pids=64, capabilities=(), user="8080",
        healthcheck=Healthcheck(("/usr/bin/true",)), stack=where.stack, digest=f"digest-{name}",
        address6_a=first, address6_b=second,
    )  # fmt: skip


CONTAINERS = (
    container("edge", BY_NAME["edge"], "edge"),
    container("parks-staff", BY_NAME["parks-staff-web"], "nginx-static"),
    container("parks-www", BY_NAME["parks-www-web"], "nginx-static"),
    container("tax-file", BY_NAME["tax-file-web"], "filing"),
    container("tax-file-database", BY_NAME["tax-file-data"], "postgresql", 5432),
    container("tax-www", BY_NAME["tax-www-web"], "nginx-static"),
)


def endpoint(name: str) -> Endpoint:
    """A segment as one side of a flow."""
    found = BY_NAME[name]
    return Endpoint(found.owner, name, found.host, (found.subnet,))


def flow(source: str, destination: str, port: int) -> Flow:
    """A flow between two segments."""
    return Flow(endpoint(source), endpoint(destination), "tcp", port, "small centre", "8.1.3.2 b", "site")


INTERNET = Flow(
    Endpoint("internet", "", None, (IPv4Network("0.0.0.0/0"),)), endpoint("edge"), "tcp", 8080, "public", "", "service"
)
FLOWS = (
    flow("edge", "parks-staff-web", 8080),
    flow("edge", "parks-www-web", 8080),
    flow("edge", "tax-file-web", 8080),
    flow("edge", "tax-www-web", 8080),
    flow("tax-file-web", "tax-file-data", 5432),
    INTERNET,
)

CORE = (IPv4Network("10.71.255.4/32"),)
HOST_RULES = (
    *(HostRule(name, "in", CORE, "tcp", 22, "SSH from management") for name in ("edge-1", "web-1", "web-2")),
    *(
        HostRule("core-1", "out", (IPv4Network(f"10.71.255.{number}/32"),), "tcp", 22, "SSH from management")
        for number in (1, 2, 3)
    ),
)


def vhost(name: str, owner: str, upstream: str, visibility: Visibility = Visibility.INTERNET) -> Vhost:
    """A site by one name."""
    tenant = owner.split("/")[1]
    return Vhost(visibility, (name,), owner, tenant, IPv4Address(upstream), 8080, ("GET", "HEAD"))


VHOSTS = (
    vhost("staff.parks.example", "tenant/parks/site/staff", "10.64.32.2", Visibility.FABRIC),
    vhost("parks.example", "tenant/parks/site/www", "10.64.16.50"),
    vhost("file.tax.example", "tenant/tax/site/file", "10.64.16.18"),
    vhost("tax.example", "tenant/tax/site/www", "10.64.16.2"),
)


def site(entry: Vhost, container_name: str) -> Site:
    """The site behind a vhost."""
    return Site(
        ref=entry.site, tenant=entry.tenant, department=entry.tenant, name=entry.site.rsplit("/", 1)[1], kind="static",
        names=entry.names, visibility=entry.visibility, audience=("citizen",), stage="publication",
        host=next(c.host for c in CONTAINERS if c.name == container_name), container=container_name, content="",
        content_volume=f"{container_name}-content", database="",
    )  # fmt: skip


SITES = tuple(
    site(entry, name) for entry, name in zip(VHOSTS, ("parks-staff", "parks-www", "tax-file", "tax-www"), strict=True)
)


def tenant(name: str, number: int) -> Tenant:
    """A tenant as planned."""
    return Tenant(name, number, name, "active", 2, 2, 1 << 30, 1 << 30, 20_000_000, isolated=False)


PLAN = Plan(
    centre="small", fabric="net", profile="local-government", domain="small.example", prefix=PREFIX, hosts=HOSTS,
    tenants=(tenant("parks", 2), tenant("tax", 1)), sites=SITES, segments=SEGMENTS, containers=CONTAINERS,
    volumes=tuple(
        Volume(f"{c.name}-content", c.owner, c.tenant, c.host, c.stack, "content") for c in CONTAINERS if c.tenant
    ),
    secrets=(), flows=FLOWS, host_rules=HOST_RULES,
    listeners=(
        Listener(Visibility.FABRIC, "edge-1", IPv4Address("198.51.100.10"), None, 80, "edge", "edge", 8081),
        Listener(
            Visibility.INTERNET, "edge-1", IPv4Address("203.0.113.10"), IPv6Address("2001:db8:113::10"), 80, "edge",
            "edge", 8080,
        ),
    ),
    vhosts=VHOSTS,
    bandwidth=(
        Bandwidth("tax", "web-1", 11, 50_000_000, 100_000_000, (IPv4Network("10.64.16.0/28"),), ("br-0a401000",)),
    ),
    stacks=(), services={"edge": ("edge-1",)},
)  # fmt: skip


def isolated(name: str) -> Plan:
    """The plan with a tenant shut: its flows and vhosts are gone, its containers are not."""
    return replace(
        PLAN,
        tenants=tuple(replace(t, isolated=t.isolated or t.id == name) for t in PLAN.tenants),
        flows=tuple(f for f in FLOWS if f"tenant/{name}/" not in f.id),
        vhosts=tuple(v for v in VHOSTS if v.tenant != name),
    )
