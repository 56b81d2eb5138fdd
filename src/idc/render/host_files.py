"""What the roles put on one host, from the plan: absolute path -> text."""

from __future__ import annotations

from idc.plan.types import Plan
from idc.render.bandwidth import bandwidth
from idc.render.firewall import firewall
from idc.render.routes import routes
from idc.render.sysctl import sysctl

RULESET = "/etc/idc/firewall/ruleset.nft"
ROUTES = "/etc/idc/routes"
BANDWIDTH = "/etc/idc/bandwidth"
NETWORK_SETTINGS = "/etc/sysctl.d/60-idc.conf"


def host_files(plan: Plan, host: str) -> dict[str, str]:
    """The rendered files of a host. Who talks to whom is nobody's business: those of /etc/idc are 0600 and root's."""
    return {
        RULESET: firewall(plan, host),
        ROUTES: routes(plan, host),
        BANDWIDTH: bandwidth(plan, host),
        NETWORK_SETTINGS: sysctl(plan, host),
    }
