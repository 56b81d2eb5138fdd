"""Plans built by hand, so that a picture is tested without the planner: a centre like the reference, and large ones."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network

from idc.model.types import Visibility, Zone
from idc.plan.types import (
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
    Site,
    Stack,
    Tenant,
    Vhost,
)

GIB = 1024**3
PUBLIC = IPv4Interface("203.0.113.10/24")
PUBLIC6 = IPv6Interface("2001:db8:71::10/64")
USERS = IPv4Interface("198.18.71.10/24")


def host(number: int, name: str, location: str, zones: tuple[Zone, ...], cpus: float, memory: int, disk: int) -> Host:
    """A lab host; number 1 is the edge, with interfaces to the outside."""
    interfaces = [Interface("uplink", HostInterface.UPLINK, IPv4Interface(f"10.71.255.{number}/24"))]
    if Zone.EDGE in zones:
        interfaces.append(Interface("internet", HostInterface.INTERNET, PUBLIC, PUBLIC6))
        interfaces.append(Interface("fabric", HostInterface.FABRIC, USERS))
    return Host(
        name=name,
        number=number,
        location=location,
        zones=zones,
        cpus=cpus,
        memory=memory * GIB,
        disk=disk * GIB,
        uplink=10**9,
        interfaces=tuple(interfaces),
        blocks=(IPv4Network(f"10.64.{16 * number}.0/20"),),
        ssh=None,
        user="root",
        lab_name=f"idc-reference-government-extranet-{name}",
    )


def segment(name: str, owner: str, tenant: str, zone: Zone, on: Host, index: int) -> Segment:
    """The ``index``-th /28 of a host's block."""
    subnet = IPv4Network((int(on.blocks[0].network_address) + 16 * index, 28))
    return Segment(
        name=name,
        owner=owner,
        tenant=tenant,
        zone=zone,
        host=on.name,
        subnet=subnet,
        bridge=f"br-{int(subnet.network_address):08x}",
        stack=f"tenant-{tenant}" if tenant else "platform",
        subnet6=IPv6Network("fd71:0:0:1::/64") if zone is Zone.EDGE else None,
    )


def container(name: str, place: Segment, image: str, port: int) -> Container:
    """The first container of a segment."""
    return Container(
        name=name,
        owner=place.owner,
        tenant=place.tenant,
        host=place.host,
        segment=place.name,
        address_a=place.subnet[2],
        address_b=place.subnet[3],
        slot="a",
        blue_green=image != "postgresql",
        image=image,
        image_id="sha256:" + "0" * 64,
        port=port,
        command=(),
        env={},
        mounts=(),
        tmpfs=(),
        cpus=0.5,
        memory=128 * 1024**2,
        pids=64,
        capabilities=(),
        user="8080:8080",
        healthcheck=Healthcheck(("true",)),
        stack=place.stack,
        digest="0" * 12,
    )


def endpoint(place: Segment) -> Endpoint:
    """A segment as one side of a flow."""
    return Endpoint(place.owner, place.name, place.host, (place.subnet,))


