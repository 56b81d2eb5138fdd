"""Which Pulumi stacks need to run, with what input, and what came of it.

A stack whose input is the one last applied, and whose resources stand on their engines with the labels of the plan, is
not run at all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from idc import plan as planning
from idc.engine import files, lab, limits, orphans
from idc.engine.facts import HostFacts
from idc.engine.hosts import Hosts
from idc.engine.pulumi import PulumiRunner
from idc.operate.context import Work
from idc.operate.progress import Progress
from idc.plan.types import Slot

DEADLINE_PING = 5.0  # seconds for an engine to answer before a stack runs on it
PARALLEL = 4  # stacks side by side; more only contend for two cores


@dataclass(frozen=True)
class Outcome:
    """What the stacks that ran came to."""

    changes: int
    summary: str
    failed: Mapping[str, str] = field(default_factory=dict)


def outgoing_slots(work: Work) -> dict[str, Slot]:
    """Containers whose old slot must serve on until the new one has taken over: name -> the old slot."""
    if work.applied is None:
        return {}
    slots: dict[str, Slot] = {}
    for container in work.plan.containers:
        old = work.applied.container_by_name.get(container.name)
        if old is not None and container.blue_green and old.slot != container.slot and old.host == container.host:
            slots[container.name] = old.slot
    return slots


def with_outgoing(work: Work) -> list[str]:
    """Stacks in which a container is being replaced without an outage."""
    names = outgoing_slots(work)
    return sorted({work.plan.container_by_name[name].stack for name in names})


def stack_input(work: Work, name: str, *, outgoing: bool = False) -> dict[str, Any]:
    """Input of a stack's program. With ``outgoing`` the old slots stay alongside, as they were applied."""
    document = planning.stack_input(
        work.plan,
        name,
        outgoing=outgoing_slots(work) if outgoing else {},
        applied=work.applied if outgoing else None,
    )
    if name == "lab":
        document["authorized_keys"] = [work.station.public_key()]
    return document


def readable(what: str) -> str:
    """A resource's URN as ``container tax-www-web-a``; nothing for what only groups others; other words as they are."""
    if not what.startswith("urn:pulumi:"):
        return what
    kind, name = what.split("::")[-2:]
    kind = kind.split("$")[-1]
    return f"{kind.split(':')[-1].lower()} {name}" if kind.startswith("docker:") else ""


def _applied_digests(work: Work) -> dict[str, str]:
    file = work.station.folder / "applied" / "stacks.json"
    return dict(json.loads(file.read_text())) if file.exists() else {}


def _record(work: Work, digests: Mapping[str, str]) -> None:
    merged = {**_applied_digests(work), **digests}
    files.write_atomic(work.station.folder / "applied" / "stacks.json", json.dumps(merged, indent=1, sort_keys=True))


def _digest(document: Mapping[str, Any]) -> str:
    return planning.digest(document)


def lab_unchanged(work: Work) -> bool:
    """True when the lab's input was applied and its containers run on this machine."""
    document = stack_input(work, "lab")
    return _applied_digests(work).get("lab") == _digest(document) and lab.running(work.plan, work.station)


def unchanged(work: Work, name: str, facts: Mapping[str, HostFacts]) -> bool:
    """True when the stack's input was applied and all it made stands, runs, and nothing else carries its label."""
    document = stack_input(work, name)
    if name in with_outgoing(work) or _applied_digests(work).get(name) != _digest(document):
        return False
    expected: dict[str, set[str]] = {}
    for kind, things in (("network", "networks"), ("volume", "volumes"), ("container", "containers")):
        for thing in document[things]:
            key = f"{kind}/{thing.get('docker_name', thing['name'])}"
            expected.setdefault(thing["host"], set()).add(f"{key}={thing['labels']['idc.digest']}")
    for host, seen in facts.items():
        there = {f"{key}={digest}" for key, digest in seen.labelled("idc.stack", name).items()}
        if there != expected.get(host, set()):
            return False
        if any(c.labels.get("idc.stack") == name and not c.running for c in seen.containers):
            return False
    return set(expected) <= set(facts)


def run(
    work: Work,
    runner: PulumiRunner,
    hosts: Hosts,
    names: Sequence[str],
    progress: Progress,
    *,
    outgoing: bool,
    deadline: float,
) -> Outcome:
    """Write the inputs, clear what a dead run left on the engines, and run the stacks side by side.

    A stack on an engine that does not answer is not run, or is reported with the host's name; the others go on.
    """
    total = len(names)
    failed = _on_lost_engines(work, hosts, names)
    names = [name for name in names if name not in failed]
    digests: dict[str, str] = {}
    for name in names:
        document = stack_input(work, name, outgoing=outgoing)
        digests[name] = _digest(stack_input(work, name))
        document["station"] = work.station.id
        document["authorized_keys"] = [work.station.public_key()]
        for host, entry in document["hosts"].items():
            entry["docker_host"] = hosts.docker_host(host) if name != "lab" else "unix:///var/run/docker.sock"
        files.write_atomic(work.station.folder / "plans" / f"{name}.json", json.dumps(document, sort_keys=True))
    orphans.clear(work.station, names, progress.step)

    def on_event(stack: str, operation: str, what: str) -> None:
        if words := readable(what):
            progress.step(f"{stack}: {operation} {words}")

    results = runner.up(names, parallel=PARALLEL, deadline=deadline, on_event=on_event)
    broken = [result.stack for result in results if not result.ok]
    lost = _on_lost_engines(work, hosts, broken)
    # What a stack that was ended has stranded goes now, where the engine answers; else the next run finds it.
    orphans.clear(work.station, [name for name in broken if name not in lost], progress.step)
    limits.enforce(work.station, [result.stack for result in results if result.ok])
    created = updated = deleted = 0
    for done, result in enumerate(results, 1):
        progress.advance(done, total, result.stack)
        if result.ok:
            if not (outgoing and result.stack in with_outgoing(work)):
                _record(work, {result.stack: digests[result.stack]})
        else:
            failed[result.stack] = "; ".join(filter(None, (lost.get(result.stack), result.error)))
        created += result.created
        updated += result.updated + result.replaced
        deleted += result.deleted
    changes = created + updated + deleted
    words = [f"{total - len(failed)} of {total} stacks", f"{changes} changes"]
    if changes:
        words.append(f"({created} created, {updated} changed, {deleted} deleted)")
    return Outcome(changes, " ".join([f"{words[0]}, {words[1]}", *words[2:]]), failed)


def _on_lost_engines(work: Work, hosts: Hosts, names: Sequence[str]) -> dict[str, str]:
    """Stacks of which an engine does not answer now: stack -> what it said, with the host's name."""
    on = {name: work.plan.stack_by_name[name].hosts for name in names if name != "lab"}
    lost = hosts.ping_engines(sorted({host for there in on.values() for host in there}), DEADLINE_PING)
    return {
        name: "; ".join(lost[host].message for host in there if host in lost)
        for name, there in on.items()
        if set(there) & set(lost)
    }
