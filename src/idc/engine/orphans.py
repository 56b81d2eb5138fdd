"""What a run that died has left on the engines outside its stack's state: removed or taken over before the stack runs.

A container in creation is on the engine before it is in the state, so a kill -9 in between strands it, and the next run
would fail with "name already in use". Found by one listing a host, known by our labels alone:

* a container is removed: all it must keep lies in volumes and folders;
* a network is removed, or taken over when something that is in the state hangs on it;
* a volume is left: the engine hands out the one of that name, with what it holds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from idc.engine import files
from idc.engine.docker import DockerEngine
from idc.engine.processes import side_by_side
from idc.engine.pulumi_state import Backend
from idc.engine.station import Station
from idc.errors import EngineError


@dataclass(frozen=True)
class Orphan:
    """Something of ours on an engine that its stack's state does not know."""

    kind: str  # "containers", "networks"
    id: str
    name: str
    stack: str
    host: str


def clear(station: Station, names: Sequence[str], say: Callable[[str], object]) -> int:
    """Clear the orphans of these stacks, whose inputs stand in ``<station>/plans``; returns how many there were.

    Raises Unreachable when an engine does not answer, EngineError when a stack's whole state is lost.
    """
    documents = {name: _document(station, name) for name in names}
    known = {name: known_ids(station, name) for name in names}
    engines = {
        host: DockerEngine(Path(entry["docker_host"].removeprefix("unix://")), host)
        for document in documents.values()
        for host, entry in document["hosts"].items()
    }
    centres = {document["centre"] for document in documents.values()}
    found = side_by_side(
        {host: partial(_on_engine, engine, host, centres, station.id) for host, engine in engines.items()}
    )
    total = 0
    for host, orphans in found.items():
        if isinstance(orphans, EngineError):
            raise orphans
        mine = [orphan for orphan in orphans if orphan.stack in known and orphan.id not in known[orphan.stack]]
        _refuse_lost_state(station, known, mine)
        for orphan in sorted(mine, key=lambda orphan: orphan.kind):  # containers before networks
            say(_settle(engines[host], orphan, documents[orphan.stack]))
        total += len(mine)
    for name, document in documents.items():
        files.write_atomic(_input(station, name), json.dumps(document, sort_keys=True))
    return total


def known_ids(station: Station, stack: str) -> frozenset[str]:
    """Ids of all resources in a stack's state, read straight from its checkpoint: the CLI would take half a second.

    A damaged one is mended first, from the newest whole copy: what serves is in that, and is no orphan.
    """
    backend = Backend(station.folder / "state", station.folder / "pulumi", station.passphrase_file)
    if not backend.checkpoint(stack).exists():
        return frozenset()
    try:
        return resource_ids(backend.mended(stack))
    except (TypeError, AttributeError) as error:
        raise files.damaged(backend.checkpoint(stack), error) from error


def resource_ids(document: Mapping[str, Any]) -> frozenset[str]:
    """Ids of the resources in a Pulumi checkpoint. Pure."""
    latest: Mapping[str, Any] = document["checkpoint"].get("latest") or {}
    return frozenset(str(entry["id"]) for entry in latest.get("resources") or () if entry.get("id"))


def _on_engine(engine: DockerEngine, host: str, centres: set[str], station: str) -> list[Orphan]:
    """Containers and networks of ours on one engine, orphans or not."""
    found = []
    for kind in ("containers", "networks"):
        for entry in engine.labelled(kind, f"idc.station={station}"):
            labels = entry["Labels"]
            if labels.get("idc.centre") in centres:
                name = entry["Names"][0].lstrip("/") if kind == "containers" else entry["Name"]
                found.append(Orphan(kind, entry["Id"], name, labels.get("idc.stack", ""), host))
    return found


def _refuse_lost_state(station: Station, known: Mapping[str, frozenset[str]], mine: Sequence[Orphan]) -> None:
    """A stack that was applied and has no state now did not strand its containers: its state was lost."""
    applied = files.read_json(station.folder / "applied" / "stacks.json", dict, absent={})
    for orphan in mine:
        if not known[orphan.stack] and orphan.stack in applied:
            raise EngineError(
                f"the state of the stack {orphan.stack} is lost, but {orphan.name} still stands on {orphan.host}",
                hint=f"restore {station.folder / 'state'} from a backup of the station",
                host=orphan.host,
            )


def _settle(engine: DockerEngine, orphan: Orphan, document: dict[str, Any]) -> str:
    """Remove an orphan or have the stack take it over; says which."""
    if orphan.kind == "containers":
        engine.delete(f"/containers/{orphan.id}", {"force": "1"})
        return f"{orphan.host}: {orphan.name}, left behind by a run that died, was removed"
    if not (engine.get(f"/networks/{orphan.id}").get("Containers") or {}):
        engine.delete(f"/networks/{orphan.id}")
        return f"{orphan.host}: the network {orphan.name}, left behind by a run that died, was removed"
    for network in document["networks"]:
        if (network["name"], network["host"]) == (orphan.name, orphan.host):
            network["adopt"] = orphan.id
            return f"{orphan.host}: the network {orphan.name}, left behind by a run that died, is taken over"
    raise EngineError(
        f"{orphan.host}: the network {orphan.name} is in no state and in no plan, but something hangs on it",
        hint=f"see `docker network inspect {orphan.name}` there", host=orphan.host,
    )  # fmt: skip


def _input(station: Station, name: str) -> Path:
    return station.folder / "plans" / f"{name}.json"


def _document(station: Station, name: str) -> dict[str, Any]:
    return files.read_json(_input(station, name), dict)
