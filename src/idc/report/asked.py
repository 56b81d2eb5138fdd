"""Answers to `why` and `reach` as people and machines read them."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from idc.proof.reach import Reached
from idc.proof.why import WayAnswer


def way_document(answer: WayAnswer) -> dict[str, object]:
    """One answer for ``--json``: the verdict, each connection with its packet and hops, the flows that declare it."""
    return {
        "verdict": answer.word,
        "decided": answer.decided,
        "connections": [
            {
                "what": leg.what,
                "packet": str(reply.packet),
                "hops": [
                    {"host": hop.host, "interface": hop.interface, "place": hop.place, "rule": hop.text,
                     "verdict": hop.verdict}
                    for walk in reply.walks
                    for hop in walk.hops
                ],
            }
            for leg, reply in answer.answers
        ],
        "flows": [
            {"id": flow.id, "reason": flow.reason, "control": flow.control, "where": flow.where,
             "until": flow.until.isoformat() if flow.until else None}
            for flow in answer.flows
        ],
    }  # fmt: skip


def way_text(planned: WayAnswer, live: WayAnswer | None, note: str) -> None:
    """Planned and live one beside the other: the verdicts first, then the hops of the plan, then what declares it."""
    write = sys.stdout.write
    write(f"planned  {planned.word}: {planned.decided}\n")
    write(f"live     {live.word}: {live.decided}\n" if live is not None else f"live     not looked at: {note}\n")
    if live is not None and note:
        write(f"         {note}\n")
    differs = live is not None and live.word != planned.word
    for name, answer in (("planned", planned), *((("live", live),) if differs and live is not None else ())):
        write(f"\nthe packet's way, {name}\n")
        for leg, reply in answer.answers:
            write(f"  {leg.what}\n    {reply.packet}\n")
            for walk in reply.walks:
                for hop in walk.hops:
                    write(f"      {hop}\n")
    write("\ndeclared by\n")
    for flow in planned.flows:
        until = f", until {flow.until}" if flow.until else ""
        write(f"  {flow.id}\n    {flow.reason}{until}{f' ({flow.where})' if flow.where else ''}\n")
    if not planned.flows:
        write("  no flow; what no flow declares is denied\n")


def reach_document(found: Sequence[Reached]) -> list[dict[str, object]]:
    """For ``--json``."""
    return [
        {"ref": one.ref, "to": one.to, "protocol": one.protocol, "ports": one.ports, "host": one.host,
         "declared_by": one.flow}
        for one in found
    ]  # fmt: skip


def reach_table(console: Console, title: str, planned: Sequence[Reached], live: Sequence[Reached] | None) -> None:
    """All that is reached, with a mark where plan and hosts differ."""
    table = Table(title=title, title_justify="left")
    for heading in ("what", "address", "port", "planned", "live", "declared by"):
        table.add_column(heading, overflow="fold")
    now = None if live is None else {_key(one): one for one in live}
    shown = {_key(one): one for one in planned}
    for key, one in {**shown, **(now or {})}.items():
        ports = f"{one.ports}/{one.protocol}" if one.ports else one.protocol
        seen = "not looked at" if now is None else "open" if key in now else "[red]closed[/red]"
        wanted = "open" if key in shown else "[red]closed[/red]"
        table.add_row(one.ref or "-", one.to, ports, wanted, seen, one.flow or "[red]nothing[/red]")
    console.print(table if table.row_count else f"{title}: nothing", highlight=False)


def differing(planned: Sequence[Reached], live: Sequence[Reached]) -> bool:
    """Whether plan and hosts let different things be reached."""
    return {_key(one) for one in planned} != {_key(one) for one in live}


def _key(one: Reached) -> tuple[str, str, str, str]:
    return one.ref, one.to, one.protocol, one.ports
