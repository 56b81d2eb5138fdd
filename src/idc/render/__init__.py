"""Files of hosts and services, rendered from the plan by the templates. Pure: same plan, same text, no I/O but templates."""

from __future__ import annotations

from idc.render.bandwidth import bandwidth
from idc.render.firewall import firewall
from idc.render.host_files import host_files
from idc.render.routes import routes

__all__ = ["bandwidth", "firewall", "host_files", "routes"]
