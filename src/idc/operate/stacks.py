"""Which Pulumi stacks need to run, with what input, and what came of it.

A stack whose input is the one last applied, and whose resources stand on their engines as they were made, is not run at
all. One that has to run although its input is the applied one is refreshed first: something is not as its state says.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from idc import plan as planning
from idc.engine import drift, files, lab, limits, orphans
from idc.engine.facts import HostFacts
from idc.engine.hosts import Hosts
from idc.engine.pulumi import PulumiRunner
from idc.engine.pulumi_events import StackResult
from idc.errors import EngineError
from idc.operate.context import Work
from idc.operate.progress import Progress
from idc.operate.watchdog import watching
from idc.plan.types import Plan, Slot

DEADLINE_PING = 5.0  # seconds for an engine to answer
DEADLINE_BUSY = 10.0  # seconds for one that other stacks run on at the same time
DEADLINE_STACK = 300.0  # seconds for one stack, and for all of a kind together, beyond what each of them adds
SECONDS_EACH = 20.0  # that a stack adds to the time for all: several times what it takes when it creates everything
PARALLEL = 4  # stacks side by side; more only contend for two cores


class Pings(Protocol):
    """Whoever can say which engines do not answer: ``idc.engine.hosts.Hosts``."""

    def ping_engines(self, names: Sequence[str], deadline: float) -> Mapping[str, EngineError]:
        """The engines of these hosts that do not answer, each with its reason."""
        ...


@dataclass(frozen=True)
class Outcome:
    """What the stacks that ran came to."""

    changes: int
    summary: str
    failed: Mapping[str, str] = field(default_factory=dict)

    @staticmethod
    def of(results: Sequence[StackResult], total: int, failed: Mapping[str, str]) -> Outcome:
        """Of so many stacks, these ran and those failed."""
        created = sum(result.created for result in results)
        changed = sum(result.updated + result.replaced for result in results)
        deleted = sum(result.deleted for result in results)
        changes = created + changed + deleted
        detail = f" ({created} created, {changed} changed, {deleted} deleted)" if changes else ""
        return Outcome(changes, f"{total - len(failed)} of {total} stacks, {changes} changes{detail}", failed)


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
    return files.read_json(work.station.folder / "applied" / "stacks.json", dict, absent={})


def _record(work: Work, digests: Mapping[str, str]) -> None:
    merged = {**_applied_digests(work), **digests}
    files.write_atomic(work.station.folder / "applied" / "stacks.json", json.dumps(merged, indent=1, sort_keys=True))


def _digest(document: Mapping[str, Any]) -> str:
    return planning.digest(document)


def lab_unchanged(work: Work) -> bool:
    """True when the lab's input was applied and all that it names stands on this machine."""
    document = stack_input(work, "lab")
    return _applied_digests(work).get("lab") == _digest(document) and lab.stands(document, work.station)


def unchanged(work: Work, name: str, facts: Mapping[str, HostFacts]) -> bool:
    """True when the stack's input was applied and all it made stands as made, runs, and nothing else has its label.

    What it made is known by the ids in its state: a thing that somebody has made by hand may carry any label.
    """
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
    return set(expected) <= set(facts) and _as_made(work, name, document, facts)


def _as_made(work: Work, name: str, document: Mapping[str, Any], facts: Mapping[str, HostFacts]) -> bool:
    try:
        state = orphans.state_of(work.station, name)
    except EngineError:
        return False  # its turn says what is wrong with it
    if orphans.is_older(work.station, name):
        return False
    ids = {number for seen in facts.values() for number in seen.ids(name)}
    if (made := drift.made(state)) and made != ids:  # a lost state is no reason to touch what serves
        return False
    planned = {(entry["host"], entry["docker_name"]): entry for entry in document["containers"]}
    for host, seen in facts.items():
        there = {network.name: network.id for network in seen.networks}
        for container in seen.containers:
            entry = planned.get((host, container.name))
            if entry and (drift.astray(entry, container.networks, there) or not drift.limited(entry, container.limits)):
                return False
    return True


def unsure(name: str, facts: Mapping[str, HostFacts]) -> bool:
    """True when a container of the stack runs without a good mark of its health check: it may never have served."""
    return any(
        container.labels.get("idc.stack") == name and container.health not in ("", "healthy")
        for seen in facts.values()
        for container in seen.containers
    )


def time_for(count: int) -> float:
    """Seconds within which so many stacks must have run."""
    return DEADLINE_STACK + count * SECONDS_EACH / PARALLEL


