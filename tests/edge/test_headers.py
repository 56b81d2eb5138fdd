"""Headers: what a site is told is the edge's word, and what a site says directs nobody but its own clients."""

from __future__ import annotations

import re

import pytest

from tests.edge.ground import FILES, Edge

CLEARED = re.findall(r'^proxy_set_header (\S+) "";$', (FILES / "etc/nginx/idc/proxy.conf").read_text(), re.MULTILINE)
HOP = {"Connection", "Upgrade"}  # between two machines alone; the edge and the site have their own


@pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Forwarded"])
def test_who_asks_and_how_is_told_by_the_edge_once(edge: Edge, name: str) -> None:
    honest = edge.ask("file").heard(name)
    forged = edge.ask("file", "/", f"{name}: 9.9.9.9", f"{name}: evil.example").heard(name)
    assert len(honest) == 1
    assert forged == honest
    assert "9.9.9.9" not in forged[0]


def test_what_is_told_is_true(edge: Edge) -> None:
    answer = edge.ask("file")
    (client,) = answer.heard("X-Real-IP")
    assert answer.heard("X-Forwarded-For") == [client]
    assert answer.heard("Forwarded") == [f"for={client};host=file.city.example;proto=http"]
    assert edge.access(answer)["client"] == client


def test_what_else_a_site_may_trust_is_taken_out(edge: Edge) -> None:
    assert {"X-Original-URL", "X-Rewrite-URL", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP", "Proxy",
            "Remote-User", "X-Remote-User", "X-SSL-Client-Cert", "X-Forwarded-Prefix", "X-Forwarded-Server",
            "X-Forwarded-Port"} <= set(CLEARED)  # fmt: skip
    for name in (name for name in CLEARED if name not in HOP):
        answer = edge.ask("file", "/", f"{name}: 9.9.9.9")
        if name == "Proxy":  # the rules refuse it already
            assert answer.status == 403
        else:
            assert not answer.heard(name)
            assert "9.9.9.9" not in answer.body
    assert edge.ask("file", "/", "X-Own: 9.9.9.9").heard("X-Own") == ["9.9.9.9"]  # the positive control


def test_a_name_with_an_underscore_is_dropped(edge: Edge) -> None:
    answer = edge.ask("file", "/", "X_Forwarded_For: 9.9.9.9", "Remote_User: root", "X-Own: here")
    assert answer.heard("X-Own") == ["here"]
    assert not {name for name, _ in answer.said["headers"] if "_" in name}


def test_a_request_s_number_is_the_edge_s_everywhere(edge: Edge) -> None:
    answer = edge.ask("file", "/", "X-Request-ID: forged", "X-Test-Answer: chatty")
    (number,) = answer.all("x-request-id")
    assert re.fullmatch(r"[0-9a-f]{32}", number)
    assert answer.heard("X-Request-ID") == [number]
    assert edge.access(answer)["status"] == 200
    assert edge.ask("file").all("x-request-id") != [number]


def test_a_site_does_not_direct_the_edge(edge: Edge) -> None:
    answer = edge.ask("file", "/", "X-Test-Answer: accel")
    assert answer.said["port"] == edge.site_ports["file"]  # its own body, not the edge's page
    assert not [name for name, _ in answer.headers if name.startswith("x-accel")]
    assert answer.all("content-type") == ["application/json"]


def test_a_site_does_not_tell_what_it_is_made_of(edge: Edge) -> None:
    answer = edge.ask("file", "/", "X-Test-Answer: chatty")
    assert answer.status == 200
    assert answer.all("server") == ["nginx"]
    assert not {"x-powered-by", "via", "alt-svc"} & {name for name, _ in answer.headers}


@pytest.mark.parametrize(
    ("kind", "frame", "sniff", "referrer"),
    [
        ("", ["SAMEORIGIN"], ["nosniff"], ["strict-origin-when-cross-origin"]),
        ("strict", ["DENY"], ["nosniff"], ["no-referrer"]),
        ("framed", [], ["nosniff"], ["strict-origin-when-cross-origin"]),
    ],
)
def test_the_edge_says_what_a_site_does_not(
    edge: Edge, kind: str, frame: list[str], sniff: list[str], referrer: list[str]
) -> None:
    answer = edge.ask("www", "/", f"X-Test-Answer: {kind}")
    assert answer.all("x-frame-options") == frame
    assert answer.all("x-content-type-options") == sniff
    assert answer.all("referrer-policy") == referrer


@pytest.mark.parametrize(
    ("site", "path", "method", "status"),
    [("gone", "/", "GET", 502), ("www", "/", "DELETE", 405), ("www", "/?f=../../etc/passwd", "GET", 403)],
)
def test_the_edge_s_own_pages_are_safe_and_name_nothing_inside(
    edge: Edge, site: str, path: str, method: str, status: int
) -> None:
    answer = edge.ask(site, path, method=method)
    assert answer.status == status
    for name in ("x-frame-options", "x-content-type-options", "referrer-policy", "content-security-policy"):
        assert len(answer.all(name)) == 1
    assert answer.all("x-request-id")[0] in answer.body
    inside = (str(edge.site_ports[site]), f"{site}_it", "upstream", "1.22")
    assert not [word for word in inside if word in answer.body + str(answer.headers)]


def test_the_answer_for_no_site_tells_no_version(edge: Edge) -> None:
    answer = edge.ask("nobody")
    assert answer.status == 421
    assert answer.all("server") == ["nginx"]
    assert "nginx/" not in answer.body
