"""Input of each Pulumi stack: what its program needs to know, as one JSON document, and nothing of any other stack.

The programs (``stacks/``) import nothing of the plan: they read ``<station>/plans/<stack>.json``, which the engine
writes from ``stack_input`` after it has filled in ``station`` and each ``hosts.<name>.docker_host``.

Common to all kinds::

    kind      "lab" | "platform" | "tenant"
    centre    "reference.government-extranet"            (Plan.id)
    stack     "lab" | "platform" | "tenant-tax"
    station   ""                                         the engine fills it in; the program adds the label idc.station
    prefix    "10.64.0.0/13"                              the centre's addresses, which the policy pack judges by
    hosts     {"web-1": {"docker_host": ""}}             engines it provisions on; in the lab stack one: "machine"
    networks, volumes, containers, lab_hosts, people     lists, sorted by name (empty where a kind has none)

Every entry has ``labels``, complete but for ``idc.station``: idc.centre, idc.stack, idc.resource (the Pulumi logical
name, unique within its type), idc.digest (16 hex digits over the entry itself), and idc.owner, idc.tenant, idc.zone
where they apply. Every entry has ``host``: a key of ``hosts``.

platform and tenant::

    networks    {name, host, subnet, gateway, bridge, subnet6|null, gateway6|null, labels}
                name is the Docker network's name and the logical name; driver bridge; bridge its Linux name
    volumes     {name, host, purpose: "content"|"database", labels}
    containers  {name, docker_name, host, image_id, network, ipv4, ipv6|null, env: {k: v}, command: [..],
                 mounts: [{kind: "volume"|"folder", source, target, read_only}], tmpfs: {path: options},
                 cpus: 0.5, memory: bytes (whole MiB; swap is to be the same), pids, capabilities: ["CAP_.."],
                 user: "uid:gid", restart, slot: "a"|"b", outgoing: bool,
                 healthcheck: {test: ["CMD", ..], interval: "5s", timeout, start_period, retries: 6}, labels}
                docker_name ("tax-file-app-a") is the logical name: a takeover creates one resource and later deletes
                another, it never replaces. `outgoing` marks the container that only stays until then.

lab (all on the machine's own engine)::

    networks    {name: "idc-reference-government-extranet-uplink", role: "uplink"|"internet"|"fabric", host, subnet,
                 gateway, subnet6|null, gateway6|null, inhibit_ipv4, masquerade, bridge, labels}
                inhibit_ipv4: the machine itself gets no address there (com.docker.network.bridge.inhibit_ipv4)
    volumes     {name: "idc-reference-government-extranet-web-1", host, purpose: "engine", labels}
    lab_hosts   {name: "web-1", docker_name, hostname, host, image_id, links: [{network, role, ipv4, ipv6|null}],
                 env: {"IDC_LINKS": "10.71.255.1=uplink,.."}, volume, volume_target: "/var/lib/docker", labels}
                docker_name is also the logical name
    people      {name: "citizen"|"employee", docker_name, host, image_id, network, ipv4, ipv6|null, labels}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from idc.plan import labs
from idc.plan.labels import Entry, label
from idc.plan.types import Container, Plan, Segment, Slot, Stack, Volume


def stack_input(
    plan: Plan, stack_name: str, *, outgoing: Mapping[str, Slot] | None = None, applied: Plan | None = None
) -> dict[str, Any]:
    """The document described above.

    ``outgoing`` names containers whose old slot stays alongside during a takeover; how they look is taken from
    ``applied``, the plan they were made by. Raises KeyError for a stack that the plan does not have, ValueError for an
    outgoing container that is not in ``applied``.
    """
    stack = plan.stack_by_name[stack_name]
    document: dict[str, Any] = {
        "kind": stack.kind,
        "centre": plan.id,
        "stack": stack.name,
        "station": "",
        "prefix": str(plan.prefix),
        "hosts": {name: {"docker_host": ""} for name in stack.hosts},
        "networks": [],
        "volumes": [],
        "containers": [],
        "lab_hosts": [],
        "people": [],
    }
    if stack.kind == "lab":
        document |= labs.lab_input(plan)
        return document
    content = plan.stack_content(stack_name)
    document["networks"] = [_network(plan, stack, segment) for segment in content.segments]
    document["volumes"] = [_volume(plan, stack, volume) for volume in content.volumes]
    containers = [_container(plan, stack, container, container.slot) for container in content.containers]
    for name, slot in sorted((outgoing or {}).items()):
        if plan.container_by_name[name].stack != stack_name:
            continue
        old = applied.container_by_name.get(name) if applied else None
        if applied is None or old is None:
            raise ValueError(f"{name} cannot stay alongside: the plan that made it is not at hand")
        if slot != plan.container_by_name[name].slot:
            containers.append(_container(applied, stack, old, slot) | {"outgoing": True})
    document["containers"] = sorted(containers, key=lambda entry: str(entry["docker_name"]))
    return document


def _network(plan: Plan, stack: Stack, segment: Segment) -> Entry:
    entry = {
        "name": segment.name,
        "host": segment.host,
        "subnet": str(segment.subnet),
        "gateway": str(segment.gateway),
        "bridge": segment.bridge,
        "subnet6": str(segment.subnet6) if segment.subnet6 else None,
        "gateway6": str(segment.gateway6) if segment.gateway6 else None,
    }
    more = {"owner": segment.owner, "tenant": segment.tenant, "zone": segment.zone.value}
    return label(plan, stack.name, segment.name, entry, **more)


def _volume(plan: Plan, stack: Stack, volume: Volume) -> Entry:
    entry = {"name": volume.name, "host": volume.host, "purpose": volume.purpose}
    return label(plan, stack.name, volume.name, entry, owner=volume.owner, tenant=volume.tenant)


def _container(plan: Plan, stack: Stack, container: Container, slot: Slot) -> Entry:
    check = container.healthcheck
    address6 = container.address6_a if slot == "a" else container.address6_b
    name = container.docker_name(slot)
    entry = {
        "name": container.name,
        "docker_name": name,
        "host": container.host,
        "image_id": container.image_id,
        "network": container.segment,
        "ipv4": str(container.address(slot)),
        "ipv6": str(address6) if address6 else None,
        "env": dict(sorted(container.env.items())),
        "command": list(container.command),
        "mounts": [
            {"kind": m.kind, "source": m.source, "target": m.target, "read_only": m.read_only} for m in container.mounts
        ],
        "tmpfs": dict(_tmpfs(line) for line in container.tmpfs),
        "cpus": container.cpus,
        "memory": container.memory,
        "pids": container.pids,
        "capabilities": list(container.capabilities),
        "user": container.user,
        "restart": "unless-stopped",
        "slot": slot,
        "outgoing": False,
        "healthcheck": {
            "test": ["CMD", *check.test],
            "interval": f"{check.interval}s",
            "timeout": f"{check.timeout}s",
            "start_period": f"{check.start_period}s",
            "retries": check.retries,
        },
    }
    segment = plan.segment_by_name[container.segment]
    more = {"owner": container.owner, "tenant": container.tenant, "zone": segment.zone.value}
    return label(plan, stack.name, name, entry, digest=container.digest, **more)


def _tmpfs(line: str) -> tuple[str, str]:
    """``/tmp:size=16m,mode=1777`` -> path and options."""
    path, _, options = line.partition(":")
    return path, options
