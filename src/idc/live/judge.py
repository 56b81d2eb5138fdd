"""From what was sent and what was seen to a verdict. Pure.

A probe that must be blocked holds only if its controls passed, its destination was watched, it was seen to set out, and
it neither arrived nor was answered. Whatever is missing of that makes it unknown, and unknown counts as failed.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final

from idc.live.probe import HOST, ITSELF, Outcome, Probe, Seen, Shot, Sight, Verdict

_NUMBERS: Final = {"tcp": 6, "http": 6, "udp": 17, "icmp": 1}


def key_of(probe: Probe, shot: Shot) -> tuple[str, int, int]:
    """How the watchers name this packet. One from a service's port looks to them like an answer to its destination."""
    number = 58 if probe.protocol == "icmp" and probe.address.version == 6 else _NUMBERS[probe.protocol]
    if probe.service_port:
        return str(probe.address), number, shot.mark
    source = str(ip_address(shot.source.partition("%")[0])) if shot.source else ""
    return source, number, shot.mark


def _in_order(probe: Probe, hops: tuple[Sight, ...]) -> tuple[Sight, ...]:
    """The sender's machine first and the destination's last; each machine has its own clock and its own order."""
    last = probe.destination.machine if probe.destination else None
    return tuple(
        sorted(hops, key=lambda hop: 0 if hop.machine == probe.source.machine else 2 if hop.machine == last else 1)
    )


def _arrived(probe: Probe, hops: tuple[Sight, ...]) -> bool:
    """Whether the packet came to its destination. A host sees packets that it drops: there it must be taken in."""
    place = probe.destination
    if place is None:
        return False
    there = [hop for hop in hops if (hop.machine, hop.space, hop.way) == (place.machine, place.space, "in")]
    return any(hop.interface == ITSELF or place.space != HOST for hop in there)


def _set_out(probe: Probe, hops: tuple[Sight, ...]) -> bool:
    """Whether the packet was seen to leave its sender: there, or on the host it came in by."""
    sender = (probe.source.machine, probe.source.space)
    return any((hop.machine, hop.space) != sender or hop.way == "out" for hop in hops)


def _stopped(hops: tuple[Sight, ...]) -> str:
    """Where a packet was last seen."""
    return f"last seen at {hops[-1]}" if hops else "seen nowhere"


def _must_pass(probe: Probe, shot: Shot, hops: tuple[Sight, ...]) -> tuple[Verdict, str]:
    if shot.state == "error":
        return Verdict.UNKNOWN, f"could not be sent: {shot.detail}"
    if probe.exit:
        outer = [
            hop
            for hop in hops
            if hop.machine == probe.exit and hop.space == HOST and not hop.interface.startswith(("br-", "veth"))
        ]
        out = next((hop for hop in outer if hop.way == "out"), None)
        if out is not None:
            return Verdict.HELD, f"left by {out}"
        return Verdict.BROKEN, f"did not leave by {probe.exit}"
    if shot.state != "answered":
        return Verdict.BROKEN, f"{shot.state}{f' ({shot.detail})' if shot.detail else ''}, {_stopped(hops)}"
    if probe.request and shot.status not in probe.request.statuses:
        return Verdict.BROKEN, f"answered {shot.status or 'without HTTP'}, expected {_statuses(probe)}"
    return Verdict.HELD, f"answered {shot.status} in {shot.milliseconds:.1f} ms" if shot.status else (
        f"answered in {shot.milliseconds:.1f} ms"
    )  # fmt: skip


def _statuses(probe: Probe) -> str:
    statuses = probe.request.statuses if probe.request else ()
    return " or ".join(map(str, statuses)) if len(statuses) < 5 else f"{statuses[0]} to {statuses[-1]}"


def _must_be_blocked(
    probe: Probe, shot: Shot, hops: tuple[Sight, ...], answers: tuple[Sight, ...], seen: Seen
) -> tuple[Verdict, str]:
    place = probe.destination
    if shot.state == "error":
        return Verdict.UNKNOWN, f"could not be sent: {shot.detail}"
    if probe.request:  # the listener answers; what it answers decides
        if shot.state != "answered":
            return Verdict.UNKNOWN, f"no answer to judge by ({shot.state}), {_stopped(hops)}"
        if shot.status in probe.request.statuses:
            return Verdict.HELD, f"refused with {shot.status}"
        return Verdict.BROKEN, f"answered {shot.status or 'without HTTP'}, expected {_statuses(probe)}"
    if shot.state == "answered":
        return Verdict.BROKEN, f"was answered after {shot.milliseconds:.1f} ms"
    if _arrived(probe, hops):
        return Verdict.BROKEN, f"arrived at {hops[-1]}, although nothing came back"
    if probe.forged and answers:
        return Verdict.BROKEN, f"was answered to the forged address, seen at {answers[-1]}"
    if place is not None and (why := seen.blind.get((place.machine, place.space))):
        return Verdict.UNKNOWN, f"its destination could not be watched: {why}"
    if not _set_out(probe, hops):
        return Verdict.UNKNOWN, "was never seen to leave its sender"
    if probe.listen and place is not None:
        wish = (place.machine, place.space, str(probe.address), probe.protocol, probe.port)
        state = seen.listening.get(wish, "was not started")
        if state not in ("ours", "taken"):
            return Verdict.UNKNOWN, f"no listener could stand at its destination: {state}"
    return Verdict.HELD, _stopped(hops)


def judge(probes: list[Probe], shots: Mapping[str, Shot], seen: Seen) -> list[Outcome]:
    """The outcome of each probe, in the same order. Probes without a shot are unknown."""
    first: dict[str, tuple[Verdict, str]] = {}
    details: dict[str, tuple[Shot, tuple[Sight, ...], tuple[Sight, ...]]] = {}
    for probe in probes:
        shot = shots.get(probe.id, Shot("error", "was not sent"))
        key = key_of(probe, shot)
        sent, back = (seen.answers, seen.requests) if probe.service_port else (seen.requests, seen.answers)
        hops, answers = _in_order(probe, sent.get(key, ())), back.get(key, ())
        details[probe.id] = shot, hops, answers
        first[probe.id] = (
            _must_pass(probe, shot, hops) if probe.passes else _must_be_blocked(probe, shot, hops, answers, seen)
        )
    outcomes = []
    for probe in probes:
        verdict, words = first[probe.id]
        cause = ""
        if verdict is Verdict.HELD:
            for control in probe.controls:
                of_control = first.get(control, (Verdict.UNKNOWN, "was not chosen"))
                if of_control[0] is not Verdict.HELD:
                    verdict, cause = Verdict.UNKNOWN, control
                    words = (
                        f"its positive control {control} did not hold ({of_control[1]}), so its silence says nothing"
                    )
                    break
            if not probe.passes and not probe.controls:
                verdict, words = Verdict.UNKNOWN, "it has no positive control"
        outcomes.append(Outcome(probe, verdict, words, *details[probe.id], cause=cause))
    return outcomes
