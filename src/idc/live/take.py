"""Snapshots of hosts: one call each, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from idc.errors import EngineError
from idc.live import parse
from idc.live.reach import HERE, Way, call, each
from idc.live.snapshot import Snapshot
from idc.plan.types import Plan
from idc.render.host_files import RULESET, host_files

UNITS: Final = (
    "idc-firewall.service",
    "idc-firewall-watch.service",
    "idc-links.service",
    "idc-routes.service",
    "idc-bandwidth.service",
    "docker.service",
    "containerd.service",
    "ssh.service",
    "nftables.service",
)
FOLDERS: Final = ("/var/lib/idc", "/etc/idc")


@dataclass(frozen=True)
class Taken:
    """A snapshot with the document that it was made of (kept as evidence)."""

    snapshot: Snapshot
    document: Mapping[str, Any]


def take(
    way: Way, plan: Plan, names: Sequence[str] | None = None, deadline: float = 60.0
) -> dict[str, Taken | EngineError]:
    """A snapshot of each of these hosts (all of the plan by default; HERE is this machine), or why there is none.

    Each host also lists the rule set that the plan renders for it, so that the two can be compared by meaning.
    """

    def one(name: str) -> Taken:
        files = host_files(plan, name) if name != HERE else {}
        order = {
            "ruleset": files.get(RULESET, ""),
            "files": sorted(files),
            "folders": list(FOLDERS) if name != HERE else [],
            "units": list(UNITS) if name != HERE else [],
        }
        document = call(way, name, "collect", order, deadline)
        return Taken(parse.snapshot(name or "this machine", document), document)

    return each(list(plan.host_by_name) if names is None else names, one)
