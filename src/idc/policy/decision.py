"""What a verdict comes to: which findings stop a change, which only stand, which are waived. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from idc.model.types import WaiverSpec
from idc.policy.rules import Finding, Verdict

Key = tuple[str, str, str, str]


@dataclass(frozen=True)
class Before:
    """What was found of what is applied now. A finding in it stops nothing that does not touch it."""

    keys: frozenset[Key] = frozenset()
    untouched: frozenset[str] = frozenset()  # scopes in which the change alters nothing


@dataclass(frozen=True)
class Decision:
    """A verdict beside what was applied and what is waived."""

    verdict: Verdict
    blocking: tuple[Finding, ...]
    standing: tuple[Finding, ...] = ()  # there before, and nothing of theirs is touched
    waived: tuple[tuple[Finding, WaiverSpec], ...] = ()
    waivers: tuple[WaiverSpec, ...] = ()  # all that are valid, printed with every verdict
    expired: tuple[WaiverSpec, ...] = ()  # count as absent
    yet_to_be_built: tuple[str, ...] = field(default=())  # images whose content `up` judges once it is there

    @property
    def ok(self) -> bool:
        """True when the change may be made."""
        return self.verdict.judged > 0 and not self.blocking

    @property
    def headline(self) -> str:
        """How many were judged, and what came of it."""
        parts = [f"{self.verdict.judged} policies judged"]
        parts += [f"{len(self.blocking)} findings stop the change"] if self.blocking else []
        parts += [f"{len(self.standing)} stand from before"] if self.standing else []
        parts += [f"{len(self.waived)} waived"] if self.waived else []
        parts += [f"{len(self.verdict.due)} due soon"] if self.verdict.due else []
        return ", ".join(parts if len(parts) > 1 else [*parts, "nothing found"])


def decide(verdict: Verdict, before: Before, waivers: Sequence[WaiverSpec], today: date) -> Decision:
    """Sort the findings. ``today`` is the machine's date: a waiver holds through its last day."""
    valid = tuple(waiver for waiver in waivers if waiver.until >= today)
    blocking, standing, waived = [], [], []
    for finding in verdict.findings:
        waiver = next((each for each in valid if covers(each, finding)), None)
        if waiver is not None:
            waived.append((finding, waiver))
        elif finding.key in before.keys and finding.scope in before.untouched:
            standing.append(finding)
        else:
            blocking.append(finding)
    expired = tuple(waiver for waiver in waivers if waiver.until < today)
    return Decision(verdict, tuple(blocking), tuple(standing), tuple(waived), valid, expired)


def covers(waiver: WaiverSpec, finding: Finding) -> bool:
    """True when a waiver is for this finding: its policy, and its scope, subject or owner. Never for part of a name."""
    return waiver.policy == finding.policy and waiver.scope in (finding.scope, finding.subject, finding.owner)
