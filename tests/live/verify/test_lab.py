"""The lab that the hosts stand in, on this machine."""

from __future__ import annotations

from idc.live.snapshot import ContainerState, Snapshot
from idc.live.suite import Checks, control
from idc.plan.labs import lab_input
from idc.plan.types import Plan

CENTRE = "idc.centre"


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
    """No network, volume, namespace, bridge or address range in common with any other centre or container here."""
    _need_lab(plan, checks)
    engine = this_machine.engine.value
    own = _own(plan, this_machine)
    own_names = {entry.name for entry in own}
    own_networks = {entry.name for entry in engine.networks if entry.labels.get(CENTRE) == plan.id}
    own_volumes = {entry.name for entry in engine.volumes if entry.labels.get(CENTRE) == plan.id}
    checks.that(own, "lab hosts", "are not on this machine")
    for state in engine.containers:
        if state.name in own_names:
            foreign = {entry.network for entry in state.networks} - own_networks - {"none"}
            checks.that(not foreign, f"container {state.name}", f"is also on {', '.join(sorted(foreign))}")
            volumes = {mount.source for mount in state.mounts if mount.kind == "volume"} - own_volumes
            checks.that(not volumes, f"container {state.name}", f"uses {', '.join(sorted(volumes))}")
            continue
        common = {entry.network for entry in state.networks} & own_networks
        checks.that(not common, f"container {state.name}", f"of another owner is on {', '.join(sorted(common))}")
        used = {mount.source for mount in state.mounts if mount.kind == "volume"} & own_volumes
        checks.that(not used, f"container {state.name}", f"of another owner uses {', '.join(sorted(used))}")
        ids = {entry.id: entry.name for entry in own}
        joined = state.network_mode.removeprefix("container:")
        checks.that(joined not in ids and joined not in own_names, f"container {state.name}", "shares a namespace")


@control("8.1.2.1 d")
def test_this_machine_has_no_address_among_the_hosts(this_machine: Snapshot, plan: Plan, checks: Checks) -> None:
    """This machine stands on the listeners' networks at most, never on the hosts' own, and routes nothing to them."""
    _need_lab(plan, checks)
    from ipaddress import ip_interface, ip_network

    for link in this_machine.links.value:
        for text in link.addresses:
            inside = ip_interface(text).version == 4 and ip_interface(text).ip in plan.prefix
            checks.that(not inside, f"link {link.name}", f"has {text}, inside the centre's {plan.prefix}")
    for route in this_machine.routes.value:
        if route.destination == "default" or ":" in route.destination or route.kind != "unicast":
            continue
        overlap = ip_network(route.destination, strict=False).overlaps(plan.prefix)
        checks.that(not overlap, f"route to {route.destination}", f"of this machine leads into {plan.prefix}")
