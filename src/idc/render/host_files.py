"""What the roles put on one host, from the plan: absolute path -> text."""

from __future__ import annotations

from idc.plan.types import Plan
from idc.render.bandwidth import bandwidth
from idc.render.firewall import firewall
from idc.render.routes import routes

RULESET = "/etc/idc/firewall/ruleset.nft"
ROUTES = "/etc/idc/routes"
BANDWIDTH = "/etc/idc/bandwidth"


def host_files(plan: Plan, host: str) -> dict[str, str]:
    """The rendered files of a host. All are 0600 and root's: they tell who talks to whom."""
    return {RULESET: firewall(plan, host), ROUTES: routes(plan, host), BANDWIDTH: bandwidth(plan, host)}
