"""What stands on the engines otherwise than a stack's state says: settled before the stack runs.

A container in creation is on the engine before it is in the state, so a kill -9 in between strands it, and the next run
would fail with "name already in use". Found by one listing a host, known by our labels alone:

* a container is removed: all it must keep lies in volumes and folders;
* a network is removed, or taken over when something that is in the state hangs on it;
* a volume is left: the engine hands out the one of that name, with what it holds.

What the state knows and somebody has removed by hand is made again only by a stack that is refreshed, so such stacks
are told; a container that somebody has put on another network is removed, so that it is made again as well.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from idc.engine import drift, files
from idc.engine.docker import DockerEngine
from idc.engine.processes import side_by_side
from idc.engine.pulumi_state import Backend
from idc.engine.station import Station
from idc.errors import EngineError


@dataclass(frozen=True)
class Thing:
    """Something of ours on an engine. Its stack's state may not know it: then it is an orphan."""

    kind: str  # "containers", "networks", "volumes"
    id: str
    name: str
    stack: str
    host: str
    digest: str  # of the entry that it was made from
    networks: drift.Networks  # of a container


def clear(station: Station, names: Sequence[str], say: Callable[[str], object]) -> frozenset[str]:
    """Clear the orphans of these stacks, whose inputs stand in ``<station>/plans``, and containers that went astray.

    Returns the stacks that must be refreshed, since something that their state knows is gone. Raises Unreachable when
    an engine does not answer, EngineError when a stack's whole state is lost.
    """
    documents = {name: _document(station, name) for name in names}
    states = {name: state_of(station, name) for name in names}
    known = {name: resource_ids(state) for name, state in states.items()}
    engines = {
        host: DockerEngine(Path(entry["docker_host"].removeprefix("unix://")), host)
        for document in documents.values()
        for host, entry in document["hosts"].items()
    }
    centres = {document["centre"] for document in documents.values()}
    found = side_by_side(
        {host: partial(_on_engine, engine, host, centres, station.id) for host, engine in engines.items()}
    )
    stand: set[str] = set()  # ids of what is there and stays
    for host, things in found.items():
        if isinstance(things, EngineError):
            raise things
        stand |= _settle_host(engines[host], things, documents, known, partial(_refuse_lost_state, station, known), say)
    for name, document in documents.items():
        files.write_atomic(_input(station, name), json.dumps(document, sort_keys=True))
    return frozenset(name for name, state in states.items() if not drift.made(state) <= stand)


def state_of(station: Station, stack: str) -> dict[str, Any]:
    """A stack's checkpoint, read straight from its file: the CLI would take half a second; an empty one where none is.

    A damaged one is mended first, from the newest whole copy: what serves is in that, and is no orphan.
    """
    backend = _backend(station)
    if not backend.is_known(stack):
        return {"checkpoint": {}}
    document = backend.mended(stack)
    try:
        resource_ids(document)
        drift.made(document)
    except (TypeError, AttributeError) as error:
        raise files.damaged(backend.checkpoint(stack), error) from error
    return document


def is_older(station: Station, stack: str) -> bool:
    """Whether a stack's state is one that was put in the place of a damaged one, and may lack what was done last."""
    return _backend(station).is_older(stack)


def _backend(station: Station) -> Backend:
    return Backend(station.folder / "state", station.folder / "pulumi", station.passphrase_file)


def resource_ids(document: Mapping[str, Any]) -> frozenset[str]:
    """Ids of the resources in a Pulumi checkpoint. Pure."""
    latest: Mapping[str, Any] = document["checkpoint"].get("latest") or {}
    return frozenset(str(entry["id"]) for entry in latest.get("resources") or () if entry.get("id"))


def _on_engine(engine: DockerEngine, host: str, centres: set[str], station: str) -> list[Thing]:
    """Containers, networks and volumes of ours on one engine, orphans or not."""
    found = []
    for kind in ("containers", "networks", "volumes"):
        for entry in engine.labelled(kind, f"idc.station={station}"):
            labels = entry["Labels"]
            if labels.get("idc.centre") in centres:
                name = entry["Names"][0].lstrip("/") if kind == "containers" else entry["Name"]
                number = entry["Name"] if kind == "volumes" else entry["Id"]
                stack, digest = labels.get("idc.stack", ""), labels.get("idc.digest", "")
                found.append(Thing(kind, number, name, stack, host, digest, drift.networks_of(entry)))
    return found


