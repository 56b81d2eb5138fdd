"""Containers must serve before the edge turns to them, and at the end of a run."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from idc.engine import health
from idc.engine.hosts import Hosts
from idc.operate import stacks
from idc.operate.context import Work
from idc.plan.types import Plan, Vhost

DEADLINE = 90.0  # seconds; a database that recovers takes its time


def late(hosts: Hosts, plan: Plan, containers: Mapping[str, Sequence[str]]) -> dict[str, dict[str, str]]:
    """Wait for these containers (host -> names on its engine); returns the late ones: stack -> name -> why."""
    stack_of = {container.docker_name(): container.stack for container in plan.containers}
    found: dict[str, dict[str, str]] = {}
    for name, why in health.wait(hosts, containers, DEADLINE).items():
        found.setdefault(stack_of[name], {})[name] = why
    return found


def taking_over(work: Work, failed: Collection[str]) -> dict[str, list[str]]:
    """The containers that take over from an outgoing one, but for stacks that have failed: host -> names."""
    containers = [work.plan.container_by_name[name] for name in stacks.outgoing_slots(work)]
    hosts = sorted({container.host for container in containers})
    return {host: [c.docker_name() for c in containers if c.host == host and c.stack not in failed] for host in hosts}


def vhosts(applied: Plan | None, plan: Plan, failed: Collection[str]) -> tuple[Vhost, ...]:
    """The plan's vhosts; the applied ones for sites of failed stacks, so that what serves there goes on serving."""
    before = {(vhost.visibility, vhost.site): vhost for vhost in (applied.vhosts if applied else ())}
    behind = {f"tenant-{vhost.tenant}" for vhost in plan.vhosts} & set(failed)
    return tuple(
        before.get((vhost.visibility, vhost.site), vhost) if f"tenant-{vhost.tenant}" in behind else vhost
        for vhost in plan.vhosts
    )
