"""Changes in words that a person reads once and understands: used by every form that ``show`` prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from idc.plan import capacity
from idc.plan.changes import ACTIONS, Action, CapacityChange, Changes, Outage, ResourceChange, SettingChange
from idc.plan.endpoints import in_data_zone
from idc.plan.types import Endpoint, Flow, HostRule, Vhost

SIGNS: dict[Action, str] = {"create": "+", "change": "~", "replace": "±", "destroy": "-"}


def plural(number: int, noun: str) -> str:
    """``1 container``, ``3 containers``, ``2 people``."""
    many = {"person": "people"}.get(noun, f"{noun}s")
    return f"{number} {noun if number == 1 else many}"


def headline(changes: Changes) -> str:
    """The whole in one line."""
    if changes.empty:
        what = f"{plural(changes.hosts, 'host')}, {plural(changes.sites, 'site')}, {plural(changes.flows, 'flow')}"
        return f"nothing to change: {what} as they were applied"
    counts = [f"{changes.count(action)} to {action}" for action in ACTIONS if changes.count(action)]
    if changes.in_place:
        counts.append(f"{plural(len(changes.in_place), 'setting')} in place")
    if changes.recorded:
        counts.append(f"{plural(len(changes.recorded), 'change')} only recorded")
    counts.append(f"{plural(len(changes.flows_opened), 'flow')} would open, {len(changes.flows_closed)} close")
    return f"{', '.join(counts)}; {outage_summary(changes)}"


def outage_summary(changes: Changes) -> str:
    """``expected outage 0 s`` and what there is beyond it."""
    shut = sum(1 for outage in changes.outages if outage.seconds is None)
    affected = len(changes.outages) - shut
    text = f"expected outage {changes.outage_seconds} s"
    if affected:
        text += f" for {plural(affected, 'site')}"
    if shut:
        text += f", {plural(shut, 'site')} no longer reached"
    return text


def stack_summary(changes: Iterable[ResourceChange]) -> str:
    """``create 2 networks, 3 containers; replace 1 container``."""
    counts: dict[Action, Counter[str]] = {}
    for change in changes:
        counts.setdefault(change.action, Counter())[change.kind] += 1
    parts = []
    for action in ACTIONS:
        if action in counts:
            nouns = ", ".join(plural(number, kind) for kind, number in sorted(counts[action].items()))
            parts.append(f"{action} {nouns}")
    return "; ".join(parts)


def resource(change: ResourceChange) -> str:
    """``container tax-file-app on web-1: image filing; beside itself, slot a -> b``."""
    where = "" if change.stack == "lab" else f" on {change.host}"
    return f"{change.kind} {change.name}{where}" + (f": {change.detail}" if change.detail else "")


def setting(change: SettingChange) -> str:
    """``bandwidth of tax on web-1: 20Mbit/s -> 50Mbit/s``."""
    preposition = " of " if change.what == "bandwidth" else " "
    return f"{change.what}{preposition}{change.name}" + (f": {change.detail}" if change.detail else "")


def flow(entry: Flow, *, opened: bool) -> str:
    """``service/edge may call tenant/tax/site/www on tcp/8080: requests for tax.city.example (8.1.3.1 a)``."""
    source = f"{entry.source.ref}{_part(entry.source)}"
    target = f"{entry.destination.ref}{_part(entry.destination)} on {entry.protocol}/{entry.port}"
    if not opened:
        return f"{source} may no longer call {target}"
    until = f", until {entry.until}" if entry.until else ""
    where = f", {entry.where}" if entry.where else ""
    return f"{source} may call {target}: {entry.reason} ({entry.control}{until}{where})"


def _part(end: Endpoint) -> str:
    """Which part of a site is meant: a database bears the reference of its site."""
    return " (its database)" if in_data_zone(end) else ""


def rule(entry: HostRule, *, opened: bool) -> str:
    """``host web-1 accepts tcp/22 from 10.71.255.1/32: administration over SSH``."""
    shown = ", ".join(map(str, entry.networks[:4])) + (" …" if len(entry.networks) > 4 else "")
    verb, side = ("accept", "from") if entry.direction == "in" else ("call", "at")
    may = "may" if opened else "may no longer"
    reason = f": {entry.reason}" if opened else ""
    return f"host/{entry.host} {may} {verb} {entry.protocol}/{entry.port} {side} {shown}{reason}"


def vhost(entry: Vhost, *, opened: bool) -> str:
    """``tax.city.example answers to the internet (GET, HEAD): tenant/tax/site/www``."""
    names = ", ".join(entry.names)
    if not opened:
        return f"{names} no longer answers to the {entry.visibility} ({entry.site})"
    return f"{names} answers to the {entry.visibility} ({', '.join(entry.methods)}): {entry.site}"


def outage(entry: Outage) -> str:
    """``tenant/tax/site/file: about 10 s, tax-file-database is replaced (image postgresql; in place)``."""
    length = "until it is opened again" if entry.seconds is None else f"about {entry.seconds} s"
    return f"{entry.site}: {length}, {entry.reason}"


def capacity_rows(changes: Iterable[CapacityChange]) -> list[tuple[str, ...]]:
    """Host, then per part of its capacity ``before -> after of offered``."""
    rows = []
    for change in changes:
        cells = []
        for index, name in enumerate(capacity.NAMES):
            after = capacity.words(name, change.after.parts[index])
            offered = capacity.words(name, change.offered.parts[index])
            before = capacity.words(name, change.before.parts[index]) if change.before else "new"
            moved = f"{before} -> {after}" if before != after else after
            cells.append(f"{moved} of {offered}")
        rows.append((change.host, *cells))
    return rows
