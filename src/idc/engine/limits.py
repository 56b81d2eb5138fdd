"""Limits that the Pulumi provider cannot set: the number of processes of a container, put right after its stack ran.

The engine keeps the limit through restarts of the container, and the provider neither reads nor resets it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from idc.engine import files
from idc.engine.docker import DockerEngine
from idc.engine.processes import side_by_side
from idc.engine.station import Station
from idc.errors import EngineError


def enforce(station: Station, names: Sequence[str]) -> int:
    """Bring the process limits of these stacks' containers to what their inputs say; returns how many were changed.

    Raises EngineError for the first that could not be.
    """
    work = {}
    for name in names:
        document = files.read_json(station.folder / "plans" / f"{name}.json", dict)
        for container in document["containers"]:
            docker_host = document["hosts"][container["host"]]["docker_host"]
            engine = DockerEngine(Path(docker_host.removeprefix("unix://")), container["host"])
            work[container["docker_name"]] = partial(_enforce, engine, container["docker_name"], int(container["pids"]))
    changed = 0
    for result in side_by_side(work, limit=8).values():
        if isinstance(result, EngineError):
            raise result
        changed += result
    return changed


def _enforce(engine: DockerEngine, container: str, wanted: int) -> bool:
    found = engine.container(container)
    if found is None or found["HostConfig"]["PidsLimit"] == wanted:
        return False
    engine.request("POST", f"/containers/{container}/update", body={"PidsLimit": wanted})
    return True
