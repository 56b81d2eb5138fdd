"""A host's routes to the blocks of the others (templates/routing/routes.j2): lines for `ip route replace`."""

from __future__ import annotations

from idc.plan.types import Plan
from idc.render.env import render

TEMPLATE = "routing/routes.j2"
PROTOCOL = 73  # marks the routes that are ours (rtnetlink(7), RTPROT_*: numbers above 4 are the user's)


def routes(plan: Plan, host: str) -> str:
    """Routes of one host: the others' blocks by them, what is outside by the edge, the rest of the prefix nowhere."""
    machine = plan.host_by_name[host]
    found = {(block, other.address) for other in plan.hosts if other.name != host for block in other.blocks}
    for flow in plan.flows:  # what a segment here may call outside the fabric leaves by the edge
        if flow.source.host == host and flow.destination.via not in ("", host):
            gateway = plan.host_by_name[flow.destination.via].address
            found.update((network, gateway) for network in flow.destination.networks)
    return render(TEMPLATE, host=machine, plan_id=plan.id, routes=sorted(found), prefix=plan.prefix, protocol=PROTOCOL)
