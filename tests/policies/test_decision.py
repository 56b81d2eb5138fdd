"""What a verdict comes to: which findings stop a change, which only stand, which are waived."""

from __future__ import annotations

import datetime

import pytest

from idc.model.types import WaiverSpec
from idc.policy import Finding, Verdict
from idc.policy.decision import Before, decide

TODAY = datetime.date(2026, 3, 1)
OLD = Finding("hardening.filesystem", "tenant/tax", "container tax-www-web-a", "has a writable root",
              owner="tenant/tax/site/www")  # fmt: skip
NEW = Finding("hardening.user", "tenant/parks", "container parks-www-web-a", "runs as root")
VERDICT = Verdict((OLD, NEW), (), 5)


def waiver(policy: str = OLD.policy, scope: str = OLD.scope, until: datetime.date = TODAY) -> WaiverSpec:
    return WaiverSpec(policy=policy, scope=scope, reason="a new image in March", approver="li-na", until=until)


def test_everything_stops_a_first_change() -> None:
    assert decide(VERDICT, Before(), (), TODAY).blocking == (OLD, NEW)


def test_another_s_old_finding_does_not_stop_a_change() -> None:
    before = Before(frozenset({OLD.key}), frozenset({"tenant/tax"}))
    decision = decide(VERDICT, before, (), TODAY)
    assert (decision.blocking, decision.standing) == ((NEW,), (OLD,))


def test_who_touches_what_is_broken_mends_it() -> None:
    before = Before(frozenset({OLD.key}), frozenset({"tenant/parks", "platform"}))
    assert OLD in decide(VERDICT, before, (), TODAY).blocking


def test_a_finding_that_another_s_change_brings_stops_it() -> None:
    before = Before(frozenset(), frozenset({"tenant/tax", "tenant/parks"}))
    assert decide(VERDICT, before, (), TODAY).blocking == (OLD, NEW)


@pytest.mark.parametrize("scope", ["tenant/tax", "tenant/tax/site/www"])
def test_a_waiver_holds_through_its_last_day(scope: str) -> None:
    decision = decide(Verdict((OLD,), (), 5), Before(), (waiver(scope=scope),), TODAY)
    assert decision.ok
    assert decision.waived == ((OLD, waiver(scope=scope)),)


def test_an_expired_waiver_counts_as_absent_and_is_named() -> None:
    past = waiver(until=TODAY - datetime.timedelta(days=1))
    decision = decide(Verdict((OLD,), (), 5), Before(), (past,), TODAY)
    assert (decision.blocking, decision.expired, decision.waivers) == ((OLD,), (past,), ())


@pytest.mark.parametrize(
    "other",
    [waiver(scope="tenant/ta"), waiver(scope="tenant/tax/site/file"), waiver(scope="platform"), waiver(NEW.policy)],
)
def test_a_waiver_is_for_its_own_policy_and_scope_only(other: WaiverSpec) -> None:
    assert not decide(Verdict((OLD,), (), 5), Before(), (other,), TODAY).ok


def test_nothing_judged_is_no_leave() -> None:
    assert not decide(Verdict((), (), 0), Before(), (), TODAY).ok
