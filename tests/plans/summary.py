"""A plan in one line a thing: what a reviewer wants to see of it. The golden files hold this.

python -m tests.plans.summary centres/reference/extranet > tests/plans/reference-extranet.txt
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from idc import model
from idc.model.units import format_bandwidth, format_bytes
from idc.plan import make
from idc.plan.lock import Lock
from idc.plan.types import Flow, Plan

TODAY = date(2026, 6, 1)
IMAGES = {name: f"sha256:{name}" for name in ("client", "edge", "filing", "lab-host", "nginx-static", "postgresql")}


def plan_of(folder: Path) -> Plan:
    """The first plan of a centre, with images that do not exist and an empty lock."""
    return make(model.load(folder, today=TODAY), Lock(), IMAGES, today=TODAY)[0]


def summary(plan: Plan) -> str:
    """The plan's lines, one kind after another."""
    blocks = (_hosts, _stacks, _segments, _containers, _volumes, _listeners, _flows, _host_rules, _bandwidth)
    return "\n".join("\n".join(block(plan)) + "\n" for block in blocks)


def _hosts(plan: Plan) -> Iterator[str]:
    yield f"centre     {plan.id}  {plan.profile}  {plan.prefix}"
    for host in plan.hosts:
        links = "  ".join(f"{i.name} {i.address}" + (f" {i.address6}" if i.address6 else "") for i in host.interfaces)
        blocks = ", ".join(map(str, host.blocks)) or "no block"
        yield f"host       {host.name}  {host.number}  {links}  {blocks}"


def _stacks(plan: Plan) -> Iterator[str]:
    for stack in plan.stacks:
        yield f"stack      {stack.name}  on {', '.join(stack.hosts)}"


def _segments(plan: Plan) -> Iterator[str]:
    for segment in plan.segments:
        six = f"  {segment.subnet6}" if segment.subnet6 else ""
        yield f"segment    {segment.name}  {segment.zone} on {segment.host}  {segment.subnet}{six}  {segment.bridge}"


def _containers(plan: Plan) -> Iterator[str]:
    for container in plan.containers:
        size = f"{container.cpus:g} cpus  {format_bytes(container.memory)}"
        slots = f"{container.address_a} {container.address_b}"
        how = "" if container.blue_green else "  in place"
        yield f"container  {container.docker_name()}  {container.image} on {container.host}  {slots}  {size}{how}"


def _volumes(plan: Plan) -> Iterator[str]:
    for volume in plan.volumes:
        yield f"volume     {volume.name}  {volume.purpose} on {volume.host}"
    for secret in plan.secrets:
        yield f"secret     {secret.name}  {secret.folder}/{secret.file}  uid {secret.uid} on {secret.host}"


def _listeners(plan: Plan) -> Iterator[str]:
    for entry in plan.listeners:
        where = f"{entry.address} {entry.address6 or ''}".strip()
        yield f"listener   {entry.visibility}  {where} port {entry.port} -> {entry.container} port {entry.target_port}"
    for vhost in plan.vhosts:
        target = f"{vhost.upstream}:{vhost.upstream_port}"
        yield f"vhost      {vhost.visibility}  {' '.join(vhost.names)} -> {target}  {' '.join(vhost.methods)}"


def _flows(plan: Plan) -> Iterator[str]:
    for flow in plan.flows:
        yield f"flow       {flow.id}  {_networks(flow)}"


def _networks(flow: Flow) -> str:
    """Addresses of both ends; the Internet's are too many to show."""
    ends = [
        f"{len(end.networks)} networks" if len(end.networks) > 3 else " ".join(map(str, end.networks))
        for end in (flow.source, flow.destination)
    ]
    return " -> ".join(ends)


def _host_rules(plan: Plan) -> Iterator[str]:
    for rule in plan.host_rules:
        networks = " ".join(map(str, rule.networks))
        yield f"host rule  {rule.host}  {rule.direction}  {rule.protocol}/{rule.port}  {networks}"


def _bandwidth(plan: Plan) -> Iterator[str]:
    for share in plan.bandwidth:
        yield f"bandwidth  {share.tenant} on {share.host}  1:{share.class_id:x}  {format_bandwidth(share.rate)}"
    for entry in plan.reservations:
        size = f"{entry.cpus:g} cpus  {format_bytes(entry.memory)}  disk {format_bytes(entry.disk)}"
        yield f"reserved   {entry.owner} on {entry.host}  {size}"


if __name__ == "__main__":
    sys.stdout.write(summary(plan_of(Path(sys.argv[1]))))
