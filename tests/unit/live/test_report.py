"""A report says how much was looked at; what is unknown fails; a finding carries its witness."""

from __future__ import annotations

import io
from dataclasses import replace
from ipaddress import IPv4Address

from rich.console import Console

from idc.live.probe import Family, Outcome, Place, Probe, Request, Shot, Sight, Verdict
from idc.live.report import Check, Report

WEB = Place("web-1", "container:tax-www-a", "tax-www-a on web-1")
PROBE = Probe(
    "gateway/tax-www-a/10.64.16.1/tcp-22", Family.GATEWAY, WEB, Place("web-1", "host", "host web-1"),
    IPv4Address("10.64.16.1"), "tcp", 22, "nothing passes from a container to a host", passes=False, controls=("c",),
)  # fmt: skip
HELD = Outcome(
    PROBE, Verdict.HELD, "last seen at web-1 br-0a401000 in", Shot("silent", source="10.64.16.2", mark=61001)
)
SITE = replace(
    PROBE, id="site/x", family=Family.SITE, passes=True, protocol="http", stands_for="tenant/tax/site/www",
    request=Request("tax.example", "/", (200,)),
)  # fmt: skip
CHECK = Check("rules/x[web-1]", "Packet rules", "the rules are the plan's", "web-1", Verdict.HELD, 120)
GOOD = Report(
    "small.net", "2026-11-24T00:00:00+00:00", "digest", (CHECK,), (HELD,), ("physical isolation: a lab",),
    {"snapshots": 1.0}, {"web-1": "00"}, packets=True, demanded=frozenset({Family.GATEWAY}),
    absent={Family.OTHER_HOST: "all containers of tenants are on web-1"},
)  # fmt: skip
BROKEN = replace(
    HELD, verdict=Verdict.BROKEN, words="was answered", hops=(Sight("web-1", "host", "br-1", "in", "a", 1),)
)


def text_of(report: Report) -> str:
    out = io.StringIO()
    report.print(Console(file=out, width=160))
    return out.getvalue()


def test_a_pass_says_how_much_it_looked_at() -> None:
    assert GOOD.ok
    assert GOOD.headline() == "holds: 120 things looked at, 1 packets and requests sent"
    assert "denied packets and requests that are blocked: 1 of 1" in GOOD.summary_lines()


def test_unknown_fails() -> None:
    report = replace(GOOD, outcomes=(replace(HELD, verdict=Verdict.UNKNOWN, words="no control"),))
    assert not report.ok
    assert report.headline().startswith("0 findings, 1 unknown")
    assert "1 UNKNOWN" in report.summary_lines()[0]


def test_nothing_looked_at_does_not_hold() -> None:
    assert not replace(GOOD, checks=(), outcomes=()).ok


def test_packets_that_were_asked_for_and_not_sent_are_unknown_class_by_class() -> None:
    none = replace(GOOD, outcomes=())
    assert not none.ok
    assert [(f.family, f.verdict) for f in none.findings()] == [(Family.GATEWAY.value, Verdict.UNKNOWN)]
    assert "1 UNKNOWN" not in GOOD.summary_lines()[0]
    part = replace(GOOD, demanded=frozenset({Family.GATEWAY, Family.REVERSE}))
    assert not part.ok
    assert [row.verdict for row in part.rows() if row.packets] == [Verdict.UNKNOWN, Verdict.HELD]


def test_a_class_without_a_pair_is_said_with_its_reason() -> None:
    words = "tenant to tenant, other host: all containers of tenants are on web-1"
    assert f"not assessed: {words}" in GOOD.summary_lines()
    assert f"not assessed: {words}" in text_of(GOOD)
    assert words in GOOD.to_document()["not_assessed"]
    assert "Family" not in text_of(GOOD)


def test_what_held_only_at_a_second_try_says_so() -> None:
    late = replace(GOOD, outcomes=(replace(HELD, tries=2),))
    assert late.ok
    words = "1 of 1 packets and requests held only when they were sent again"
    assert words in late.summary_lines()
    assert words in text_of(late)
    assert late.to_document()["probes"][0]["tries"] == 2
    assert "sent again" not in text_of(GOOD)


def test_a_check_that_looked_at_nothing_is_no_held_row() -> None:
    row = replace(GOOD, checks=(replace(CHECK, looked=0),)).rows()[0]
    assert row.verdict is Verdict.UNKNOWN


def test_what_does_not_apply_counts_nowhere() -> None:
    report = replace(GOOD, checks=(CHECK, replace(CHECK, verdict=None, looked=0, words="no secret is planned")))
    assert report.ok
    assert report.rows()[0].held == 1


def test_a_finding_is_shown_with_its_hops_and_stands_in_the_document() -> None:
    report = replace(GOOD, outcomes=(BROKEN,), checks=(replace(CHECK, verdict=Verdict.BROKEN, findings=(("f", "w"),)),))
    shown = text_of(report)
    assert "tax-www-a on web-1 -> host web-1 (10.64.16.1) tcp/22" in shown
    assert "was answered (nothing passes from a container to a host)" in shown
    assert "web-1 br-1 in" in shown
    document = report.to_document()
    assert [finding["subject"] for finding in document["findings"]] == [PROBE.words, "f"]
    assert document["probes"][0]["source_port"] == 61001
    assert document["ok"] is False


def test_the_report_without_packets_says_that_none_were_sent() -> None:
    report = replace(GOOD, outcomes=(), packets=False)
    assert "no packet was sent" in text_of(report)
    assert report.ok
    assert not report.proven
    assert report.headline() == "live state holds, packets not looked at: 120 things looked at, no packet sent"
    document = report.to_document()
    assert (document["ok"], document["packets"], document["proven"]) == (True, False, False)
    assert GOOD.proven
    assert GOOD.to_document()["packets"] is True


def test_the_state_of_a_site_is_what_its_requests_showed() -> None:
    good = replace(GOOD, outcomes=(replace(HELD, probe=SITE),))
    assert good.site_state("tenant/tax/site/www") == "serving"
    bad = replace(GOOD, outcomes=(replace(BROKEN, probe=SITE, words="answered 502, expected 200"),))
    assert bad.site_state("tenant/tax/site/www") == "not serving: answered 502, expected 200"
    assert good.site_state("tenant/tax/site/other") == "not looked at"
    shut = replace(SITE, family=Family.SHUT, passes=False, stands_for="tenant/tax/site/www is shut")
    assert replace(GOOD, outcomes=(replace(HELD, probe=shut),)).site_state("tenant/tax/site/www") == "shut"
