"""What the policies say of a plan: for a terminal, for a pull request, and for machines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from idc.plan.show import LIMIT, escape
from idc.policy import Finding, Verdict

_STYLES = {"critical": "bold red", "high": "red", "medium": "yellow"}


def headline(verdict: Verdict) -> str:
    """How many were judged, and what was found."""
    if verdict.ok:
        return f"{verdict.judged} policies judged, nothing found"
    return f"{len(verdict.findings)} found by {len({f.policy for f in verdict.findings})} of {verdict.judged} policies"


def pending(unbuilt: Sequence[str]) -> str:
    """What could not be judged yet, and when it is."""
    return f"`idc up` builds {', '.join(unbuilt)} and judges the contents then" if unbuilt else ""


def text(verdict: Verdict, unbuilt: Sequence[str]) -> None:
    """Print the verdict."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text("\nPolicies", style="bold"))
    for finding in verdict.findings[:LIMIT]:
        console.print(Text(f"  ! {finding}", style=_STYLES[finding.severity]))
    if len(verdict.findings) > LIMIT:
        console.print(Text(f"  … and {len(verdict.findings) - LIMIT} more (--json has all)", style="dim"))
    console.print(Text(f"  {headline(verdict)}"))
    if unbuilt:
        console.print(Text(f"  {pending(unbuilt)}", style="dim"))


def markdown(verdict: Verdict, unbuilt: Sequence[str]) -> str:
    """The verdict for a pull request."""
    lines = ["", "#### Policies", ""]
    lines += [f"- `!` {escape(str(finding))}" for finding in verdict.findings[:LIMIT]]
    if len(verdict.findings) > LIMIT:
        lines.append(f"- … and {len(verdict.findings) - LIMIT} more")
    lines += [f"- {escape(headline(verdict))}"]
    if unbuilt:
        lines.append(f"- {escape(pending(unbuilt))}")
    return "\n".join([*lines, ""])


def document(verdict: Verdict, unbuilt: Sequence[str]) -> dict[str, Any]:
    """The verdict for machines: also what each policy that passed looked at."""
    return {
        "ok": verdict.ok,
        "judged": verdict.judged,
        "findings": [_finding(finding) for finding in verdict.findings],
        "passed": {passed.policy: passed.looked_at for passed in verdict.passed},
        "yet_to_be_built": list(unbuilt),
    }


def _finding(finding: Finding) -> dict[str, str]:
    return {
        "policy": finding.policy, "severity": finding.severity, "scope": finding.scope, "subject": finding.subject,
        "words": finding.words, "where": finding.where,
    }  # fmt: skip
