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
_STYLES = {"+": "green", "-": "red", "~": "yellow", "±": "magenta", "!": "bold red"}

Line = tuple[str, str]  # sign, words


def sections(changes: Changes) -> Iterator[tuple[str, list[Line]]]:
    """The parts of the report that have something to say: a title and its lines."""
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
        ("Set in place", [(words.SIGNS[entry.action], words.setting(entry)) for entry in changes.settings]),
        (
            "Flows",
            [
                *(("+", words.flow(entry, opened=True)) for entry in changes.flows_opened),
                *(("-", words.flow(entry, opened=False)) for entry in changes.flows_closed),
                *(("+", words.rule(entry, opened=True)) for entry in changes.rules_opened),
                *(("-", words.rule(entry, opened=False)) for entry in changes.rules_closed),
            ],
        ),
        (
            "Names that answer",
            [
                *(("+", words.vhost(entry, opened=True)) for entry in changes.vhosts_opened),
                *(("-", words.vhost(entry, opened=False)) for entry in changes.vhosts_closed),
            ],
        ),
        ("Expected outage", [("!", words.outage(entry)) for entry in changes.outages]),
    ]
    return ((title, lines) for title, lines in parts if lines)


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
        for sign, line in lines[:LIMIT]:
            console.print(Text.assemble("  ", (sign, _STYLES.get(sign, "")), f" {line}"))
        if len(lines) > LIMIT:
            console.print(Text(f"  … and {len(lines) - LIMIT} more (--json has all)", style="dim"))
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
        lines += [f"- `{sign}` {escape(line)}" for sign, line in entries[:LIMIT]]
        if len(entries) > LIMIT:
            lines.append(f"- … and {len(entries) - LIMIT} more")
        lines.append("")
    if not changes.outages:
        lines += ["#### Expected outage", "", "- none: 0 s for every site", ""]
    lines += ["#### Capacity set aside", "", f"| host | {' | '.join(NAMES)} |", f"|---{'|---' * len(NAMES)}|"]
    rows = words.capacity_rows(changes.capacity)
    lines += [f"| {' | '.join(map(escape, row))} |" for row in rows[:LIMIT]]
    if len(rows) > LIMIT:
        lines.append(f"\n… and {len(rows) - LIMIT} more hosts")
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
