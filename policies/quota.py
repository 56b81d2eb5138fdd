"""Family ``quota``: what containers may take together stays within what was promised, and what there is.

``limits`` says that each container has limits at all. The planner never overcommits; these rules add up what came of
it by themselves, so that a mistake there is not believed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from idc.plan.types import Container
from idc.policy import Broken, Level, Looked, Remark, View, rule
from policies.isolation import scope

_THOUSANDTHS: Final = 1000  # of a core: whole numbers, so that sums are exact


@rule(
    "quota.tenant", "A tenant's containers together stay within its quota",
    severity="high", controls=["8.2.4.3 a"], level=Level.PLANNED,
)  # fmt: skip
def within_quota(view: View) -> Iterator[Remark]:
    """Processors and memory. The second slot of a container that is replaced is there for minutes and not counted."""
    plan = view.planned
    used = _sums(plan.containers, "tenant")
    yield Looked(len(plan.tenants), "tenants' quotas")
    for tenant in plan.tenants:
        cpus, memory = used[tenant.id]
        for name, own, may in (("cpus", cpus / _THOUSANDTHS, tenant.cpus), ("memory", memory, tenant.memory)):
            if own > may:
                words = f"has containers of {own:g} {name}, and a quota of {may:g}"
                yield Broken(f"tenant/{tenant.id}", f"tenant/{tenant.id}", words, f"tenants/{tenant.id}.yaml")
    for unknown in sorted(used.keys() - {tenant.id for tenant in plan.tenants} - {""}):
        yield Broken(f"tenant/{unknown}", f"tenant/{unknown}", "has containers, and no quota at all")


@rule(
    "quota.host", "What runs on a host fits into it",
    severity="high", controls=["8.2.4.3 a", "8.1.2.1 e"], level=Level.PLANNED,
)  # fmt: skip
def fits_host(view: View) -> Iterator[Remark]:
    """Limits that add up to more than the machine are no limits: the kernel ends whom it likes."""
    plan = view.planned
    used = _sums(plan.containers, "host")
    yield Looked(len(plan.hosts), "hosts")
    for host in plan.hosts:
        cpus, memory = used[host.name]
        for name, own, may in (("cpus", cpus / _THOUSANDTHS, host.cpus), ("memory", memory, host.memory)):
            if own > may:
                yield Broken("centre", f"host {host.name}", f"is to run {own:g} {name} and has {may:g}", "centre.yaml")


@rule(
    "quota.bandwidth", "What is guaranteed on an uplink fits into it, for each tenant on the host",
    severity="high", controls=["8.2.4.3 a", "8.1.2.1 d"], level=Level.PLANNED,
)  # fmt: skip
def fits_uplink(view: View) -> Iterator[Remark]:
    """A tenant without a share, or without a ceiling, can fill the uplink of all others."""
    plan = view.planned
    shares = {(share.host, share.tenant): share for share in plan.bandwidth}
    homes = sorted({(each.host, each.tenant) for each in plan.containers if each.tenant})
    yield Looked(len(homes), "tenants' shares of uplinks")
    promised: dict[str, int] = defaultdict(int)
    for share in plan.bandwidth:
        promised[share.host] += share.rate
    for host, tenant in homes:
        own = shares.get((host, tenant))
        if own is None:
            yield Broken(scope(tenant), f"tenant/{tenant}", f"has no share of the uplink of {host}", f"host {host}")
        elif not 0 < own.rate <= own.ceil <= plan.host_by_name[host].uplink:
            words = f"is guaranteed {own.rate} bit/s of {host} and limited to {own.ceil}: no share of its uplink"
            yield Broken(scope(tenant), f"tenant/{tenant}", words, f"host {host}")
    for each in plan.hosts:
        if promised[each.name] > each.uplink:
            words = f"has promised {promised[each.name]} bit/s of an uplink of {each.uplink}"
            yield Broken("centre", f"host {each.name}", words, "centre.yaml")


def _sums(containers: tuple[Container, ...], by: str) -> dict[str, tuple[int, int]]:
    """Thousandths of cores and bytes of memory, by tenant or host."""
    found: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for each in containers:
        cpus, memory = found[getattr(each, by)]
        found[getattr(each, by)] = cpus + round(each.cpus * _THOUSANDTHS), memory + each.memory
    return found