def run(
    work: Work,
    runner: PulumiRunner,
    hosts: Hosts,
    names: Sequence[str],
    progress: Progress,
    *,
    outgoing: bool,
    lost: dict[str, str],
) -> Outcome:
    """Write the inputs, clear what a dead run left on the engines, and run the stacks side by side.

    A stack on an engine that does not answer is not run, or is reported with the host's name; the others go on.
    ``lost`` remembers those engines for the whole of an `up`: host -> what was seen.
    """
    engines = Engines(work.plan, hosts, lost)
    engines.ask(names, DEADLINE_PING)
    failed = {name: words for name in names if (words := engines.missing(name))}
    digests: dict[str, str] = {}
    for name in names:
        if name in failed:
            continue
        document = stack_input(work, name, outgoing=outgoing)
        digests[name] = _digest(stack_input(work, name))
        document["station"] = work.station.id
        document["authorized_keys"] = [work.station.public_key()]
        for host, entry in document["hosts"].items():
            entry["docker_host"] = hosts.docker_host(host) if name != "lab" else "unix:///var/run/docker.sock"
        files.write_atomic(work.station.folder / "plans" / f"{name}.json", json.dumps(document, sort_keys=True))

    # What runs with the input that was applied runs because something else is not as it was, or all is to be looked at.
    applied = _applied_digests(work)
    refresh = {name for name, digest in digests.items() if applied.get(name) == digest}

    def clear(some: list[str]) -> None:
        for name in some if len(some) == 1 else ():  # one by one: something has failed, and a hung engine costs time
            engines.ask(some, DEADLINE_PING)
            if words := engines.missing(name):
                raise EngineError(words)
        refresh.update(orphans.clear(work.station, some, progress.step))

    failed |= each_or_all(clear, list(digests))

    def on_event(stack: str, operation: str, what: str) -> None:
        if words := readable(what):
            progress.step(f"{stack}: {operation} {words}")

    until, turns = time.monotonic() + time_for(len(names)), itertools.count(1)

    def before(name: str) -> float:
        progress.advance(next(turns), len(digests), name)
        engines.ask([name], DEADLINE_BUSY)
        if words := engines.missing(name):
            raise EngineError(words)
        left = until - time.monotonic()
        if left <= 0:
            raise EngineError("not run: the stacks before it took the time that all have; run the same command again")
        return left

    ready = [name for name in digests if name not in failed]
    with watching(engines, runner):
        results = runner.up(
            ready, parallel=PARALLEL, deadline=DEADLINE_STACK, on_event=on_event, refresh=refresh, before=before
        )
    engines.ask([result.stack for result in results if not result.ok], DEADLINE_PING)
    for result in results:
        if not result.ok:
            error = result.error.removeprefix("error: ")
            lost_words = engines.missing(result.stack)
            failed[result.stack] = error if lost_words in error else f"{lost_words}; {error}"
    # What a stack that was ended has stranded goes now, where the engine answers; else the next run finds it.
    broken = [result.stack for result in results if not result.ok and not engines.missing(result.stack)]
    for name, words in each_or_all(clear, broken).items():
        failed[name] = f"{failed[name]}; {words}"
    good = [result.stack for result in results if result.ok]
    engines.ask(good, DEADLINE_PING)  # one may hang since: each limit on it would cost its own deadline
    failed |= {name: words for name in good if (words := engines.missing(name))}
    good = [name for name in good if name not in failed]
    # A stack counts as applied only with its limits: else the next run would pass it over without them.
    failed |= each_or_all(lambda some: limits.enforce(work.station, some), good)
    later = with_outgoing(work) if outgoing else []
    _record(work, {name: digests[name] for name in good if name not in failed and name not in later})
    return Outcome.of(results, len(names), failed)


def each_or_all(action: Callable[[list[str]], object], names: Sequence[str]) -> dict[str, str]:
    """Do something for all at once; where that fails, for each alone: name -> why, of those for which it cannot be."""
    try:
        if names:
            action(list(names))
        return {}
    except EngineError as error:
        if len(names) == 1:
            return {names[0]: error.message}
    failed: dict[str, str] = {}
    for name in names:
        failed |= each_or_all(action, [name])
    return failed


class Engines:
    """Which engines do not answer. One that did not is not asked again in this run: each asking costs its deadline."""

    def __init__(self, plan: Plan, hosts: Pings, lost: dict[str, str]) -> None:
        self._plan, self._hosts, self._lost = plan, hosts, lost

    def ask(self, stacks: Sequence[str], deadline: float) -> None:
        """Ask the engines of these stacks that are not known to be lost, each once."""
        self.lose(self.silent(stacks, deadline))

    def silent(self, stacks: Sequence[str], deadline: float) -> dict[str, str]:
        """The engines of these stacks that do not answer now, of those that are not known to be lost."""
        unknown = sorted({host for stack in stacks for host in self._on(stack)} - set(self._lost))
        answers = self._hosts.ping_engines(unknown, deadline) if unknown else {}
        return {host: error.message for host, error in answers.items()}

    def lose(self, found: Mapping[str, str]) -> None:
        """Take engines as lost for the whole run."""
        self._lost.update(found)

    def missing(self, stack: str) -> str:
        """In words which engines of a stack do not answer, as far as they were asked; nothing when all do."""
        return "; ".join(self._lost[host] for host in self._on(stack) if host in self._lost)

    def _on(self, stack: str) -> Sequence[str]:
        return () if stack == "lab" else self._plan.stack_by_name[stack].hosts
