"""A host's network settings (templates/routing/sysctl.j2), as sysctl.d(5) reads them."""

from __future__ import annotations

from idc.plan.types import Plan
from idc.render.env import render

TEMPLATE = "routing/sysctl.j2"


def sysctl(plan: Plan, host: str) -> str:
    """The network settings of one host."""
    machine = plan.host_by_name[host]
    with_ipv6 = any(interface.address6 for interface in machine.interfaces) or any(
        segment.subnet6 for segment in plan.segments if segment.host == host
    )
    return render(TEMPLATE, host=machine, plan_id=plan.id, with_ipv6=with_ipv6)
