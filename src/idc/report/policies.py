"""What the policies say of a plan: for a terminal, for a pull request, and for machines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.text import Text

from idc.model.types import WaiverSpec
from idc.plan.show import LIMIT, escape
from idc.policy import Finding
from idc.policy.decision import Decision

_STYLES = {"!": "red", "~": "yellow", "w": "cyan", "": "dim"}
_ORDER = {"critical": 0, "high": 1, "medium": 2}


def lines(decision: Decision) -> Iterator[tuple[str, str]]:
    """What there is to say, as a sign and words: worst first, what is waived with its waiver, nothing hidden."""
    for finding in sorted(decision.blocking, key=lambda finding: (_ORDER[finding.severity], finding)):
        yield "!", str(finding)
    for finding in decision.standing:
        yield "~", f"{finding}; there before, and not touched"
    for finding, waiver in decision.waived:
        yield "w", f"{finding}; waived until {waiver.until} by {waiver.approver}: {waiver.reason}"
    for finding in decision.verdict.due:
        yield "~", f"{finding}; stops nothing yet"
    used = {(waiver.policy, waiver.scope) for _, waiver in decision.waived}
    for waiver in decision.waivers:
        if (waiver.policy, waiver.scope) not in used:
            yield "", f"waiver of {waiver.policy} for {waiver.scope} is not needed: nothing is found"
    for waiver in decision.expired:
        yield "", f"waiver of {waiver.policy} for {waiver.scope} ended on {waiver.until} and counts as absent"


def _pending(decision: Decision) -> str:
    """What could not be judged yet, and when it is."""
    names = ", ".join(decision.yet_to_be_built)
    return f"`idc up` builds {names} and judges the contents then" if names else ""


def text(decision: Decision) -> None:
    """Print the decision."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text("\nPolicies", style="bold"))
    said = list(lines(decision))
    for sign, words in said[:LIMIT]:
        console.print(Text(f"  {sign or ' '} {words}", style=_STYLES[sign]))
    if len(said) > LIMIT:
        console.print(Text(f"  … and {len(said) - LIMIT} more (--json has all)", style="dim"))
    console.print(Text(f"  {decision.headline}"))
    if pending := _pending(decision):
        console.print(Text(f"  {pending}", style="dim"))


def markdown(decision: Decision) -> str:
    """The decision for a pull request."""
    said = list(lines(decision))
    parts = ["", "#### Policies", ""]
    parts += [f"- `{sign or ' '}` {escape(words)}" for sign, words in said[:LIMIT]]
    if len(said) > LIMIT:
        parts.append(f"- … and {len(said) - LIMIT} more")
    parts += [f"- {escape(words)}" for words in (decision.headline, _pending(decision)) if words]
    return "\n".join([*parts, ""])


def document(decision: Decision) -> dict[str, Any]:
    """The decision for machines: also what each policy that passed looked at."""
    return {
        "ok": decision.ok,
        "judged": decision.verdict.judged,
        "blocking": [_finding(finding) for finding in decision.blocking],
        "standing": [_finding(finding) for finding in decision.standing],
        "waived": [{**_finding(finding), "waiver": _waiver(waiver)} for finding, waiver in decision.waived],
        "due": [_finding(finding) for finding in decision.verdict.due],
        "waivers": [_waiver(waiver) for waiver in decision.waivers],
        "expired_waivers": [_waiver(waiver) for waiver in decision.expired],
        "passed": {passed.policy: passed.looked_at for passed in decision.verdict.passed},
        "yet_to_be_built": list(decision.yet_to_be_built),
    }


def _waiver(waiver: WaiverSpec) -> dict[str, Any]:
    return waiver.model_dump(mode="json")


def _finding(finding: Finding) -> dict[str, str]:
    return {
        "policy": finding.policy, "severity": finding.severity, "scope": finding.scope, "subject": finding.subject,
        "words": finding.words, "where": finding.where,
    }  # fmt: skip
