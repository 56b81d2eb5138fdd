"""A tenant's names taken off the edge at once: from the release that stands there, whichever run has put it there.

Not from a plan: in the middle of a run, and after one that did not end, the edge may have some sites at their old
containers and some at their new ones. What stands, without the tenant's files, changes nothing for anybody else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Final

from idc.engine import folders
from idc.engine.folders import EDGE_FOLDER, EDGE_MOUNT, HostTree, Release
from idc.engine.hosts import Hosts
from idc.errors import EngineError
from idc.plan.types import Plan

# On the host: the edge's current release, and which of the given containers run.
SCRIPT: Final = r"""
import json, os, subprocess, sys
order = json.load(sys.stdin)
root = os.path.join(order["root"], "current")
files = {}
for path, _, names in os.walk(os.path.realpath(root)):
    for name in names:
        place = os.path.join(path, name)
        with open(place, encoding="utf-8") as file:
            files[os.path.relpath(place, os.path.realpath(root))] = file.read()
done = subprocess.run(["docker", "ps", "--format", "{{.Names}}"], capture_output=True, text=True, timeout=20)
if done.returncode:
    sys.exit(done.stderr.strip())
print(json.dumps({"files": files, "running": [n for n in done.stdout.split() if n in order["containers"]]}))
"""


def edge_hosts(plans: Iterable[Plan]) -> frozenset[str]:
    """Hosts on which the outside enters."""
    return frozenset(listener.host for plan in plans for listener in plan.listeners)


def kept_files(files: Mapping[str, str], tenant: str) -> dict[str, str]:
    """A release without the vhosts of a tenant (``internet/tax_www.conf``: see idc.render.edge). Pure."""
    return {path: text for path, text in files.items() if not path.partition("/")[2].startswith(f"{tenant}_")}


def drop_names(hosts: Hosts, host: str, plans: Iterable[Plan], tenant: str) -> int:
    """Take a tenant's names off the edge of a host; returns how many vhosts went.

    Raises EngineError where the edge did not take that over: it may still answer for them.
    """
    names = sorted(
        container.docker_name(slot)
        for slot in ("a", "b")
        for container in {c.name: c for plan in plans for c in plan.on(host)}.values()
        if any(mount.source == EDGE_FOLDER for mount in container.mounts)
    )
    order = json.dumps({"root": EDGE_FOLDER, "containers": names}).encode()
    answer = hosts.run(host, ["python3", "-c", SCRIPT], order)
    if not answer.ok:
        raise EngineError(f"{host}: the edge's names could not be read: {answer.words}", host=host)
    seen = json.loads(answer.stdout)
    kept = kept_files(seen["files"], tenant)
    if not seen["files"]:
        return 0
    first, *others = seen["running"] or [""]
    digest = Release({path: text.encode() for path, text in kept.items()}).digest
    check = ("/usr/local/bin/idc-edge-check", f"{EDGE_MOUNT}/releases/{digest}")
    release = Release(
        {path: text.encode() for path, text in kept.items()}, root=EDGE_FOLDER, container=first, check=check
    )
    changed = folders.sync(hosts, host, HostTree(host, (), (release,)), deadline=30.0)
    for other in others if changed else ():  # while the edge itself is being replaced, two read the same folder
        hosts.run(host, ["docker", "kill", "--signal", "HUP", other], deadline=10.0)
    return len(seen["files"]) - len(kept)
