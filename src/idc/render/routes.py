"""A host's routes to the blocks of the others (templates/routing/routes.j2), as `ip -batch` takes them after `route replace`."""

from __future__ import annotations

from idc.plan.types import Plan
from idc.render.env import render

TEMPLATE = "routing/routes.j2"
PROTOCOL = 73  # marks the routes that are ours (rtnetlink(7), RTPROT_*: numbers above 4 are the user's)


def routes(plan: Plan, host: str) -> str:
    """Routes of one host: a line for each block of every other host, and nowhere for the rest of the prefix."""
    machine = plan.host_by_name[host]
    found = sorted((block, other.address) for other in plan.hosts if other.name != host for block in other.blocks)
    return render(
        TEMPLATE, host=machine, plan_id=plan.id, routes=found, prefix=plan.prefix, protocol=PROTOCOL
    )
