"""What is sent again leaves a trace, and a finding of the first try stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from idc.live import prober
from idc.live.probe import Family, Outcome, Probe, Verdict
from tests.unit.live.test_judge import CONTROL, DENIED, SILENT

FLOW = replace(DENIED, id="flow", family=Family.FLOW, passes=True, controls=())
HELD, BROKEN, UNKNOWN = Verdict.HELD, Verdict.BROKEN, Verdict.UNKNOWN


def run(monkeypatch: pytest.MonkeyPatch, *rounds: dict[str, Verdict]) -> dict[str, tuple[Verdict, int]]:
    """The outcomes when each try comes out as said, in place of real packets."""
    left: Iterator[dict[str, Verdict]] = iter(rounds)

    def fly(_way: Any, probes: Sequence[Probe], *_: Any) -> list[Outcome]:
        now = next(left)
        return [Outcome(probe, now[probe.id], "", SILENT) for probe in probes]

    monkeypatch.setattr(prober, "_fly", fly)
    outcomes = prober.run(None, [CONTROL, DENIED, FLOW])  # type: ignore[arg-type]
    return {outcome.probe.id: (outcome.verdict, outcome.tries) for outcome in outcomes}


def test_what_holds_at_once_was_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    good = {"control": HELD, "denied": HELD, "flow": HELD}
    assert run(monkeypatch, good) == dict.fromkeys(good, (HELD, 1))


def test_what_holds_only_when_sent_again_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    found = run(monkeypatch, {"control": HELD, "denied": HELD, "flow": BROKEN}, {"flow": HELD})
    assert found == {"control": (HELD, 1), "denied": (HELD, 1), "flow": (HELD, 2)}


def test_a_control_goes_again_with_its_probe_and_counts_only_for_what_it_was_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = {"control": HELD, "denied": UNKNOWN, "flow": HELD}
    found = run(monkeypatch, first, {"control": HELD, "denied": HELD})
    assert found == {"control": (HELD, 1), "denied": (HELD, 2), "flow": (HELD, 1)}


def test_a_packet_that_passed_although_it_must_not_is_a_finding_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    found = run(monkeypatch, {"control": HELD, "denied": BROKEN, "flow": BROKEN}, {"flow": BROKEN}, {"flow": BROKEN})
    assert found == {"control": (HELD, 1), "denied": (BROKEN, 1), "flow": (BROKEN, 3)}


def test_a_control_that_a_busy_machine_answers_late_makes_no_class_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    late = {"control": BROKEN, "denied": UNKNOWN}
    found = run(monkeypatch, {**late, "flow": HELD}, late, {"control": HELD, "denied": HELD})
    assert found == {"control": (HELD, 3), "denied": (HELD, 3), "flow": (HELD, 1)}


def test_only_what_must_be_answered_is_waited_for_longer_and_longer() -> None:
    controls = [prober._seconds(CONTROL, patience) for patience in prober.PATIENCE]
    denied = [prober._seconds(DENIED, patience) for patience in prober.PATIENCE]
    assert controls == sorted(set(controls))
    assert controls[-1] >= 20 > denied[-1] * 5
    assert controls[-1] < prober.CALL_DEADLINE / 2, "the call that sends them must not end first"
    assert denied[-1] == denied[-2], "a probe that is denied gets no slower"
