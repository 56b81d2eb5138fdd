"""Sends the probes of a plan: listeners and watchers on every machine, all probes side by side, then what was seen.

Three calls a machine and round: ``sensor`` starts, ``shoot`` sends, ``sensor`` is collected and ends. Sensors end by
themselves where the last call does not come through, so an interrupted run leaves nothing behind.
"""

from __future__ import annotations

import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any, Final, cast

from idc.errors import EngineError
from idc.live.judge import judge
from idc.live.probe import Outcome, Place, Probe, Seen, Shot, Sight, Verdict
from idc.live.probes import machines
from idc.live.reach import Way, call, each
from idc.plan.words import plural

# idc.live.agent.wire.MARKS without its spare ones. Each sender counts its own; a forged address is no sender's alone,
# so that probes that carry one share a count, as do those whose mark is the port that they go to.
MARKS: Final = range(61000, 63000)
FORGED_MARKS: Final = range(63000, 64500)
PASS_SECONDS: Final = 4.0
BLOCK_SECONDS: Final = 1.4  # longer than the kernel's first retransmission of a SYN (1 s)
PATIENCE: Final = (1.0, 2.5, 5.0)  # first, second and third try
# For what must be blocked: its silence gets no truer by waiting longer. It goes again for its controls' sake, which a
# busy machine is slow to answer, and a control that has not answered makes a whole class unknown.
MOST_FOR_SILENCE: Final = 2.5
SENSOR_SECONDS: Final = 90.0
CALL_DEADLINE: Final = 60.0

Rename = Callable[[str], str]  # of a namespace: tests put "netns:" for "container:"


def _same(space: str) -> str:
    return space


def run(
    way: Way,
    probes: Sequence[Probe],
    *,
    tries: Sequence[float] = PATIENCE,
    rename: Rename = _same,
    progress: Callable[[str], None] = lambda _: None,
) -> list[Outcome]:
    """The outcome of each probe, in the same order. A machine that does not answer makes its probes unknown.

    What did not pass, or could not be judged, is tried again with more patience (``tries``): a busy machine is slow
    to answer and silence must not be mistaken. What passed although it must not is a finding at the first try.
    """
    outcomes: dict[str, Outcome] = {}
    lost: set[str] = set()  # machines that did not answer: no use in asking them again
    wanted = list(probes)
    for number, patience in enumerate(tries, 1):
        for outcome in _fly(way, wanted, rename, patience, lost, progress):
            first = outcomes.get(outcome.probe.id)
            if first is None or not _stands(first, outcome):
                outcomes[outcome.probe.id] = replace(outcome, tries=number)
        again = [o.probe for o in outcomes.values() if _worth_another_try(o, lost)]
        named = {control for probe in again for control in probe.controls} | {probe.id for probe in again}
        wanted = [probe for probe in probes if probe.id in named]
        if not wanted:
            break
    return [outcomes[probe.id] for probe in probes]


def _stands(first: Outcome, now: Outcome) -> bool:
    """Whether the earlier outcome is kept: what passed although it must not, and what held and does so again."""
    if first.verdict is Verdict.BROKEN:
        return not first.probe.passes
    return first.verdict is now.verdict is Verdict.HELD


def _worth_another_try(outcome: Outcome, lost: Set[str]) -> bool:
    probe = outcome.probe
    if {place.machine for place in (probe.source, probe.destination) if place} & lost:
        return False
    return outcome.verdict is Verdict.UNKNOWN or (probe.passes and outcome.verdict is Verdict.BROKEN)


def _fly(
    way: Way,
    probes: Sequence[Probe],
    rename: Rename,
    patience: float,
    lost: set[str],
    progress: Callable[[str], None],
) -> list[Outcome]:
    outcomes: dict[str, Outcome] = {}
    for batch in rounds(probes):
        shots, seen = _round(way, batch, rename, patience)
        lost |= seen.lost
        outcomes |= {outcome.probe.id: outcome for outcome in judge(batch, shots, seen)}
        progress(f"{len(outcomes)} of {len(probes)} probes")
    return [outcomes[probe.id] for probe in probes]


def rounds(probes: Sequence[Probe]) -> Iterator[list[Probe]]:
    """Probes in rounds, so that no two packets of a round carry the same source address and port.

    A probe goes with its controls: a control that is needed again is sent again.
    """
    by_id = {probe.id: probe for probe in probes}
    batch: dict[str, Probe] = {}
    sent: dict[Place | None, int] = defaultdict(int)
    for probe in probes:
        group = [probe, *(by_id[name] for name in probe.controls if name in by_id)]
        fresh = [entry for entry in group if entry.id not in batch]
        if batch and any(sent[_counter(entry)] + len(fresh) > len(_marks(entry)) for entry in fresh):
            yield list(batch.values())
            batch, sent = {}, defaultdict(int)
            fresh = group
        for entry in fresh:
            batch[entry.id] = entry
            sent[_counter(entry)] += 1
    if batch:
        yield list(batch.values())


def _counter(probe: Probe) -> Place | None:
    return None if probe.forged or probe.service_port else probe.source


def _marks(probe: Probe) -> range:
    return FORGED_MARKS if _counter(probe) is None else MARKS


