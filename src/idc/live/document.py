"""A report as one JSON document: for ``--json``, and as the evidence that a station keeps."""

from __future__ import annotations

from typing import Any, Final

from idc.live.probe import Outcome
from idc.live.report import Check, Finding, Report

NOT_APPLICABLE: Final = "not applicable"


def document(report: Report) -> dict[str, Any]:
    """Everything that was looked at, each packet with its hops. ``packets`` false: no packet was sent."""
    return {
        "format": 1,
        "centre": report.centre,
        "began": report.began,
        "plan": report.plan,
        "ok": report.ok,
        "packets": report.packets,
        "proven": report.proven,
        "headline": report.headline(),
        "not_assessed": report.unassessed(),
        "durations": {name: round(seconds, 3) for name, seconds in report.durations.items()},
        "snapshots": dict(report.snapshots),
        "rows": [
            {
                "family": row.family,
                "class": row.name,
                "kind": "packets" if row.packets else "checks",
                "held": row.held,
                "broken": row.broken,
                "unknown": row.unknown,
                "looked": row.looked,
            }
            for row in report.rows()
        ],
        "findings": [_finding(finding) for finding in report.findings()],
        "checks": [_check(check) for check in report.checks],
        "probes": [_outcome(outcome) for outcome in report.outcomes],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "check": finding.check,
        "family": finding.family,
        "host": finding.host,
        "subject": finding.subject,
        "words": finding.words,
        "verdict": finding.verdict.value,
        "control": finding.control,
        "hops": list(finding.hops),
        "cause": finding.cause,
    }


def _check(check: Check) -> dict[str, Any]:
    return {
        "id": check.id,
        "family": check.family,
        "title": check.title,
        "host": check.host,
        "verdict": check.verdict.value if check.verdict else NOT_APPLICABLE,
        "looked": check.looked,
        "words": check.words,
        "findings": [{"subject": subject, "words": words} for subject, words in check.findings],
        "control": check.control,
        "seconds": check.seconds,
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    probe, shot = outcome.probe, outcome.shot
    return {
        "id": probe.id,
        "family": probe.family.value,
        "what": probe.words,
        "stands_for": probe.stands_for,
        "must": "pass" if probe.passes else "be blocked",
        "verdict": outcome.verdict.value,
        "words": outcome.words,
        "tries": outcome.tries,
        "source": shot.source,
        "source_port": probe.service_port or shot.mark,
        "destination": str(probe.address),
        "protocol": probe.protocol,
        "port": shot.mark if probe.service_port else probe.port,
        "state": shot.state,
        "status": shot.status,
        "milliseconds": shot.milliseconds,
        "controls": list(probe.controls),
        "hops": [str(hop) for hop in outcome.hops],
        "answers": [str(hop) for hop in outcome.answers],
    }
