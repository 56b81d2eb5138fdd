"""A report as a security engineer reads it: counts by class, then each failure with its witness."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from idc.live.probe import Verdict

if TYPE_CHECKING:
    from idc.live.report import Finding, Report, Row

SHOWN: Final = 40  # findings printed in full; the evidence holds them all
_STYLE: Final = {Verdict.HELD: "green", Verdict.BROKEN: "bold red", Verdict.UNKNOWN: "bold yellow"}


def show(report: Report, console: Console) -> None:
    """Prints it."""
    style = "green" if report.proven else "yellow" if report.ok else "bold red"
    console.print(f"[{style}]{escape(report.centre)}: {escape(report.headline())}[/]")
    rows = report.rows()
    console.print(_table("live state", [row for row in rows if not row.packets], packets=False))
    if report.packets:
        console.print(_table("packets and requests", [row for row in rows if row.packets], packets=True))
    else:
        console.print("[yellow]no packet was sent: what passes and what is blocked was not looked at[/]")
    show_findings(list(report.findings()), console)
    if again := report.again():
        console.print(f"[yellow]{escape(again)}[/]")
    for words in report.unassessed():
        console.print(f"[yellow]not assessed:[/] {escape(words)}")
    spent = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in report.durations.items())
    console.print(f"[dim]{escape(spent)}[/]")


def show_findings(every: Sequence[Finding], console: Console) -> None:
    """Prints findings, each with its witness; also at the end of ``up``."""
    resting = Counter(finding.cause for finding in every)
    alike = Counter(_reason(finding) for finding in every)
    # Of those that follow from one that is shown, or are unknown for one and the same reason, the first stands for all.
    findings = list({_reason(finding): finding for finding in reversed(every) if not finding.cause}.values())[::-1]
    for number, finding in enumerate(findings[:SHOWN], 1):
        _finding(console, number, finding, resting[finding.check], alike[_reason(finding)] - 1)
    if len(findings) > SHOWN:
        console.print(f"{len(findings) - SHOWN} more findings: the evidence file and --json hold them all")


def _table(title: str, rows: list[Row], *, packets: bool) -> Table:
    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    table.add_column("class")
    table.add_column("must", no_wrap=True) if packets else None
    for name in ("held", "broken", "unknown", "packets" if packets else "looked at"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for row in rows:
        cells = [escape(row.family), *(["pass" if row.must_pass else "be blocked"] if packets else [])]
        bad = [
            f"[{_STYLE[v]}]{n}[/]" if n else "0"
            for v, n in ((Verdict.BROKEN, row.broken), (Verdict.UNKNOWN, row.unknown))
        ]
        verdict = row.verdict
        table.add_row(*cells, str(row.held), *bad, str(row.looked), f"[{_STYLE[verdict]}]{verdict.value}[/]")
    return table


def _reason(finding: Finding) -> str:
    """What makes two findings one: for the unknown why they are so; a broken one is one of its own."""
    if finding.verdict is Verdict.UNKNOWN:
        return finding.words.partition(" (")[0]
    return f"{finding.check} {finding.subject} {finding.words}"


def _finding(console: Console, number: int, finding: Finding, resting: int, alike: int) -> None:
    style = _STYLE[finding.verdict]
    where = f" on {finding.host}" if finding.host else ""
    console.print(f"[{style}]{number}. {finding.verdict.value}[/] {escape(finding.family)}{escape(where)}")
    console.print(f"   {escape(finding.subject)}", highlight=False)
    console.print(f"   [dim]seen:[/] {escape(finding.words)}", highlight=False)
    if finding.hops:
        console.print(f"   [dim]hops:[/] {escape(' > '.join(finding.hops))}", highlight=False)
    if alike:
        console.print(f"   [dim]and[/] {alike} more for the same reason", highlight=False)
    if resting:
        console.print(f"   [dim]so[/] {resting} more are unknown that it is the positive control of", highlight=False)
    control = f"  [dim]control {escape(finding.control)} (unverified)[/]" if finding.control else ""
    console.print(f"   [dim]check {escape(finding.check)}[/]{control}", highlight=False)
