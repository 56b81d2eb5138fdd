"""The isolation delta as people read it: what would open and close, in the words of those whose sites it is about."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from idc.plan.show import escape
from idc.plan.types import Flow, HostRule
from idc.proof.delta import Delta, Name, Pair

SHOWN: Final = 100  # of what closes, and again of what opens; --json has all
TITLE: Final = "Isolation: who would reach whom"
Line = tuple[str, str, tuple[str, ...]]  # sign, the sentence, what is said below it


def sentence(pair: Pair) -> str:
    """Who may call whom, in one sentence."""
    target = pair.destination.words
    if pair.destination.segment or pair.destination.ref.startswith("host/"):
        address = _to(pair)
        target += f" at {address}" if address else ""
    ports = f" port {pair.ports}" if pair.ports and "-" not in pair.ports and pair.ports != "any" else ""
    ports = ports or {"": "", "any": " any port"}.get(pair.ports, f" ports {pair.ports}")
    by = f", by the listener {pair.by}" if pair.by else ""
    may = "may call" if pair.way == "opens" else "may no longer call"
    return f"{_capital(pair.source.words)} {may} {target}, {pair.protocol}{ports}{by}."


def reason(pair: Pair) -> str:
    """Why, until when, and who declared it."""
    declared = pair.declared
    if declared is None:
        if pair.way == "closes":
            return "Nothing declared it."
        return "NOTHING DECLARES IT: a rule lets it through all the same, and the isolation proof fails"
    text = f"Reason: {declared.reason.rstrip('.')}"
    if isinstance(declared, HostRule):
        return f"{text}. Declared by the role of the host {declared.host}"
    until = f"; until {declared.until}" if declared.until else ""
    return f"{text}{until}. Declared by {_who(declared)}: {declared.id} ({declared.control})"


def _who(flow: Flow) -> str:
    if flow.where:
        return flow.where
    return {"site": "the site's own entry", "service": "the service itself"}.get(flow.origin, flow.origin)


def _to(pair: Pair) -> str:
    packet = pair.witness.walks[-1].packet if pair.witness.walks else pair.witness.packet
    return str(packet).split(" -> ")[1].split(" ")[0].rpartition(":")[0] if pair.ports else ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def named(entry: Name) -> str:
    """What a listener begins or ceases to answer to."""
    who = {"internet": "Anybody on the Internet"}.get(entry.listener, "The fabric's users")
    may = "may ask for" if entry.opens else "may no longer ask for"
    return f"{who} {may} {entry.name} ({', '.join(entry.methods)}), which is {entry.site}."


def _pair_lines(pairs: tuple[Pair, ...], sign: str) -> Iterator[Line]:
    for pair in pairs:
        alarm = pair.declared is None and pair.way == "opens"
        shown = f"Packet: {pair.witness.packet}"
        through = "" if not alarm else f"; let through by {_rules(pair)}"
        yield ("!" if alarm else sign), sentence(pair), (reason(pair), f"{shown}{through}")


def _rules(pair: Pair) -> str:
    hops = [hop for walk in pair.witness.walks for hop in walk.hops if hop.verdict in ("accept", "dnat")]
    return f"{hops[-1].host}: {hops[-1].text}" if hops else "no rule that stops it"


def lines(delta: Delta) -> list[Line]:
    """What is printed: what nothing declares first, then what closes, then what opens."""
    undeclared = delta.undeclared
    opened = tuple(pair for pair in delta.opened if pair.declared is not None)
    found: list[Line] = list(_pair_lines(undeclared[:SHOWN], "!"))
    closes = [*_pair_lines(delta.closed, "-"), *(("-", named(name), ()) for name in delta.names if not name.opens)]
    opens = [*_pair_lines(opened, "+"), *(("+", named(name), ()) for name in delta.names if name.opens)]
    left = []
    for what, many in (("close", closes), ("open", opens)):
        found += many[:SHOWN]
        if len(many) > SHOWN:
            left.append(f"{len(many) - SHOWN:,} of {len(many):,} that {what}")
    if len(undeclared) > SHOWN:
        left.insert(0, f"{len(undeclared) - SHOWN:,} of {len(undeclared):,} that nothing declares")
    found += [("!", f"not understood, so that what opens there is not known: {what}", ()) for what in delta.unknown]
    if left:
        found.append(("!", f"not shown: {' and '.join(left)}; `idc plan --json` has all", ()))
    return found


def summary(delta: Delta) -> str:
    """In one line."""
    pairs = f"{len(delta.opened):,} would open and {len(delta.closed):,} close"
    text = f"by the rules of {delta.hosts} host{'s' if delta.hosts != 1 else ''}: {pairs}"
    return text + (f"; {len(delta.undeclared)} that NOTHING DECLARES" if delta.undeclared else "")


def text(delta: Delta, console: Console | None = None) -> None:
    """For a terminal; nothing where nothing opens or closes."""
    if delta.empty:
        return
    console = console or Console(soft_wrap=True, highlight=False)
    console.print(Text(f"\n{TITLE}", style="bold"))
    console.print(Text(f"  {summary(delta)}", style="bold red" if delta.undeclared else ""))
    styles = {"+": "green", "-": "red", "!": "bold red"}
    for sign, said, below in lines(delta):
        loud = "bold red" if sign == "!" else ""
        console.print(Text.assemble("  ", (sign, styles[sign]), " ", (said, loud)))
        for line in below:
            console.print(Text(f"      {line}", style=loud or "dim"))


def markdown(delta: Delta) -> str:
    """For a pull request; what people wrote into files cannot break out of its line."""
    if delta.empty:
        return ""
    found = [f"\n#### {TITLE}", "", escape(summary(delta)), ""]
    for sign, said, below in lines(delta):
        found.append(f"- `{sign}` " + (f"**{escape(said)}**" if sign == "!" else escape(said)))
        found += [f"  - {escape(line)}" for line in below]
    return "\n".join([*found, ""])


def document(delta: Delta) -> dict[str, Any]:
    """For ``--json``: everything, nothing shortened."""
    return {
        "first": delta.first,
        "hosts_compared": delta.hosts,
        "opens": [_pair(pair) for pair in delta.opened],
        "closes": [_pair(pair) for pair in delta.closed],
        "undeclared": len(delta.undeclared),
        "names": [
            {"listener": entry.listener, "name": entry.name, "site": entry.site, "methods": list(entry.methods),
             "way": "opens" if entry.opens else "closes"}
            for entry in delta.names
        ],
        "unknown": [str(what) for what in delta.unknown],
    }  # fmt: skip


def _pair(pair: Pair) -> dict[str, Any]:
    flow = pair.declared if isinstance(pair.declared, Flow) else None
    return {
        "from": pair.source.ref,
        "to": pair.destination.ref,
        "protocol": pair.protocol,
        "ports": pair.ports,
        "words": sentence(pair),
        "declared": pair.declared is not None,
        "flow": flow.id if flow else None,
        "where": flow.where if flow else None,
        "reason": pair.declared.reason if pair.declared else None,
        "until": flow.until.isoformat() if flow and flow.until else None,
        "witness": list(pair.witness.lines),
    }
