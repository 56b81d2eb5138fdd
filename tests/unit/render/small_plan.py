"""A small centre by hand: an edge, two web hosts and a core host; two tenants on both web hosts.

edge-1  edge 10.64.0.0/28                     internet 203.0.113.10, fabric 198.51.100.10
web-1   tax-www-web 10.64.16.0/28, tax-file-web .16/28, tax-file-data .32/28, parks-www-web .48/28
web-2   parks-blog-web 10.64.32.0/28
core-1  management: may reach every host by SSH
"""

from __future__ import annotations

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
    Plan,
    Segment,
)  # fmt: skip

PREFIX = IPv4Network("10.64.0.0/13")
UPLINK = "10.71.255.{}/24"


def net(text: str) -> tuple[IPv4Network, ...]:
    return (IPv4Network(text),)


def host(number: int, name: str, *interfaces: Interface, zones: tuple[Zone, ...] = (Zone.WEB, Zone.DATA)) -> Host:
    return Host(
        name=name, number=number, location="hall-a", zones=zones, cpus=4, memory=8 << 30, disk=100 << 30, uplink=10**9,
        interfaces=(Interface("uplink", HostInterface.UPLINK, IPv4Interface(UPLINK.format(number))), *interfaces),
        blocks=(IPv4Network((int(PREFIX[0]) + (number - 1) * 4096, 20)),), ssh=None, user="root",
        lab_name=f"idc-small-net-{name}",
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


def segment(name: str, tenant: str, where: str, subnet: str, zone: Zone = Zone.WEB, subnet6: str = "") -> Segment:
    network = IPv4Network(subnet)
    return Segment(
        name=name, owner=f"tenant/{tenant}" if tenant else "service/edge", tenant=tenant, zone=zone, host=where,
        subnet=network, bridge=f"br-{int(network[0]):08x}", stack=f"tenant-{tenant}" if tenant else "platform",
        subnet6=IPv6Network(subnet6) if subnet6 else None,
    )  # fmt: skip


SEGMENTS = (
    segment("edge", "", "edge-1", "10.64.0.0/28", Zone.EDGE, "fd12:3456:789a:1::/64"),
    segment("parks-blog-web", "parks", "web-2", "10.64.32.0/28"),
    segment("parks-www-web", "parks", "web-1", "10.64.16.48/28"),
    segment("tax-file-data", "tax", "web-1", "10.64.16.32/28", Zone.DATA),
    segment("tax-file-web", "tax", "web-1", "10.64.16.16/28"),
    segment("tax-www-web", "tax", "web-1", "10.64.16.0/28"),
)
BY_NAME = {segment.name: segment for segment in SEGMENTS}


def endpoint(name: str) -> Endpoint:
    found = BY_NAME[name]
    return Endpoint(found.owner, name, found.host, (found.subnet,))


def flow(source: str, destination: str, port: int) -> Flow:
    return Flow(endpoint(source), endpoint(destination), "tcp", port, "small centre", "8.1.3.2 b", "site")


FLOWS = (
    flow("edge", "parks-blog-web", 8080),
    flow("edge", "parks-www-web", 8080),
    flow("edge", "tax-file-web", 8080),
    flow("edge", "tax-www-web", 8080),
    flow("tax-file-web", "tax-file-data", 5432),
)

EDGE = Container(
    name="edge", owner="service/edge", tenant="", host="edge-1", segment="edge",
    address_a=IPv4Address("10.64.0.2"), address_b=IPv4Address("10.64.0.3"), slot="a", blue_green=True, image="edge",
    image_id="sha256:0", port=8080, command=(), env={}, mounts=(), tmpfs=(), cpus=1, memory=1 << 28, pids=100,
    capabilities=(), user="8080", healthcheck=Healthcheck(("true",)), stack="platform", digest="0",
    address6_a=IPv6Address("fd12:3456:789a:1::2"), address6_b=IPv6Address("fd12:3456:789a:1::3"),
)  # fmt: skip

CORE = (IPv4Network("10.71.255.4/32"),)
HOST_RULES = (
    *(HostRule(name, "in", CORE, "tcp", 22, "SSH from management") for name in ("edge-1", "web-1", "web-2")),
    *(
        HostRule("core-1", "out", net(f"10.71.255.{number}/32"), "tcp", 22, "SSH from management")
        for number in (1, 2, 3)
    ),
)

PLAN = Plan(
    centre="small", fabric="net", profile="local-government", domain="small.example", prefix=PREFIX, hosts=HOSTS,
    tenants=(), sites=(), segments=SEGMENTS, containers=(EDGE,), volumes=(), secrets=(), flows=FLOWS,
    host_rules=HOST_RULES,
    listeners=(
        Listener(Visibility.FABRIC, "edge-1", IPv4Address("198.51.100.10"), None, 80, "edge", "edge", 8081),
        Listener(
            Visibility.INTERNET, "edge-1", IPv4Address("203.0.113.10"), IPv6Address("2001:db8:113::10"), 80, "edge",
            "edge", 8080,
        ),
    ),
    vhosts=(),
    bandwidth=(
        Bandwidth("parks", "web-1", 12, 20_000_000, 40_000_000, net("10.64.16.48/28"), ("br-0a401030",)),
        Bandwidth(
            "tax", "web-1", 11, 50_000_000, 100_000_000,
            (*net("10.64.16.0/28"), *net("10.64.16.16/28"), *net("10.64.16.32/28")),
            ("br-0a401000", "br-0a401010", "br-0a401020"),
        ),
        Bandwidth("parks", "web-2", 12, 20_000_000, 40_000_000, net("10.64.32.0/28"), ("br-0a402000",)),
    ),
    stacks=(), services={"edge": ("edge-1",)},
)  # fmt: skip
