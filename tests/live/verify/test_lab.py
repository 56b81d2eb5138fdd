"""The lab that the hosts stand in, on this machine."""

from __future__ import annotations

from ipaddress import ip_interface, ip_network

from idc.live.snapshot import ContainerState, Snapshot
from idc.live.suite import Checks, control
from idc.plan.labs import lab_input
from idc.plan.types import Plan

CENTRE = "idc.centre"
BRIDGE = "com.docker.network.bridge.name"


def _need_lab(plan: Plan, checks: Checks) -> None:
    if not any(host.is_lab for host in plan.hosts):
        checks.not_applicable("the hosts are machines of their own")


def _own(plan: Plan, machine: Snapshot) -> list[ContainerState]:
    return [entry for entry in machine.engine.value.containers if entry.labels.get(CENTRE) == plan.id]


def test_lab_hosts_are_on_their_own_networks_only(this_machine: Snapshot, plan: Plan, checks: Checks) -> None:
    """Each lab host and person runs, on the planned networks and no others, and publishes no port."""
    _need_lab(plan, checks)
    document = lab_input(plan)
    planned = {entry["docker_name"]: {link["network"] for link in entry["links"]} for entry in document["lab_hosts"]}
    planned |= {entry["docker_name"]: {entry["network"]} for entry in document["people"]}
    own = {entry.name: entry for entry in _own(plan, this_machine)}
    checks.same("on this machine", own, planned, kind="container")
    for name, networks in sorted(planned.items()):
        state = own.get(name)
        if state is None:
            continue
        subject = f"container {name}"
        checks.that(state.running, subject, f"is {state.status}")
        found = {entry.network for entry in state.networks} - {"none"}
        checks.equal(subject, "its networks", found, networks)
        checks.that(not state.privileged, subject, "is privileged")
        checks.that(not state.published, subject, f"publishes {', '.join(state.published)}")
        bound = [mount for mount in state.mounts if mount.kind == "bind"]
        checks.that(not bound, subject, f"sees folders of this machine: {', '.join(mount.source for mount in bound)}")


@control("8.1.2.1 d")
def test_nothing_is_shared_with_another_centre(this_machine: Snapshot, plan: Plan, checks: Checks) -> None:
    """No network, volume or namespace in common with any other container here, and none with this machine."""
    _need_lab(plan, checks)
    engine = this_machine.engine.value
    own = _own(plan, this_machine)
    names = {word for entry in own for word in (entry.name, entry.id)}
    networks = {entry.name for entry in engine.networks if entry.labels.get(CENTRE) == plan.id}
    volumes = {entry.name for entry in engine.volumes if entry.labels.get(CENTRE) == plan.id}
    checks.that(own, "lab hosts", "are not on this machine")
    for state in engine.containers:
        subject = f"container {state.name}"
        on = {entry.network for entry in state.networks} - {"none"}
        used = {mount.source for mount in state.mounts if mount.kind == "volume"}
        joined = [(kind, mode) for kind, mode in _namespaces(state) if mode.startswith("container:")]
        if state.name in names:
            checks.that(on <= networks, subject, f"is also on {', '.join(sorted(on - networks))}")
            checks.that(used <= volumes, subject, f"uses {', '.join(sorted(used - volumes))}")
            joined += [(kind, mode) for kind, mode in _namespaces(state) if mode in ("host", "shareable")]
            checks.that(not joined, subject, f"shares a namespace: {_told(joined)}")
        else:
            checks.that(not on & networks, subject, f"of another owner is on {', '.join(sorted(on & networks))}")
            checks.that(not used & volumes, subject, f"of another owner uses {', '.join(sorted(used & volumes))}")
            guest = [(kind, mode) for kind, mode in joined if mode.removeprefix("container:") in names]
            checks.that(not guest, subject, f"of another owner shares a namespace: {_told(guest)}")


def _namespaces(state: ContainerState) -> list[tuple[str, str]]:
    return [
        ("network", state.network_mode), ("ipc", state.ipc_mode), ("pid", state.pid_mode), ("uts", state.uts_mode),
    ]  # fmt: skip


def _told(modes: list[tuple[str, str]]) -> str:
    return ", ".join(f"{kind} {mode}" for kind, mode in modes)


@control("8.1.2.1 d")
def test_no_bridge_or_address_range_is_anothers_too(this_machine: Snapshot, plan: Plan, checks: Checks) -> None:
    """The lab's networks are the planned ones, and no other network here has a bridge or an address range of theirs."""
    _need_lab(plan, checks)
    engine = this_machine.engine.value
    planned = {entry["name"]: entry for entry in lab_input(plan)["networks"]}
    own = {entry.name: entry for entry in engine.networks if entry.labels.get(CENTRE) == plan.id}
    checks.same("on this machine", own, planned, kind="network")
    links = {link.name: link for link in this_machine.links.value}
    for name in sorted(own.keys() & planned.keys()):
        subject, state, entry = f"network {name}", own[name], planned[name]
        checks.equal(subject, "its bridge", state.options.get(BRIDGE), entry["bridge"])
        ranges = {entry["subnet"], *([entry["subnet6"]] if entry["subnet6"] else [])}
        checks.equal(subject, "its address ranges", {subnet for subnet, _ in state.subnets}, ranges)
        link = links.get(entry["bridge"])
        checks.that(link and link.kind == "bridge", subject, f"has no bridge {entry['bridge']} on this machine")
        guests = sorted(n for n, port in links.items() if port.master == entry["bridge"] and port.kind != "veth")
        checks.that(not guests, subject, f"has {', '.join(guests)} on its bridge: a way out of the lab")
    for other in engine.networks:
        if other.name in own:
            continue
        subject = f"network {other.name}"
        bridges = {entry["bridge"] for entry in planned.values()} & {other.options.get(BRIDGE)}
        checks.that(not bridges, subject, f"of another owner is the bridge {', '.join(map(str, bridges))}")
        for subnet, _ in other.subnets:
            mine = [s for state in own.values() for s, _ in state.subnets if _overlap(s, subnet)]
            checks.that(not mine, subject, f"of another owner has {subnet}, which overlaps {', '.join(mine)}")


def _overlap(one: str, other: str) -> bool:
    first, second = ip_network(one), ip_network(other)
    return first.version == second.version and first.overlaps(second)


@control("8.1.2.1 d")
def test_this_machine_has_no_address_among_the_hosts(this_machine: Snapshot, plan: Plan, checks: Checks) -> None:
    """This machine stands on the listeners' networks at most, never on the hosts' own, and routes nothing to them."""
    _need_lab(plan, checks)
    for link in this_machine.links.value:
        for text in link.addresses:
            inside = ip_interface(text).version == 4 and ip_interface(text).ip in plan.prefix
            checks.that(not inside, f"link {link.name}", f"has {text}, inside the centre's {plan.prefix}")
    for route in this_machine.routes.value:
        if route.destination == "default" or ":" in route.destination or route.kind != "unicast":
            continue
        overlap = ip_network(route.destination, strict=False).overlaps(plan.prefix)
        checks.that(not overlap, f"route to {route.destination}", f"of this machine leads into {plan.prefix}")