class Builder:
    """Collects sites; ``plan`` makes the plan of them."""

    def __init__(self, hosts: list[Host]) -> None:
        self.hosts = hosts
        self.used: dict[str, int] = {}
        self.segments: list[Segment] = []
        self.containers: list[Container] = []
        self.sites: list[Site] = []
        self.flows: list[Flow] = []
        self.vhosts: list[Vhost] = []
        self.tenants: dict[str, Tenant] = {}
        self.edge = self.add(self.hosts[0], "edge", "service/edge", "", Zone.EDGE)
        self.containers.append(container("edge", self.edge, "edge", 8080))
        for visibility in Visibility:
            ref = "internet" if visibility is Visibility.INTERNET else "government-extranet"
            outside = Endpoint(ref, "", None, (IPv4Network("0.0.0.0/0"),))
            self.flow(
                outside,
                endpoint(self.edge),
                8080 if visibility is Visibility.INTERNET else 8081,
                "clients reach the edge",
            )

    def add(self, on: Host, name: str, owner: str, tenant: str, zone: Zone) -> Segment:
        """A segment on a host."""
        index = self.used[on.name] = self.used.get(on.name, -1) + 1
        self.segments.append(segment(name, owner, tenant, zone, on, index))
        return self.segments[-1]

    def flow(self, source: Endpoint, target: Endpoint, port: int, reason: str, until: date | None = None) -> None:
        """An allowed flow."""
        origin = "declared" if until else "site"
        self.flows.append(
            Flow(
                source,
                target,
                "tcp",
                port,
                reason,
                "8.1.3.2 b",
                "declared" if origin == "declared" else "site",
                until=until,
            )
        )

    def site(
        self,
        tenant: str,
        department: str,
        name: str,
        on: Host,
        visibility: Visibility,
        kind: str = "static",
        isolated: bool = False,
    ) -> None:
        """A site of a tenant, with a database where it is an app."""
        ref, stem = f"tenant/{tenant}/site/{name}", f"{tenant}-{name}"
        names = (
            (f"{name}.{tenant}.city.example",)
            if name != "www"
            else (f"{tenant}.city.example", f"www.{tenant}.city.example")
        )
        web = self.add(on, f"{stem}-web", ref, tenant, Zone.WEB)
        self.containers.append(container(f"{stem}-web", web, "filing" if kind == "app" else "nginx-static", 8080))
        if not isolated:
            self.flow(endpoint(self.edge), endpoint(web), 8080, "the edge passes requests to the site")
            self.vhosts.append(Vhost(visibility, names, ref, tenant, web.subnet[2], 8080, ("GET",)))
        if kind == "app":
            data = self.add(on, f"{stem}-data", ref, tenant, Zone.DATA)
            self.containers.append(container(f"{stem}-database", data, "postgresql", 5432))
            if not isolated:
                self.flow(endpoint(web), endpoint(data), 5432, "the application's own database")
        audience = ("employee",) if visibility is Visibility.FABRIC else ("citizen", "business")
        self.sites.append(
            Site(
                ref,
                tenant,
                department,
                name,
                kind,
                names,
                visibility,
                audience,
                "transaction" if kind == "app" else "publication",
                on.name,
                f"{stem}-web",
                "",
                f"{stem}-content",
                f"{stem}-database" if kind == "app" else "",
            )
        )
        self.tenants[tenant] = Tenant(
            tenant, len(self.tenants) + 1, department, "active", 3, 2, 2 * GIB, 20 * GIB, 50_000_000, isolated
        )

    def plan(self) -> Plan:
        """The plan of everything added."""
        core = next((each for each in self.hosts if Zone.MANAGEMENT in each.zones), self.hosts[0])
        listeners = (
            Listener(Visibility.INTERNET, self.hosts[0].name, PUBLIC.ip, PUBLIC6.ip, 80, "edge", "edge", 8080),
            Listener(Visibility.FABRIC, self.hosts[0].name, USERS.ip, None, 80, "edge", "edge", 8081),
        )
        rules = tuple(
            HostRule(each.name, "in", (IPv4Network(f"{core.address}/32"),), "tcp", 22, "management")
            for each in self.hosts
        )
        backup = tuple(each.name for each in self.hosts if Zone.BACKUP in each.zones)
        services = {"edge": (self.hosts[0].name,), "backup": backup}
        services |= dict.fromkeys(("ca", "dns", "time", "monitoring", "logs"), (core.name,))
        return Plan(
            centre="reference",
            fabric="government-extranet",
            profile="local-government",
            domain="city.example",
            prefix=IPv4Network("10.64.0.0/13"),
            hosts=tuple(self.hosts),
            tenants=tuple(self.tenants.values()),
            sites=tuple(self.sites),
            segments=tuple(self.segments),
            containers=tuple(self.containers),
            volumes=(),
            secrets=(),
            flows=tuple(self.flows),
            host_rules=rules,
            listeners=listeners,
            vhosts=tuple(self.vhosts),
            bandwidth=(),
            stacks=(Stack("platform", "platform", (self.hosts[0].name,)),),
            services=services,
            declaration_digest="sha256:" + "5eed" * 16,
        )


def five_hosts() -> list[Host]:
    """The hosts of the reference centre's extranet."""
    return [
        host(1, "edge-1", "hall-a", (Zone.EDGE,), 4, 8, 100),
        host(2, "web-1", "hall-a", (Zone.WEB, Zone.DATA), 16, 64, 1024),
        host(3, "web-2", "hall-a", (Zone.WEB, Zone.DATA), 16, 64, 1024),
        host(4, "core-1", "hall-a", (Zone.MANAGEMENT, Zone.TRUST, Zone.EXCHANGE), 8, 32, 1024),
        host(5, "dr-1", "hall-b", (Zone.BACKUP,), 8, 16, 4096),
    ]


