"""Addresses, routes and bandwidth."""

from __future__ import annotations

from ipaddress import ip_interface

from idc.live.redirects import read
from idc.live.snapshot import Snapshot, TrafficClass
from idc.live.suite import Checks, control
from idc.plan.types import Host, Plan
from idc.render.bandwidth import INBOUND, OUTBOUND, redirects

ROOT = "1:"


def _planned_addresses(plan: Plan, host: Host) -> dict[str, set[str]]:
    planned: dict[str, set[str]] = {}
    for interface in host.interfaces:
        planned[interface.name] = {str(interface.address)} | (
            {str(interface.address6)} if interface.address6 else set()
        )
    for segment in plan.segments:
        if segment.host == host.name:
            planned[segment.bridge] = {f"{segment.gateway}/{segment.subnet.prefixlen}"}
            if segment.subnet6 and segment.gateway6:
                planned[segment.bridge].add(f"{segment.gateway6}/{segment.subnet6.prefixlen}")
    return planned


@control("8.1.2.1 d")
def test_interfaces_have_the_planned_addresses_and_no_others(snapshot: Snapshot, plan: Plan, checks: Checks) -> None:
    """Each interface and bridge has its planned addresses; no other interface has any."""
    planned = _planned_addresses(plan, plan.host_by_name[snapshot.host])
    links = {link.name: link for link in snapshot.links.value}
    for name, addresses in sorted(planned.items()):
        link = links.get(name)
        checks.that(link is not None, f"link {name}", "is missing")
        if link is not None:
            found = {str(ip_interface(address)) for address in link.addresses}
            checks.equal(f"link {name}", "its addresses", found, {str(ip_interface(a)) for a in addresses})
            checks.that(link.up, f"link {name}", "is down")
    if plan.host_by_name[snapshot.host].is_lab:
        for link in links.values():
            if link.name not in planned and link.name != "lo":
                checks.that(
                    not link.addresses, f"link {link.name}", f"has {', '.join(link.addresses)}, nobody declared it"
                )


@control("8.1.2.1 d")
def test_routes_are_as_planned(snapshot: Snapshot, plan: Plan, checks: Checks) -> None:
    """Each other host's blocks are routed to it; what no host has goes nowhere."""
    host = plan.host_by_name[snapshot.host]
    found = {(r.destination, r.gateway) for r in snapshot.routes.value if r.table == "main" and r.kind == "unicast"}
    for other in plan.hosts:
        for block in other.blocks if other.name != host.name else ():
            checks.that(
                (str(block), str(other.address)) in found, f"route to {block}", f"by {other.address} is missing"
            )
    holes = {r.destination for r in snapshot.routes.value if r.kind in ("blackhole", "unreachable", "prohibit")}
    checks.that(str(plan.prefix) in holes, f"the rest of {plan.prefix}", "does not end in a blackhole")
    gateways = {str(other.address) for other in plan.hosts}
    for destination, gateway in sorted(found):
        if gateway and destination != "default":
            checks.that(
                gateway in gateways, f"route to {destination}", f"goes by {gateway}, which is no host of the centre"
            )
    if host.is_lab:
        checks.that(not any(d == "default" for d, _ in found), "default route", "exists; a lab host has none")


def _near(found: int, planned: int) -> bool:
    """tc prints rates rounded to three or more digits."""
    return abs(found - planned) <= max(1000, planned // 500)


@control("8.1.2.1 b")
def test_tenants_have_their_bandwidth(snapshot: Snapshot, plan: Plan, checks: Checks) -> None:
    """Each tenant's HTB class has its guarantee and its limit each way, and all of its links lead to it."""
    host = plan.host_by_name[snapshot.host]
    shares = [share for share in plan.bandwidth if share.host == host.name]
    traffic = snapshot.traffic.value
    uplink, planned = host.uplink_interface.name, redirects(plan, host.name)
    found: dict[tuple[str, str], TrafficClass] = {(c.interface, c.id): c for c in traffic.classes}
    roots = {(interface, kind) for interface, kind, handle, root in traffic.qdiscs if root and handle == ROOT}
    links = (uplink, *sorted({OUTBOUND, INBOUND} & {entry.device for e in planned.values() for entry in e}))
    for link in links:
        checks.that((link, "htb") in roots, f"link {link}", "has no HTB")
    for link, entries in planned.items():
        # A bridge of a segment stands from its first container on.
        there = link in {entry.name for entry in snapshot.links.value}
        text = traffic.filters.get(f"{link} egress", "")
        checks.that(not there or read(text) == entries, f"link {link}", "is not gathered as planned")
    for share in shares:
        minor = f"{ROOT}{share.class_id:x}"
        ceil = min(share.ceil, host.uplink)
        for interface in links:
            subject = f"tenant {share.tenant} on {interface}"
            entry = found.get((interface, minor))
            checks.that(entry is not None, subject, f"has no class {minor}")
            if entry is not None:
                checks.that(
                    _near(entry.rate, share.rate), subject, f"is guaranteed {entry.rate} bit/s, planned {share.rate}"
                )
                checks.that(_near(entry.ceil, ceil), subject, f"is limited to {entry.ceil} bit/s, planned {ceil}")
    classes = {f"{ROOT}{share.class_id:x}" for share in shares}
    for interface, name in sorted(found):
        if interface in links and int(name.partition(":")[2] or "0", 16) < 0xFFFE:
            checks.that(name in classes, f"class {name} on {interface}", "is no planned tenant's")