def _round(way: Way, probes: list[Probe], rename: Rename, patience: float) -> tuple[dict[str, Shot], Seen]:
    names = machines(probes)
    tokens = {name: secrets.token_hex(8) for name in names}
    orders = _sensor_orders(probes, names, tokens, rename)
    started = each(names, lambda name: call(way, name, "sensor", orders[name], CALL_DEADLINE))
    wishes = _wishes(probes, rename, patience)
    try:
        fired = each(
            [name for name in names if name in wishes],
            lambda name: call(way, name, "shoot", {"probes": wishes[name]}, CALL_DEADLINE),
        )
        time.sleep(0.1)  # what is still on the way
    finally:
        ended = each(
            [name for name in names if not isinstance(started[name], EngineError)],
            lambda name: call(way, name, "sensor", {"collect": tokens[name]}, CALL_DEADLINE),
        )
    shots: dict[str, Shot] = {}
    for name, answer in fired.items():
        for wish in wishes[name]:
            shots[wish["id"]] = (
                Shot("error", answer.message)
                if isinstance(answer, EngineError)
                else _shot(answer["results"].get(wish["id"]))
            )
    return shots, _seen(names, orders, started, ended)


def _sensor_orders(
    probes: list[Probe], names: list[str], tokens: Mapping[str, str], rename: Rename
) -> dict[str, dict[str, Any]]:
    """What each machine is asked to listen at and to watch: every namespace that takes part, and each host itself."""
    listen: dict[str, dict[tuple[str, str, str, int], None]] = {name: {} for name in names}
    watch: dict[str, dict[str, None]] = {name: ({"host": None} if name else {}) for name in names}
    for probe in probes:
        watch[probe.source.machine][probe.source.space] = None
        if (place := probe.destination) is not None:
            watch[place.machine][place.space] = None
            if probe.listen:
                listen[place.machine][place.space, str(probe.address), probe.protocol, probe.port] = None
    return {
        name: {
            "token": tokens[name],
            "seconds": SENSOR_SECONDS,
            "spaces": list(watch[name]),
            "wishes": list(listen[name]),
            "watch": [rename(space) for space in watch[name]],
            "listen": [
                {"space": rename(space), "address": address, "protocol": protocol, "port": port}
                for space, address, protocol, port in listen[name]
            ],
        }
        for name in names
    }


def _wishes(probes: list[Probe], rename: Rename, patience: float) -> dict[str, list[dict[str, Any]]]:
    """Each machine's probes, as the shooter takes them; every sender counts its own marks."""
    wishes: dict[str, list[dict[str, Any]]] = defaultdict(list)
    offset = secrets.randbelow(len(MARKS))  # another source port in each run: nothing left over is mistaken for ours
    count: dict[Place | None, int] = defaultdict(int)
    for probe in probes:
        marks, number = _marks(probe), count[_counter(probe)]
        count[_counter(probe)] += 1
        wish: dict[str, Any] = {
            "id": probe.id,
            "space": rename(probe.source.space),
            "address": str(probe.address),
            "protocol": probe.protocol,
            "port": probe.port,
            "mark": marks[(offset + number) % len(marks)],
            "seconds": _seconds(probe, patience),
        }
        if probe.forged:
            wish["source"] = str(probe.forged)
        if probe.gateway:
            wish["gateway"] = str(probe.gateway)
        if probe.service_port:
            wish["service_port"] = probe.service_port
        if probe.request:
            wish |= {"host": probe.request.host, "path": probe.request.path}
        wishes[probe.source.machine].append(wish)
    return dict(wishes)


def _seconds(probe: Probe, patience: float) -> float:
    """How long an answer is waited for; a control always as long as a flow."""
    if probe.passes or probe.request:
        return patience * PASS_SECONDS
    return min(patience, MOST_FOR_SILENCE) * BLOCK_SECONDS


def _shot(result: dict[str, Any] | None) -> Shot:
    if result is None:
        return Shot("error", "was not sent")
    return Shot(
        result["state"],
        result["detail"],
        float(result["ms"]),
        int(result.get("status", 0)),
        result["source"],
        int(result["mark"]),
    )


def _seen(
    names: list[str],
    orders: Mapping[str, Mapping[str, Any]],
    started: Mapping[str, dict[str, Any] | EngineError],
    ended: Mapping[str, dict[str, Any] | EngineError],
) -> Seen:
    """What the watchers of all machines saw; each machine's sights in their order."""
    listening: dict[tuple[str, str, str, str, int], str] = {}
    blind: dict[tuple[str, str], str] = {}
    lost: set[str] = set()
    requests: dict[tuple[str, int, int], list[Sight]] = defaultdict(list)
    answers: dict[tuple[str, int, int], list[Sight]] = defaultdict(list)
    for name in names:
        order, start, end = orders[name], started[name], ended.get(name)
        spaces: list[str] = order["spaces"]
        renamed = dict(zip(order["watch"], spaces, strict=True))
        if isinstance(start, EngineError) or end is None or isinstance(end, EngineError):
            error = start if isinstance(start, EngineError) else end
            words = error.message if isinstance(error, EngineError) else "its watcher did not answer"
            blind.update({(name, space): words for space in spaces})
            lost.add(name)
            continue
        for space, shown in zip(spaces, order["watch"], strict=True):
            if why := start["watching"][shown]:
                blind[name, space] = why
            elif end["lost"]:
                blind[name, space] = f"its watcher lost {plural(end['lost'], 'packet')}"
        for wish, state in zip(order["wishes"], start["listening"], strict=True):
            listening[(name, *wish)] = state
        for kept, target in (("seen", requests), ("answers", answers)):
            for key, places in end[kept].items():
                source, number, mark = key.split(" ")
                for place in places:
                    space, interface, way, address, port = place.split(" ")
                    sight = Sight(name, renamed[space], interface, cast("Any", way), address, int(port))
                    target[source, int(number), int(mark)].append(sight)
    return Seen(
        {key: tuple(sights) for key, sights in requests.items()},
        {key: tuple(sights) for key, sights in answers.items()},
        blind,
        listening,
        frozenset(lost),
    )
