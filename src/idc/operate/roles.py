"""Which hosts need their roles run: those whose inputs changed, or whose recorded state is not what stands there."""

from __future__ import annotations

import hashlib

from idc import render
from idc.engine.ansible import host_digest
from idc.engine.facts import HostFacts
from idc.plan.types import Plan

UNITS = ("idc-firewall", "docker", "idc-routes", "idc-bandwidth")


def base_needed(plan: Plan, host: str, facts: HostFacts) -> bool:
    """True when the base roles have not converged on this host with the present inputs."""
    return facts.roles.get("base") != host_digest(plan, host, "base") or any(
        facts.units.get(unit) != "active" for unit in UNITS
    )


def open_needed(plan: Plan, host: str, facts: HostFacts) -> bool:
    """True when the flows, routes or bandwidth that the plan opens are not yet (or no longer) those of the host."""
    ruleset = hashlib.sha256(render.firewall(plan, host).encode()).hexdigest()
    return facts.roles.get("open") != host_digest(plan, host, "open") or facts.ruleset != ruleset
