"""Files of hosts and services, rendered from the plan. Pure: same plan, same text, no I/O but reading templates."""

from __future__ import annotations

from idc.render.bandwidth import bandwidth
from idc.render.edge import edge
from idc.render.firewall import firewall
from idc.render.host_files import host_files
from idc.render.portal import portal
from idc.render.routes import routes
from idc.render.site_page import site_page
from idc.render.sysctl import sysctl

__all__ = ["bandwidth", "edge", "firewall", "host_files", "portal", "routes", "site_page", "sysctl"]
