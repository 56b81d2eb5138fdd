"""What a verification came to. A pass says how much was looked at, a failure carries its witness: never a bare yes.

What could not be looked at is *unknown*, and unknown fails like a finding. So is a class of packets that the plan has
and of which none was sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console

from idc.live.probe import MUST_PASS, Family, Outcome, Verdict


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it must be, or (``unknown``) could not be looked at."""

    check: str  # id of the check or the probe
    family: str
    host: str
    subject: str  # what it is about: "container tax-www-a", "tax-www-a on web-1 -> host web-1 (…) tcp/22"
    words: str  # what was seen, and what was to be
    verdict: Verdict
    control: str = ""  # clause of GB/T 22239 that the check supports, unverified
    hops: tuple[str, ...] = ()  # where a packet was seen
    cause: str = ""  # check whose failure is why this one is unknown


@dataclass(frozen=True)
class Check:
    """One test over a host's snapshot or a host itself."""

    id: str
    family: str
    title: str
    host: str
    verdict: Verdict | None  # None: not applicable, with the reason in ``words``
    looked: int  # how many things it looked at
    words: str = ""
    findings: tuple[tuple[str, str], ...] = ()  # subject, words
    control: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Row:
    """Counts of one family. ``looked`` is how many things or packets its verdicts rest on."""

    family: str
    held: int
    broken: int
    unknown: int
    looked: int
    packets: bool
    must_pass: bool = False
    name: str = ""  # of a class of packets: "OTHER_HOST"

    @property
    def verdict(self) -> Verdict:
        """The worst of the family. Nothing looked at is unknown, never held."""
        if self.broken:
            return Verdict.BROKEN
        return Verdict.UNKNOWN if self.unknown or not self.looked else Verdict.HELD


