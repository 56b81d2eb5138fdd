"""Snapshots of hosts: one call each, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from idc.errors import EngineError
from idc.live import parse
from idc.live.reach import Way, call, each
from idc.live.snapshot import Snapshot

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
    way: Way, names: Sequence[str], *, rules: Mapping[str, str], files: Mapping[str, Sequence[str]], deadline: float = 60.0
) -> dict[str, Taken | EngineError]:
    """A snapshot of each host, or why there is none.

    ``rules`` is each host's rendered rule set, which the host lists beside its own; ``files`` the paths whose state is asked.
    """

    def one(name: str) -> Taken:
        order = {
            "ruleset": rules.get(name, ""),
            "files": list(files.get(name, ())),
            "folders": list(FOLDERS),
            "units": list(UNITS),
        }
        document = call(way, name, "collect", order, deadline)
        return Taken(parse.snapshot(name, document), document)

    return each(names, one)
