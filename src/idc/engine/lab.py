"""What is needed around the lab stack: leftovers of another checkout, boots, starting and stopping, and clearing away.

A lab's containers, networks and volumes on this machine's engine are known by their labels, whatever state files say.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Network, ip_network
from typing import Any, Final

from idc.engine import runtime
from idc.engine.docker import DockerEngine
from idc.engine.line import end_masters
from idc.engine.machine_networks import own_networks
from idc.engine.processes import side_by_side
from idc.engine.station import Station
from idc.errors import EngineError, RefusedError, Unreachable
from idc.plan import stack_input
from idc.plan.types import Host, Plan

STOP_SECONDS: Final = 30
_POLL_SECONDS: Final = 0.2
_ANSWER_SECONDS: Final = 15.0  # that the engine has for one answer, where there is time for it
_BOOTED: Final = ("running", "degraded")


@dataclass(frozen=True)
class Thing:
    """Something of a lab on this machine's engine."""

    kind: str  # "containers", "networks", "volumes"
    name: str
    station: str  # id of the station that made it


def things(centre: str, engine: DockerEngine | None = None) -> tuple[Thing, ...]:
    """All that carries a centre's label on this machine: containers, then networks, then volumes."""
    machine = engine or DockerEngine()
    found: list[Thing] = []
    for kind in ("containers", "networks", "volumes"):
        entries = machine.labelled(kind, f"idc.centre={centre}")
        found += [Thing(kind, name_of(kind, e), (e["Labels"] or {}).get("idc.station", "")) for e in entries]
    return tuple(found)


def name_of(kind: str, entry: Mapping[str, Any]) -> str:
    """A thing's name in the engine's listing of its kind."""
    name: str = entry["Names"][0].lstrip("/") if kind == "containers" else entry["Name"]
    return name


def count(found: Iterable[Thing]) -> str:
    """``5 containers, 3 networks, 5 volumes``."""
    kinds = [thing.kind for thing in found]
    parts = [f"{kinds.count(k)} {k if kinds.count(k) != 1 else k[:-1]}" for k in ("containers", "networks", "volumes")]
    return ", ".join(part for part in parts if not part.startswith("0 ")) or "nothing"


def refuse_leftovers(plan: Plan, station: Station) -> None:
    """Refuse to build on top of a lab of the same centre that another checkout made, or into networks in use.

    Raises RefusedError that says what is there and how to clear it.
    """
    left = [thing for thing in things(plan.id) if thing.station != station.id]
    if left:
        whose = ", ".join(sorted({thing.station or "unknown" for thing in left}))
        raise RefusedError(
            f"this machine still has a lab of {plan.id} from another checkout (station {whose}): {count(left)}",
            hint="`idc destroy` there, or `idc destroy --foreign` here removes it, its data too",
        )
    wanted = {entry["name"]: IPv4Network(entry["subnet"]) for entry in stack_input(plan, "lab")["networks"]}
    for name, taken, owner in _taken(DockerEngine(), set(wanted)):
        for network, subnet in wanted.items():
            if subnet.overlaps(taken):
                raise RefusedError(
                    f"{network} needs {subnet}, but {owner} {name} has {taken}",
                    hint="choose another prefix or listener in centre.yaml, or remove the other",
                )


def _taken(engine: DockerEngine, ours: set[str]) -> Iterable[tuple[str, IPv4Network, str]]:
    """Subnets in use on this machine, but for those of the lab itself: name, subnet, what it is."""
    bridges = set()
    for entry in engine.get("/networks"):
        bridges.add(entry["Options"].get("com.docker.network.bridge.name") or f"br-{entry['Id'][:12]}")
        for pool in (entry["IPAM"] or {}).get("Config") or ():
            subnet = ip_network(pool["Subnet"])
            if isinstance(subnet, IPv4Network) and entry["Name"] not in ours:
                yield entry["Name"], subnet, "the Docker network"
    for link, network in own_networks():
        if link not in bridges:
            yield link, network, "this machine's interface"


# -- running -----------------------------------------------------------------------------------------------------------


def _lab_hosts(plan: Plan) -> list[Host]:
    return [host for host in plan.hosts if host.is_lab]


def stands(document: Mapping[str, Any], station: Station) -> bool:
    """True when all that the lab stack's input names is there as planned and runs: hosts, people, networks, volumes.

    Each is known by the digest that its label carries; something more with the lab's label is a difference too.
    """
    machine = DockerEngine()
    labels = (f"idc.station={station.id}", f"idc.centre={document['centre']}", f"idc.stack={document['stack']}")
    found = {kind: machine.labelled(kind, *labels) for kind in ("containers", "networks", "volumes")}
    there = {(kind, name_of(kind, entry), entry["Labels"].get("idc.digest")) for kind in found for entry in found[kind]}
    return there == _planned(document) and all(entry["State"] == "running" for entry in found["containers"])


def _planned(document: Mapping[str, Any]) -> set[tuple[str, str, str]]:
    kinds = (("containers", "lab_hosts"), ("containers", "people"), ("networks", "networks"), ("volumes", "volumes"))
    return {
        (kind, entry.get("docker_name", entry["name"]), entry["labels"]["idc.digest"])
        for kind, entries in kinds
        for entry in document[entries]
    }


