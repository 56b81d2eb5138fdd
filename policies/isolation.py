"""Family ``isolation``: which machines, zones and people are kept apart, beyond what packets may pass.

What packets can do is the isolation proof's (``idc.proof``), and no waiver reaches it. These rules say where things
stand; on single containers and networks ``hardening``, ``mounts`` and ``networks`` say the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from idc.model.enums import Visibility, Zone
from idc.model.profiles import Isolation
from idc.plan.types import Host, Plan
from idc.policy import Broken, Level, Looked, Remark, View, rule
from idc.proof import structure

INTERNET: Final = "internet"
SITES: Final = frozenset({Zone.WEB, Zone.DATA})
MANAGING: Final = frozenset({Zone.MANAGEMENT, Zone.TRUST})


@rule(
    "isolation.fabrics", "A fabric that the profile keeps apart from the Internet has no way to it",
    severity="critical", controls=["8.1.3.1 a", "8.1.3.1 c"], level=Level.PLANNED,
)  # fmt: skip
def fabrics_apart(view: View) -> Iterator[Remark]:
    """By the proof's own law: no listener, no interface, and no fabric that is nobody's to build."""
    plan = view.planned
    yield Looked(len(plan.listeners) + len(plan.hosts), "listeners and hosts")
    for broken in structure.fabrics(plan, view.law):
        yield Broken("centre", plan.fabric, f"is not kept apart: {broken.what}", broken.where)


@rule(
    "isolation.centres", "The centres that the profile asks for are there, each where it asks for it",
    severity="high", controls=["8.1.5.4", "8.1.4.9 b"], level=Level.PLANNED,
)  # fmt: skip
def four_centres(view: View) -> Iterator[Remark]:
    """Network management, data exchange, certification, and disaster backup away from what it backs up."""
    plan, asked = view.planned, view.law.required_centres(view.planned.fabric)
    yield Looked(len(asked), "centres that the profile asks for")
    homes = {host.location for host in plan.hosts if SITES & set(host.zones)}
    for name, wanted in asked.items():
        for service in wanted.services:
            hosts = plan.services.get(service.value, ())
            if not hosts:
                yield Broken("centre", f"centre {name}", f"is missing: no host offers the service {service}")
            elif wanted.own_location and not any(plan.host_by_name[host].location not in homes for host in hosts):
                yield Broken("centre", f"centre {name}", f"lies where the sites lie: {', '.join(sorted(homes))}")


@rule(
    "isolation.zones", "What is in a zone stands on a host that offers it",
    severity="high", controls=["8.1.2.1 d"], level=Level.PLANNED,
)  # fmt: skip
def zones_of_hosts(view: View) -> Iterator[Remark]:
    """A segment of the data zone on a host of the edge has the edge's exposure, whatever the rules say."""
    plan = view.planned
    yield Looked(len(plan.segments), "segments")
    for segment in plan.segments:
        if segment.zone not in plan.host_by_name[segment.host].zones:
            words = f"is of zone {segment.zone} on {segment.host}, which does not offer it"
            yield Broken(scope(segment.tenant), f"segment {segment.name}", words, f"host {segment.host}", segment.owner)


@rule(
    "isolation.data", "A database stands in the data zone, and what stands there is shown to nobody",
    severity="critical", controls=["8.1.2.1 d", "8.1.4.2"], level=Level.PLANNED,
)  # fmt: skip
def databases_in_data(view: View) -> Iterator[Remark]:
    """The proof keeps the data zone for its own site; so what belongs there has to be in it, and no vhost."""
    plan = view.planned
    databases = {volume.name for volume in plan.volumes if volume.purpose == "database"}
    yield Looked(len(plan.containers), "containers")
    shown = {vhost.upstream for vhost in plan.vhosts}
    for container in plan.containers:
        zone = plan.segment_by_name[container.segment].zone
        keeps = any(mount.kind == "volume" and mount.source in databases for mount in container.mounts)
        where = f"host {container.host}"
        if keeps and zone is not Zone.DATA:
            words = f"keeps a database in zone {zone}"
            yield Broken(scope(container.tenant), f"container {container.name}", words, where, container.owner)
        if zone is Zone.DATA and {container.address_a, container.address_b} & shown:
            words = "is in the data zone, and the edge shows it"
            yield Broken(scope(container.tenant), f"container {container.name}", words, where, container.owner)


@rule(
    "isolation.edge-host", "Where the Internet comes in, a host is the edge and nothing else",
    severity="high", controls=["8.1.2.1 d", "8.1.3.1 a"], level=Level.PLANNED,
)  # fmt: skip
def edge_alone(view: View) -> Iterator[Remark]:
    """What the Internet breaks into first shares no kernel with a tenant, the management or the keys."""
    plan = view.planned
    hosts = [host for host in plan.hosts if Zone.EDGE in host.zones]
    yield Looked(len(hosts), "hosts of the edge")
    for host in hosts if internet_reaches(view) else ():
        if other := set(host.zones) - {Zone.EDGE}:
            yield Broken("centre", f"host {host.name}", f"is the edge and offers {zones(other)} too")


@rule(
    "isolation.management-host", "Where the Internet reaches sites, management and keys have hosts of their own",
    severity="high", controls=["8.2.5.1 b", "8.1.5.4"], level=Level.PLANNED,
)  # fmt: skip
def management_alone(view: View) -> Iterator[Remark]:
    """A tenant who leaves its container must not stand beside what administers all others."""
    plan = view.planned
    hosts = [host for host in plan.hosts if SITES & set(host.zones)]
    yield Looked(len(hosts), "hosts of sites")
    for host in hosts if internet_reaches(view) else ():
        if other := MANAGING & set(host.zones):
            yield Broken("centre", f"host {host.name}", f"holds sites and offers {zones(other)} too")


@rule(
    "isolation.audience", "What employees use is not shown to the Internet",
    severity="high", controls=["8.1.4.2", "8.1.3.2 b"], level=Level.PLANNED,
)  # fmt: skip
def employees_inside(view: View) -> Iterator[Remark]:
    """The model refuses a site for employees only; one for citizens and employees shows them the employees' part."""
    plan: Plan = view.planned
    sites = {site.ref: site for site in plan.sites}
    shown = [vhost for vhost in plan.vhosts if vhost.visibility is Visibility.INTERNET]
    yield Looked(len(shown), "sites on the Internet's listener")
    for vhost in shown:
        site = sites.get(vhost.site)
        if site is None or "employee" in site.audience:
            words = "is for employees, and the Internet sees it" if site else "is no site, and the Internet sees it"
            yield Broken(scope(vhost.tenant), vhost.site, words, ", ".join(vhost.names), vhost.site)


def internet_reaches(view: View) -> bool:
    """Whether the Internet may come in at all; what the profile does not know counts as if it did."""
    fabric, law = view.planned.fabric, view.law
    if fabric == INTERNET or INTERNET not in law.fabrics:
        return True
    return law.isolation(INTERNET, fabric) is Isolation.LOGICAL


def scope(tenant: str) -> str:
    """Who has to mend what is a tenant's, or the platform's where it is none's."""
    return f"tenant/{tenant}" if tenant else "platform"


def zones(found: set[Zone] | frozenset[Zone]) -> str:
    """Zones in words."""
    return ", ".join(sorted(zone.value for zone in found))


def backup_hosts(plan: Plan) -> list[Host]:
    """The hosts that keep copies."""
    return [plan.host_by_name[name] for name in plan.services.get("backup", ()) if name in plan.host_by_name]