def _astray(thing: Thing, document: Mapping[str, Any], there: Mapping[str, str]) -> str:
    """How a container of a stack is on other networks than its own.

    One that the plan changes is made anew in any case. Lab hosts are left alone: they carry others.
    """
    key = (thing.name, thing.host, thing.digest)
    for entry in document["containers"] if thing.kind == "containers" else ():
        if (entry["docker_name"], entry["host"], entry["labels"]["idc.digest"]) == key:
            return drift.astray(entry, thing.networks, there)
    return ""


def _refuse_lost_state(station: Station, known: Mapping[str, frozenset[str]], orphans: Sequence[Thing]) -> None:
    """A stack that was applied and has no state now did not strand its containers: its state was lost."""
    applied = files.read_json(station.folder / "applied" / "stacks.json", dict, absent={})
    for orphan in orphans:
        if not known[orphan.stack] and orphan.stack in applied:
            raise EngineError(
                f"the state of the stack {orphan.stack} is lost, but {orphan.name} still stands on {orphan.host}",
                hint=f"restore {station.folder / 'state'} from a backup of the station",
                host=orphan.host,
            )


def _settle_host(
    engine: DockerEngine,
    things: Sequence[Thing],
    documents: Mapping[str, dict[str, Any]],
    known: Mapping[str, frozenset[str]],
    refuse: Callable[[Sequence[Thing]], None],
    say: Callable[[str], object],
) -> set[str]:
    """Clear one engine; returns the ids of what stays there."""
    mine = [thing for thing in things if thing.stack in known]
    orphans = [thing for thing in mine if thing.kind != "volumes" and thing.id not in known[thing.stack]]
    refuse(orphans)
    gone: set[str] = set()
    for orphan in sorted(orphans, key=lambda orphan: orphan.kind):  # containers before networks
        if orphan.kind == "containers":
            engine.delete(f"/containers/{orphan.id}", {"force": "1"})
            gone.add(orphan.id)
            say(f"{orphan.host}: {orphan.name}, left behind by a run that died, was removed")
        else:
            removed, words = _settle_network(engine, orphan, documents[orphan.stack], mine)
            gone |= removed
            say(f"{orphan.host}: the network {orphan.name}, left behind by a run that died, {words}")
    there = {thing.name: thing.id for thing in things if thing.kind == "networks" and thing.id not in gone}
    for thing in mine:
        if thing.id not in gone and (why := _astray(thing, documents[thing.stack], there)):
            engine.delete(f"/containers/{thing.id}", {"force": "1"})
            gone.add(thing.id)
            say(f"{thing.host}: {thing.name} {why}; it was removed and is made again")
    return {thing.id for thing in mine} - gone


def _settle_network(
    engine: DockerEngine, orphan: Thing, document: dict[str, Any], mine: Sequence[Thing]
) -> tuple[set[str], str]:
    """Remove a network or have the stack take it over: the ids of what was removed, and which it was, in words."""
    raw = engine.get(f"/networks/{orphan.id}")
    attached = set(raw.get("Containers") or {})
    entries = [one for one in document["networks"] if (one["name"], one["host"]) == (orphan.name, orphan.host)]
    if attached and entries and drift.as_planned(entries[0], raw):
        entries[0]["adopt"] = orphan.id
        return set(), "is taken over"
    own = {thing.id for thing in mine if thing.kind == "containers" and thing.stack == orphan.stack}
    if attached - own:
        raise EngineError(
            f"{orphan.host}: the network {orphan.name} is in no state and not as planned, but something hangs on it",
            hint=f"see `docker network inspect {orphan.name}` there; take off what is there, then `idc up` again",
            host=orphan.host,
        )
    for container in sorted(attached):  # the stack makes them again, on the network as planned
        engine.delete(f"/containers/{container}", {"force": "1"})
    engine.delete(f"/networks/{orphan.id}")
    return {orphan.id, *attached}, f"was removed{', with what hung on it' if attached else ''}"


def _input(station: Station, name: str) -> Path:
    return station.folder / "plans" / f"{name}.json"


def _document(station: Station, name: str) -> dict[str, Any]:
    return files.read_json(_input(station, name), dict)