@dataclass(frozen=True)
class Report:
    """A verification of one centre."""

    centre: str
    began: str  # ISO 8601, UTC
    plan: str  # digest of the plan that it was held against
    checks: tuple[Check, ...]
    outcomes: tuple[Outcome, ...]
    not_assessed: tuple[str, ...]  # what no verdict is given on, with the reason
    durations: Mapping[str, float]  # seconds of each part
    snapshots: Mapping[str, str]  # host -> SHA-256 of what it was read as
    packets: bool  # False: probes were not asked for
    demanded: frozenset[Family] = frozenset(Family)  # classes of which the plan has pairs: packets of each must be sent
    absent: Mapping[Family, str] = field(default_factory=dict)  # the other classes, and why the plan has none of them

    # -- verdict -----------------------------------------------------------------------------------------------------

    @property
    def ok(self) -> bool:
        """True when all that was asked for was looked at and nothing was found. Not yet a proof: see ``proven``."""
        return bool(self.checks) and not any(True for _ in self.findings())

    @property
    def proven(self) -> bool:
        """True when live state holds *and* packets of every class that the plan has showed what passes and what not."""
        return self.ok and self.packets

    def findings(self) -> Iterator[Finding]:
        """All that is broken, then all that is unknown."""
        every = [*self._packet_findings(), *self._unsent(), *self._check_findings()]
        yield from (finding for finding in every if finding.verdict is Verdict.BROKEN)
        yield from (finding for finding in every if finding.verdict is Verdict.UNKNOWN)

    def _packet_findings(self) -> Iterator[Finding]:
        for outcome in self.outcomes:
            if outcome.verdict is not Verdict.HELD:
                probe = outcome.probe
                yield Finding(
                    check=probe.id,
                    family=probe.family.value,
                    host=probe.source.machine or "outside",
                    subject=probe.words,
                    words=f"{outcome.words} ({probe.stands_for})",
                    verdict=outcome.verdict,
                    control="8.1.3.2 c",
                    hops=tuple(str(hop) for hop in outcome.hops),
                    cause=outcome.cause,
                )

    def _unsent(self) -> Iterator[Finding]:
        sent = {outcome.probe.family for outcome in self.outcomes}
        for family in Family:
            if self.packets and family in self.demanded and family not in sent:
                words = "no packet of this class was sent, although the plan has pairs of it"
                yield Finding(f"classes/{family.name.lower()}", family.value, "", family.value, words, Verdict.UNKNOWN)

    def _check_findings(self) -> Iterator[Finding]:
        for check in self.checks:
            if check.verdict in (Verdict.BROKEN, Verdict.UNKNOWN):
                verdict = Verdict(check.verdict)
                for subject, words in check.findings or ((check.title, check.words),):
                    yield Finding(check.id, check.family, check.host, subject, words, verdict, check.control)

    def rows(self) -> list[Row]:
        """Counts of each family, checks first, then packets, in a stable order."""
        rows = []
        for family in dict.fromkeys(check.family for check in self.checks):
            own = [check for check in self.checks if check.family == family and check.verdict is not None]
            if own:
                rows.append(
                    _row(family, [c.verdict for c in own if c.verdict], sum(c.looked for c in own), packets=False)
                )
        for kind in Family:
            verdicts = [outcome.verdict for outcome in self.outcomes if outcome.probe.family is kind]
            if verdicts or (self.packets and kind in self.demanded):
                passes = kind in MUST_PASS
                rows.append(_row(kind.value, verdicts, len(verdicts), packets=True, must_pass=passes, name=kind.name))
        return rows

    def site_state(self, ref: str) -> str:
        """``serving``, ``shut``, or why not, of a site by its reference."""
        own = [o for o in self.outcomes if o.probe.family is Family.SITE and o.probe.stands_for == ref]
        shut = [o for o in self.outcomes if o.probe.family is Family.SHUT and o.probe.stands_for == f"{ref} is shut"]
        if shut:
            return "shut" if all(o.verdict is Verdict.HELD for o in shut) else "open although shut"
        if not own:
            return "not looked at"
        worst = next((o for o in own if o.verdict is not Verdict.HELD), None)
        return "serving" if worst is None else f"not serving: {worst.words}"

    # -- telling -----------------------------------------------------------------------------------------------------

    def headline(self) -> str:
        """The result in a few words."""
        broken = sum(1 for finding in self.findings() if finding.verdict is Verdict.BROKEN)
        unknown = sum(1 for finding in self.findings() if finding.verdict is Verdict.UNKNOWN)
        looked = sum(row.looked for row in self.rows() if not row.packets)
        sent = f"{len(self.outcomes)} packets and requests sent" if self.packets else "no packet sent"
        good = "holds" if self.packets else "live state holds, packets not looked at"
        verdict = good if self.ok else f"{broken} findings, {unknown} unknown"
        return f"{verdict}: {looked} things looked at, {sent}"

    def summary_lines(self) -> list[str]:
        """What was proven, one line a kind, for the table at the end of ``up``."""
        rows = self.rows()
        lines = []
        for words, kept in (
            ("declared flows, sites and management that pass", [r for r in rows if r.packets and r.must_pass]),
            ("denied packets and requests that are blocked", [r for r in rows if r.packets and not r.must_pass]),
        ):
            if kept:
                lines.append(f"{words}: {sum(r.held for r in kept)} of {sum(r.looked for r in kept)}{_bad(kept)}")
        checks = [row for row in rows if not row.packets]
        looked = sum(row.looked for row in checks)
        held = sum(row.held for row in checks)
        total = sum(_total(row) for row in checks)
        lines.append(f"checks of live state: {held} of {total} hold, {looked} things looked at{_bad(checks)}")
        if again := self.again():
            lines.append(again)
        lines += [f"not assessed: {words}" for words in self.unassessed()]
        return lines

    def unassessed(self) -> list[str]:
        """What no verdict is given on, each with its reason: the classes without a pair in this plan among it."""
        classes = [f"{family.value}: {words}" for family, words in self.absent.items()] if self.packets else []
        return [*self.not_assessed, *classes]

    def again(self) -> str:
        """How many packets needed more than one try, in words; empty when none did."""
        count = sum(1 for outcome in self.outcomes if outcome.tries > 1 and outcome.verdict is Verdict.HELD)
        words = f"{count} of {len(self.outcomes)} packets and requests held only when they were sent again"
        return words if count else ""

    def to_document(self) -> dict[str, Any]:
        """For ``--json`` and as evidence: everything that was looked at, each packet with its hops."""
        from idc.live.document import document

        return document(self)

    def print(self, console: Console) -> None:
        """The report for a terminal."""
        from idc.live.show import show

        show(self, console)


def _row(
    family: str, verdicts: list[Verdict], looked: int, *, packets: bool, must_pass: bool = False, name: str = ""
) -> Row:
    held, broken, unknown = (verdicts.count(v) for v in (Verdict.HELD, Verdict.BROKEN, Verdict.UNKNOWN))
    return Row(family, held, broken, unknown, looked, packets, must_pass, name)


def _total(row: Row) -> int:
    return row.held + row.broken + row.unknown


def _bad(rows: list[Row]) -> str:
    broken, unknown = sum(r.broken for r in rows), sum(r.unknown for r in rows)
    return "".join(f", {count} {word}" for count, word in ((broken, "BROKEN"), (unknown, "UNKNOWN")) if count)