def reference() -> Plan:
    """Five hosts, four tenants, five sites."""
    build = Builder(five_hosts())
    _, web1, web2, _, _ = build.hosts
    build.site("civil-affairs", "Civil Affairs Bureau", "www", web1, Visibility.INTERNET)
    build.site("personnel", "Personnel Department", "staff", web2, Visibility.FABRIC)
    build.site("portal", "City Government Office", "www", web1, Visibility.INTERNET, "portal")
    build.site("tax", "Municipal Tax Service", "file", web1, Visibility.INTERNET, "app")
    build.site("tax", "Municipal Tax Service", "www", web2, Visibility.INTERNET)
    return build.plan()


def busy() -> Plan:
    """The reference with an isolated tenant, a flow between tenants and one to an address outside."""
    build = Builder(five_hosts())
    _, web1, web2, _, _ = build.hosts
    build.site("civil-affairs", "Civil Affairs Bureau", "www", web1, Visibility.INTERNET)
    build.site(
        "lands", "Lands and Registry Office <parcels & deeds>", "www", web2, Visibility.INTERNET, "app", isolated=True
    )
    build.site("personnel", "Personnel Department", "staff", web2, Visibility.FABRIC, "app")
    build.site("portal", "City Government Office", "www", web1, Visibility.INTERNET, "portal")
    build.site("tax", "市税务局 Municipal Tax Service", "file", web1, Visibility.INTERNET, "app")
    build.site("tax", "Municipal Tax Service", "www", web2, Visibility.INTERNET)
    by_name = {each.name: each for each in build.segments}
    build.flow(
        endpoint(by_name["personnel-staff-web"]),
        endpoint(by_name["tax-file-web"]),
        8080,
        "payroll asks for the tax classes of employees",
        date(2027, 6, 30),
    )
    build.flow(
        endpoint(by_name["tax-file-web"]),
        Endpoint("192.0.2.0/28", "", None, (IPv4Network("192.0.2.0/28"),)),
        443,
        "receipts are stamped by the bank's time service",
        date(2027, 12, 31),
    )
    return build.plan()


def single_host() -> Plan:
    """Every zone on one host, as in a small intranet; only the fabric's users enter."""
    zones = (Zone.EDGE, Zone.WEB, Zone.DATA, Zone.MANAGEMENT, Zone.TRUST, Zone.EXCHANGE)
    build = Builder(
        [host(1, "int-1", "hall-a", zones, 16, 64, 1024), host(2, "int-dr", "hall-b", (Zone.BACKUP,), 8, 16, 4096)]
    )
    build.site("archives", "City Archives", "catalogue", build.hosts[0], Visibility.FABRIC, "app")
    plan = build.plan()
    listeners = tuple(each for each in plan.listeners if each.visibility is Visibility.FABRIC)
    flows = tuple(flow for flow in plan.flows if flow.source.ref != "internet")
    return replace(
        plan, fabric="office-intranet", prefix=IPv4Network("10.128.0.0/16"), listeners=listeners, flows=flows
    )


def sized(sites: int, web_hosts: int, halls: int = 1) -> Plan:
    """A centre with that many sites: every third an app, every fourth of the fabric, every fiftieth isolated."""
    hosts = [host(1, "edge-1", "hall-a", (Zone.EDGE,), 4, 8, 100)]
    for index in range(web_hosts):
        hall = "hall-" + "abcdefgh"[index % halls]
        hosts.append(host(index + 2, f"web-{index + 1}", hall, (Zone.WEB, Zone.DATA), 16, 64, 1024))
    hosts.append(host(web_hosts + 2, "core-1", "hall-a", (Zone.MANAGEMENT, Zone.TRUST, Zone.EXCHANGE), 8, 32, 1024))
    hosts.append(host(web_hosts + 3, "dr-1", "hall-z", (Zone.BACKUP,), 8, 16, 4096))
    build = Builder(hosts)
    for index in range(sites):
        visibility = Visibility.FABRIC if index % 4 == 3 else Visibility.INTERNET
        on = hosts[1 + index % web_hosts]
        kind = "app" if index % 3 == 0 else "static"
        build.site(f"d{index:04}", f"Department {index}", "www", on, visibility, kind, isolated=index % 50 == 49)
    return build.plan()


def addresses_of(plan: Plan) -> set[IPv4Address | IPv6Address]:
    """Every address a picture may show."""
    return {container.address() for container in plan.containers}
