"""What may pass while a change is under way: a host may still have the old rules, or those of both, or the new ones.

`up` first closes what only the old plan has, then changes containers, then loads the new rules, host by host; a run may
stop anywhere. Contracts are local to a host, so that it is enough to judge by itself each rule set that a host may
have, with the bridges and containers of both plans beside it: nothing passes but what one of the plans declares, and
what both declare passes throughout. Hosts whose rules do not change are what they were.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final, TypeVar

from idc.plan.types import Host, Plan
from idc.proof import from_plan
from idc.proof.contract import Contracts
from idc.proof.fields import FAMILIES
from idc.proof.forwarding import NotUnderstood
from idc.proof.hosts import HostProof
from idc.proof.regions import Regions
from idc.proof.verdict import Proof, Violation
from idc.render.firewall import firewall
from idc.render.routes import routes

STATES: Final = ("the old rules", "the rules of both plans", "the new rules")
LOOKED_AT: Final = "rule sets on the way"
Thing = TypeVar("Thing")


def prove_between(old: Plan, narrowed: Plan, new: Plan, rules: Mapping[str, Mapping[str, str]] | None = None) -> Proof:
    """The proof of every state that a change passes through.

    ``narrowed`` is the old plan with only those flows that the new one has too: what is loaded first. ``rules`` gives
    texts by state and host in place of the rendered ones.
    """
    if old == new:
        return Proof((), (), {LOOKED_AT: 0}, ())
    both, common = joint(old, new), shared(old, narrowed, new)
    contracts, promised = Contracts(both), Contracts(common)
    violations = list(_passed_on(old, new))
    unknown: list[NotUnderstood] = []
    counts = {LOOKED_AT: 0}
    given = {name for texts in (rules or {}).values() for name in texts}
    for host in _changed(old, new, given):
        texts = _texts(old, narrowed, new, host.name, rules or {})
        if len(set(texts.values())) == 1:
            continue
        for state in dict(zip(texts.values(), texts, strict=True)).values():  # each text once
            counts[LOOKED_AT] += 1
            routed = new if state == STATES[2] else old
            for found in _one(both, contracts, promised, host.name, state, texts[state], routed):
                if isinstance(found, Violation):
                    violations.append(found)
                else:
                    unknown.append(found)
    return Proof(tuple(violations), tuple(unknown), counts, from_plan.NOTES)


def _changed(old: Plan, new: Plan, given: Collection[str]) -> Iterator[Host]:
    """Hosts to be judged. One that is new was closed, and what closes everything is the same everywhere."""
    names = differing(old, new, given)
    return (host for host in new.hosts if host.name in names and host.name in old.host_by_name)


def differing(old: Plan, new: Plan, given: Collection[str] = ()) -> set[str]:
    """Hosts whose rules may differ, those that come and go too."""
    names = set(given)
    if old.hosts != new.hosts:
        names.update(host.name for plan in (old, new) for host in plan.hosts)
    for flow in set(old.flows) ^ set(new.flows):
        names |= flow.hosts
    names |= {segment.host for segment in set(old.segments) ^ set(new.segments)}
    names |= {listener.host for listener in set(old.listeners) ^ set(new.listeners)}
    names |= {rule.host for rule in set(old.host_rules) ^ set(new.host_rules)}
    slots = [{(c.name, c.host, c.address(), c.address_a, c.address_b) for c in plan.containers} for plan in (old, new)]
    return names | {host for _, host, *_ in slots[0] ^ slots[1]}


def _passed_on(old: Plan, new: Plan) -> Iterator[Violation]:
    """Addresses that have another owner after the change: rules of before would let others through to it."""
    every = [(int(s.subnet[0]), int(s.subnet[-1]), plan is new, s) for plan in (old, new) for s in plan.segments]
    last, widest = None, -1
    for low, high, _, segment in sorted(every, key=lambda entry: entry[:3]):
        if last is not None and low <= widest and segment.owner != last.owner:
            what = f"{segment.subnet} passes from {last.owner} to {segment.owner} within one change"
            yield Violation("real in declared", segment.host, what)
        if high > widest:
            last, widest = segment, high


def _texts(old: Plan, narrowed: Plan, new: Plan, host: str, given: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    plans = zip(STATES, (old, narrowed, new), strict=True)
    return {state: given.get(state, {}).get(host) or firewall(plan, host) for state, plan in plans}


def _one(
    both: Plan, contracts: Contracts, promised: Contracts, name: str, state: str, text: str, routed: Plan
) -> Iterator[Violation | NotUnderstood]:
    fabric = from_plan.alone(both, name, text, routes(routed, name))
    real = fabric.hosts[name]
    where = f"{name} with {state}"
    if not real.readable:
        yield from (replace(entry, where=where) for entry in real.unknown)
        return
    yield from (replace(entry, where=f"{where}: {entry.where}") for entry in real.unknown)
    regions = Regions(real)
    host = both.host_by_name[name]
    for family in FAMILIES:
        leaks = HostProof(fabric, regions, contracts.of(host, family, real.number)).undeclared()
        kept = HostProof(fabric, regions, promised.of(host, family, real.number)).broken_promises()
        for violation in (*leaks, *kept):
            yield replace(violation, where=where)


def joint(old: Plan, new: Plan) -> Plan:
    """All that either plan has: its flows, host rules and listeners are what one of them declares."""
    return replace(
        new,
        segments=_merged(((s.name, s.subnet), s) for plan in (old, new) for s in plan.segments),
        containers=_merged((c.name, c) for plan in (old, new) for c in plan.containers),
        flows=_merged((flow.wire, flow) for plan in (old, new) for flow in plan.flows),
        host_rules=_merged((rule, rule) for plan in (old, new) for rule in plan.host_rules),
        listeners=_merged(((one.visibility, one.address, one.port), one) for p in (old, new) for one in p.listeners),
    )


def shared(old: Plan, narrowed: Plan, new: Plan) -> Plan:
    """What both plans have, and what must therefore work in every state."""
    segments = {(segment.name, segment.subnet) for segment in old.segments}
    listeners = {(one.visibility, one.address, one.port, one.container) for one in old.listeners}
    rules = set(old.host_rules)
    return replace(
        new,
        hosts=tuple(host for host in new.hosts if host.name in old.host_by_name),
        segments=tuple(segment for segment in new.segments if (segment.name, segment.subnet) in segments),
        flows=narrowed.flows,
        host_rules=tuple(rule for rule in new.host_rules if rule in rules),
        listeners=tuple(
            one for one in new.listeners if (one.visibility, one.address, one.port, one.container) in listeners
        ),
    )


def _merged(things: Iterable[tuple[object, Thing]]) -> tuple[Thing, ...]:
    """Each once by its key, the newest of those that share one."""
    return tuple(dict(things).values())