def boots(plan: Plan) -> dict[str, str]:
    """Each lab host's present boot: container id and start time.

    It differs after a restart and after a replacement; the kernel's own boot id, which all lab hosts share, does not.
    """
    machine = DockerEngine()
    found = {host.name: machine.container(host.lab_name) for host in _lab_hosts(plan)}
    return {name: f"{entry['Id'][:12]}@{entry['State']['StartedAt']}" for name, entry in found.items() if entry}


def wait_booted(plan: Plan, deadline: float) -> None:
    """Wait until systemd has started everything on each lab host. Raises Unreachable for one that has not in time."""
    until = time.monotonic() + deadline
    results = side_by_side({host.name: partial(_wait_booted, host, until) for host in _lab_hosts(plan)})
    for result in results.values():
        if isinstance(result, EngineError):
            raise result


def _wait_booted(host: Host, until: float) -> None:
    state = "not running"
    while (left := until - time.monotonic()) > 0:
        machine = DockerEngine(deadline=min(_ANSWER_SECONDS, left))
        entry = machine.container(host.lab_name)
        if entry is not None and entry["State"]["Running"] and not entry["State"]["Paused"]:
            try:
                said = _execute(machine, host.lab_name, ["systemctl", "is-system-running"])
            except Unreachable:
                raise
            except EngineError as error:  # it has just stopped, or starts again: the engine refuses (409) and says so
                said = error.message
            state = (said.strip().splitlines() or ["silent"])[-1]
            if state in _BOOTED:
                return
        time.sleep(_POLL_SECONDS)
    raise Unreachable(
        f"{host.name}: the lab host {host.lab_name} has not booted in time (it is: {state})",
        hint=f"docker logs {host.lab_name}; docker exec {host.lab_name} systemctl list-jobs",
        host=host.name,
    )


def _execute(machine: DockerEngine, container: str, words: list[str]) -> str:
    """Output of a command in a container, through the engine."""
    asked = machine.request(
        "POST", f"/containers/{container}/exec", body={"Cmd": words, "AttachStdout": True, "Tty": True}
    )
    number = json.loads(asked)["Id"]
    return machine.request("POST", f"/exec/{number}/start", body={"Detach": False, "Tty": True}).decode(
        errors="replace"
    )


def start(plan: Plan, station: Station) -> list[str]:
    """Start the lab hosts that are stopped or paused; returns their names."""
    return _switch(plan, station, "exited", "start") + _switch(plan, station, "paused", "unpause")


def stop(plan: Plan, station: Station) -> list[str]:
    """Shut down the lab hosts that run; returns their names."""
    end_masters(station.runtime)
    return _switch(plan, station, "running", "stop")


def _switch(plan: Plan, station: Station, state: str, verb: str) -> list[str]:
    machine = DockerEngine(deadline=STOP_SECONDS + 15)
    names = {host.lab_name: host.name for host in _lab_hosts(plan)}
    found = machine.labelled("containers", f"idc.centre={plan.id}", f"idc.station={station.id}")
    wanted = [
        e["Names"][0].lstrip("/")
        for e in found
        if e["State"] == state or (state == "exited" and e["State"] == "created")
    ]
    query = {"t": str(STOP_SECONDS)} if verb == "stop" else None
    work: dict[str, Callable[[], bytes]] = {
        names.get(name, name): partial(machine.request, "POST", f"/containers/{name}/{verb}", query) for name in wanted
    }
    results = side_by_side(work)
    for result in results.values():
        if isinstance(result, EngineError):
            raise result
    return sorted(results)


# -- clearing away -----------------------------------------------------------------------------------------------------


def remove(centre: str, *, station_id: str, foreign: bool, progress: Callable[[str], object]) -> int:
    """Remove everything that carries a centre's label from this machine; returns how many things that were.

    Call it while the station ``station_id`` is held. What was made from another one is only removed with ``foreign``,
    else RefusedError, and only while no run holds that one, else BusyError, which names the run's pid.
    """
    with ExitStack() as held:
        others = sorted({thing.station for thing in things(centre)} - {station_id, ""})
        if foreign:
            for other in others:
                held.enter_context(runtime.hold_id(other, f"{centre} from another checkout"))
        # Asked again now that nobody makes more; one that has come meanwhile from elsewhere is refused.
        found = things(centre)
        refused = [t for t in found if t.station != station_id and not (foreign and t.station in ("", *others))]
        if refused:
            raise RefusedError(
                f"a lab of {centre} from another checkout is on this machine: {count(refused)}",
                hint="`idc destroy --foreign` removes it, its data too",
            )
        _remove(found, {name for name in (station_id, *others) if name}, progress)
    return len(found)


def _remove(found: Sequence[Thing], stations: Iterable[str], progress: Callable[[str], object]) -> None:
    for folder in map(runtime.folder_of, stations):
        end_masters(folder)
        shutil.rmtree(folder, ignore_errors=True)
    machine = DockerEngine(deadline=60.0)
    for kind in ("containers", "networks", "volumes"):
        group = [thing for thing in found if thing.kind == kind]
        results = side_by_side({thing.name: partial(_delete, machine, thing) for thing in group}, limit=8)
        for result in results.values():
            if isinstance(result, EngineError):
                raise result
        if group:
            progress(f"{count(group)} removed")


def _delete(machine: DockerEngine, thing: Thing) -> bool:
    force: dict[str, Any] = {"force": "1"} if thing.kind != "networks" else {}
    return machine.delete(f"/{thing.kind}/{thing.name}", force)
