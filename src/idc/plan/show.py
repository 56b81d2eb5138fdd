"""What `idc plan` prints: for a terminal, for a pull request (markdown), and for machines (JSON)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from idc.plan import codec, words
from idc.plan.capacity import NAMES
from idc.plan.changes import ACTIONS, Changes, by_stack

LIMIT = 40  # lines of a section before the rest is only counted
WAYS = 100  # the same for what closes, and again for what opens: a review is about these
_STYLES = {"+": "green", "-": "red", "~": "yellow", "±": "magenta", "!": "bold red"}

_WAYS = frozenset({"Flows", "Names that answer"})

Line = tuple[str, str]  # sign, words


def sections(changes: Changes) -> Iterator[tuple[str, list[Line]]]:
    """The parts of the report that have something to say: a title and its lines; what closes comes first."""
    stacks = by_stack(changes.resources)
    parts: list[tuple[str, list[Line]]] = [
        ("Stacks", [(_sign(held), f"{name}: {words.stack_summary(held)}") for name, held in stacks.items()]),
        (
            "Replaced and destroyed",
            [
                (words.SIGNS[change.action], words.resource(change))
                for change in changes.resources
                if change.action in ("replace", "destroy")
            ],
        ),
        ("Set in place", [(words.SIGNS[entry.action], words.setting(entry)) for entry in changes.in_place]),
        (
            "Flows",
            [
                *(("-", words.flow(entry, opened=False)) for entry in changes.flows_closed),
                *(("-", words.rule(entry, opened=False)) for entry in changes.rules_closed),
                *(("+", words.flow(entry, opened=True)) for entry in changes.flows_opened),
                *(("+", words.rule(entry, opened=True)) for entry in changes.rules_opened),
            ],
        ),
        (
            "Names that answer",
            [
                *(("-", words.vhost(entry, opened=False)) for entry in changes.vhosts_closed),
                *(("+", words.vhost(entry, opened=True)) for entry in changes.vhosts_opened),
            ],
        ),
        ("Recorded, nothing to do on hosts", [("~", words.setting(entry)) for entry in changes.recorded]),
        ("Expected outage", [("!", words.outage(entry)) for entry in changes.outages]),
    ]
    return ((title, lines) for title, lines in parts if lines)


def shown(title: str, lines: Sequence[Line]) -> tuple[list[Line], str]:
    """The lines of a section that are printed, and what is said of the rest: how many of which, and where they are."""
    if title not in _WAYS:
        rest = len(lines) - LIMIT
        return list(lines[:LIMIT]), f"… and {rest} more (--json has all)" if rest > 0 else ""
    found: list[Line] = []
    left: list[str] = []
    for sign, what in (("-", "that close"), ("+", "that open")):
        mine = [line for line in lines if line[0] == sign]
        found += mine[:WAYS]
        if len(mine) > WAYS:
            left.append(f"{len(mine) - WAYS:,} of {len(mine):,} {what}")
    return found, f"! not shown: {' and '.join(left)}; `idc plan --json` has all" if left else ""


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows as lines with their columns under one another; never cut, however narrow the terminal is."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _sign(changes: Sequence[Any]) -> str:
    actions = {change.action for change in changes}
    return words.SIGNS[actions.pop()] if len(actions) == 1 else "~"


def text(changes: Changes, console: Console | None = None) -> None:
    """Print the changes for a person."""
    console = console or Console(soft_wrap=True, highlight=False)
    console.print(Text.assemble((f"{changes.centre}: ", "bold"), words.headline(changes)))
    if changes.empty:
        return
    for title, lines in sections(changes):
        console.print(Text(f"\n{title}", style="bold"))
        printed, rest = shown(title, lines)
        for sign, line in printed:
            console.print(Text.assemble("  ", (sign, _STYLES.get(sign, "")), f" {line}"))
        if rest:
            console.print(Text(f"  {rest}", style="bold red" if title in _WAYS else "dim"))
    console.print(Text("\nCapacity set aside", style="bold"))
    for line in _aligned([("host", *NAMES), *words.capacity_rows(changes.capacity)[:LIMIT]]):
        console.print(Text(f"  {line}"))
    if len(changes.capacity) > LIMIT:
        console.print(Text(f"  … and {len(changes.capacity) - LIMIT} more hosts (--json has all)", style="dim"))


def markdown(changes: Changes) -> str:
    """The changes for a pull request. What people wrote into files cannot break out of its line."""
    lines = [f"### {changes.centre}", "", escape(words.headline(changes)), ""]
    if changes.empty:
        return "\n".join(lines)
    for title, entries in sections(changes):
        lines += [f"#### {title}", ""]
        printed, rest = shown(title, entries)
        lines += [f"- `{sign}` {escape(line)}" for sign, line in printed]
        if rest:
            lines.append(f"- **{escape(rest)}**" if title in _WAYS else f"- {escape(rest)}")
        lines.append("")
    if not changes.outages:
        lines += ["#### Expected outage", "", "- none: 0 s for every site", ""]
    lines += ["#### Capacity set aside", "", f"| host | {' | '.join(NAMES)} |", f"|---{'|---' * len(NAMES)}|"]
    rows = words.capacity_rows(changes.capacity)
    lines += [f"| {' | '.join(map(escape, row))} |" for row in rows[:LIMIT]]
    if len(rows) > LIMIT:
        lines.append(f"\n… and {len(rows) - LIMIT} more hosts (--json has all)")
    return "\n".join([*lines, ""])


def escape(line: str) -> str:
    """Text that markdown takes as it is: no markup, no mention, no cell's end."""
    line = "".join(character if character.isprintable() else " " for character in line).replace("&", "&amp;")
    for character in "\\`*_[]<>|#~$!":
        line = line.replace(character, f"\\{character}")
    # A mention, and a link that is made of nothing but its address.
    return line.replace("@", "&#64;").replace("://", ":&#47;&#47;").replace("www.", "www&#46;")


def document(changes: Changes) -> dict[str, Any]:
    """The changes for machines: everything, nothing shortened."""
    return {
        "centre": changes.centre,
        "nothing_to_change": changes.empty,
        "summary": words.headline(changes),
        "first": changes.first,
        "counts": {action: changes.count(action) for action in ACTIONS},
        "resources": codec.encode(changes.resources),
        "settings": codec.encode(changes.settings),
        "flows": {
            "opened": [_flow(entry, words.flow(entry, opened=True)) for entry in changes.flows_opened],
            "closed": [_flow(entry, words.flow(entry, opened=False)) for entry in changes.flows_closed],
        },
        "host_rules": {"opened": codec.encode(changes.rules_opened), "closed": codec.encode(changes.rules_closed)},
        "vhosts": {"opened": codec.encode(changes.vhosts_opened), "closed": codec.encode(changes.vhosts_closed)},
        "outage_seconds": changes.outage_seconds,
        "outages": codec.encode(changes.outages),
        "capacity": [
            {
                "host": entry.host,
                "offered": _amount(entry.offered),
                "before": _amount(entry.before) if entry.before else None,
                "after": _amount(entry.after),
            }
            for entry in changes.capacity
        ],
    }


def _flow(entry: Any, sentence: str) -> dict[str, Any]:
    return {"id": entry.id, "words": sentence, **codec.encode(entry)}


def _amount(amount: Any) -> dict[str, Any]:
    return {"cpus": amount.cpus / 1000, "memory": amount.memory, "disk": amount.disk, "bandwidth": amount.bandwidth}
