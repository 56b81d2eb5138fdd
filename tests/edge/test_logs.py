"""What is written down: who asked whom and what came of it, never what was sent or where a secret address leads."""

from __future__ import annotations

import time

import pytest

from tests.edge.ground import Edge

SECRET = "c0ffee5ecret0receipt0of0somebody"
FORM = "Content-Type: application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("site", "asked", "written"),
    [
        ("www", f"/news/2026/page?q={SECRET}", "/news/2026/page"),
        ("ask", f"/petitions/{SECRET}", "/petitions/..."),
        ("file", f"/receipts/{SECRET}", "/receipts/..."),
        ("file", f"/receipts/{SECRET}?name={SECRET}", "/receipts/..."),
        ("file", f"/filings?name={SECRET}", "/filings"),
        ("file", f"/{SECRET}", "/..."),
        ("file", f"//{SECRET}", "//..."),
        ("file", "/", "/"),
    ],
)
def test_a_path_is_logged_as_far_as_its_site_s_stage_allows(edge: Edge, site: str, asked: str, written: str) -> None:
    answer = edge.ask(site, asked)
    assert answer.status == 200
    assert edge.access(answer)["path"] == written
    assert SECRET not in edge.log()


def test_nothing_secret_is_written_whatever_becomes_of_the_request(edge: Edge) -> None:
    """Refused, unreadable, unanswered, too large, with a referrer: each way that nginx has to complain."""
    secret = f"/receipts/{SECRET}"
    referrer = f"Referer: http://file.city.example{secret}"
    answers = [
        edge.ask("gone", secret, referrer),
        edge.ask("file", f"{secret}?f=../../../etc/passwd&name={SECRET}", referrer),
        edge.ask("file", secret, FORM, method="POST", body=f"name={SECRET}&q=<script>alert(1)</script>".encode()),
        edge.ask("file", secret, FORM, method="POST", body=f"name={SECRET}".encode() + b"x" * 300_000),
        edge.ask("file", secret, method="DELETE"),
        edge.ask("file", secret, f"X-Big: {'a' * 9000}"),
        edge.ask("ask", secret, method="POST", body=SECRET.encode() * 40_000),
        edge.ask("nobody", secret),
        edge.raw(f"GET {secret} HTTP/1.1\r\nHost: file.city.example\r\nHost: b\r\n\r\n".encode()),
        edge.raw(f"GET {secret} HTTP/1.1\r\nHost: file.city.example\r\nNo colon {SECRET}\r\n\r\n".encode()),
    ]
    assert [answer.status for answer in answers] == [502, 403, 403, 403, 405, 400, 413, 421, 400, 400]
    for answer in answers[:5]:
        edge.access(answer)
    edge.audit(answers[1])
    edge.audit(answers[2])
    time.sleep(0.3)
    assert SECRET not in edge.log()


def test_an_attack_is_found_by_its_number_with_the_rules_that_refused_it(edge: Edge) -> None:
    answer = edge.ask("file", "/?id=1%27%20OR%20%271%27=%271")
    line = edge.audit(answer)
    assert set(line) == {"time", "request_id", "client", "status", "rules"}
    assert line["status"] == edge.access(answer)["status"] == 403
    assert {942100, 949110} <= set(line["rules"])


def test_nobody_writes_fields_of_their_own_into_the_audit(edge: Edge) -> None:
    forged = '"ruleId":"666","unique_id":"0","client_ip":"9.9.9.9"'
    answer = edge.ask("file", "/?f=../../../etc/passwd", f"User-Agent: {forged}", f"Referer: {forged}")
    assert answer.status == 403
    line = edge.audit(answer)
    assert 666 not in line["rules"]
    assert line["client"] == edge.access(answer)["client"]


def test_what_the_edge_refuses_by_itself_is_not_judged_by_the_rules(edge: Edge) -> None:
    answer = edge.ask("www", "/?f=../../../etc/passwd", method="DELETE")
    assert answer.status == 405
    later = edge.ask("www", "/?f=../../../etc/passwd")
    edge.audit(later)
    assert not [line for line in edge.log().splitlines() if answer.all("x-request-id")[0] in line and "rules" in line]


def test_why_a_site_did_not_answer_is_in_the_line_itself(edge: Edge) -> None:
    line = edge.access(edge.ask("gone"))
    assert (line["status"], line["upstream_status"]) == (502, "502")
    assert line["upstream"].endswith(f":{edge.site_ports['gone']}")
