"""Which requests a site gets, and as what: each odd one has one answer."""

from __future__ import annotations

import pytest

from idc.model.types import Visibility
from tests.edge.ground import BROWSER, SITES, Answer, Edge

LINES = "\r\n".join(BROWSER)


def raw(edge: Edge, first: str, *headers: str, body: str = "", visibility: Visibility = Visibility.INTERNET) -> Answer:
    lines = [first, *headers, *BROWSER, "Connection: close"]
    return edge.raw("\r\n".join([*lines, "", body]).encode(), visibility)


# -- by which name ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("site", sorted(set(SITES) - {"gone"}))
def test_a_site_answers_on_its_own_listener_alone(edge: Edge, site: str) -> None:
    own = SITES[site][1]
    other = next(visibility for visibility in edge.ports if visibility is not own)
    assert edge.ask(site, visibility=own).said["port"] == edge.site_ports[site]
    assert edge.ask(site, visibility=other).status == 421


@pytest.mark.parametrize("host", ["staff.city.example:8081", "STAFF.city.example.", "staff.city.example"])
@pytest.mark.parametrize("form", ["origin", "absolute"])
def test_no_way_of_writing_it_leads_from_the_internet_to_the_employees_site(edge: Edge, host: str, form: str) -> None:
    target = "/" if form == "origin" else f"http://{host}/"
    assert raw(edge, f"GET {target} HTTP/1.1", f"Host: {host}").status == 421
    assert raw(edge, f"GET {target} HTTP/1.1", "Host: www.city.example").status == (200 if form == "origin" else 421)


@pytest.mark.parametrize(
    "host",
    ["www.city.example:80", "www.city.example:9999", "www.city.example.", "WWW.City.Example", "www.city.example.:80"],
)
def test_a_name_may_be_written_in_any_way_and_the_site_sees_one(edge: Edge, host: str) -> None:
    answer = raw(edge, "GET / HTTP/1.1", f"Host: {host}")
    assert answer.said["port"] == edge.site_ports["www"]
    assert answer.heard("Host") == answer.heard("X-Forwarded-Host") == ["www.city.example"]


def test_an_absolute_address_counts_and_the_host_header_does_not(edge: Edge) -> None:
    """RFC 9112, 3.2.2; what is forwarded is what counted."""
    answer = raw(edge, "GET http://www.city.example/x HTTP/1.1", "Host: file.city.example")
    assert answer.said["port"] == edge.site_ports["www"]
    assert answer.heard("Host") == answer.heard("X-Forwarded-Host") == ["www.city.example"]
    assert answer.said["line"] == "GET /x HTTP/1.1"


@pytest.mark.parametrize(
    ("first", "headers", "status"),
    [
        ("GET / HTTP/1.1", ("Host: other.example",), 421),
        ("GET / HTTP/1.1", ("Host: 203.0.113.10",), 421),
        ("GET / HTTP/1.1", ("Host: www.city.example.evil.example",), 421),
        ("GET / HTTP/1.0", (), 421),  # without a name nobody is asked
        ("GET / HTTP/1.0", ("Host: www.city.example",), 200),
        ("GET / HTTP/1.1", (), 400),
        ("GET / HTTP/1.1", ("Host:",), 400),
        ("GET / HTTP/1.1", ("Host: www.city.example", "Host: file.city.example"), 400),
        ("GET / HTTP/1.1", ("Host: www.city.example", "Host: www.city.example"), 400),
        ("GET / HTTP/1.1", ("Host: www.city.example/../x",), 400),
        ("GET / HTTP/2.0", ("Host: www.city.example",), 505),
    ],
)
def test_each_way_of_naming_no_site_has_one_answer(
    edge: Edge, first: str, headers: tuple[str, ...], status: int
) -> None:
    assert raw(edge, first, *headers).status == status


def test_a_request_of_the_oldest_kind_names_nobody(edge: Edge) -> None:
    """HTTP/0.9: an answer without a head."""
    answer = edge.raw(b"GET /\r\n")
    assert (answer.status, "421" in answer.body) == (0, True)


# -- what may be asked ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "method", ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "X"]
)
@pytest.mark.parametrize("site", ["www", "ask", "file"])
def test_a_stage_takes_its_own_methods_and_no_others(edge: Edge, site: str, method: str) -> None:
    allowed = next(vhost.methods for vhost in edge.plan.vhosts if vhost.tenant == site)
    form = ("Content-Type: application/x-www-form-urlencoded",) if method in ("POST", "PUT") else ()
    answer = edge.ask(site, "/", *form, method=method, body=b"a=1" if form else b"")
    if method in allowed:
        assert answer.status == 200
    else:
        assert answer.status in ((405, 400) if method == "CONNECT" else (405,))
        assert method in ("TRACE", "CONNECT") or answer.all("allow") == [", ".join(allowed)]


@pytest.mark.parametrize("override", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_a_method_is_not_smuggled_in_by_a_header(edge: Edge, override: str) -> None:
    assert not edge.ask("ask", "/", f"{override}: DELETE").heard(override)


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/a/..%2f..%2fetc/passwd",
        "/a/../../b",
        "/a%00b",
        "/.git/config",
    ],
)
def test_no_path_leads_out_of_a_site(edge: Edge, path: str) -> None:
    assert edge.ask("www", path).status in (400, 403)


def test_a_path_reaches_the_site_as_it_was_asked_for(edge: Edge) -> None:
    for path in ("/a%20b/c%2Fd", "/a//b", "/%E5%85%AC?q=%E5%BC%80", "/.none", "/@site"):
        assert edge.ask("www", path).said["line"] == f"GET {path} HTTP/1.1"


def test_the_edge_s_own_pages_cannot_be_asked_for(edge: Edge) -> None:
    assert edge.ask("www", "/.idc-edge/refused.html").status == 404


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (("Content-Length: 3", "Transfer-Encoding: chunked"), "0\r\n\r\n"),
        (("Content-Length: 3", "Content-Length: 4"), "abcd"),
        (("Content-Length: -1",), ""),
        (("Content-Length: 3 ", "Transfer-Encoding : chunked"), "abc"),
        (("Transfer-Encoding: gzip, chunked",), "0\r\n\r\n"),
        (("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), "0\r\n\r\n"),
        (("Transfer-Encoding: chunked",), "zz\r\nabc\r\n0\r\n\r\n"),
    ],
)
def test_a_body_whose_end_is_in_doubt_reaches_no_site(edge: Edge, headers: tuple[str, ...], body: str) -> None:
    form = "Content-Type: application/x-www-form-urlencoded"
    answer = raw(edge, "POST / HTTP/1.1", "Host: ask.city.example", form, *headers, body=body)
    assert answer.status in (400, 501)


def test_headers_have_a_largest_size(edge: Edge) -> None:
    assert edge.ask("www", "/" + "a" * 7000).status == 200
    assert edge.ask("www", "/" + "a" * 9000).status == 414
    assert edge.ask("www", "/", f"X-Big: {'a' * 9000}").status == 400
    assert edge.ask("www", "/", *(f"X-Big-{n}: {'a' * 7000}" for n in range(5))).status == 400


# -- bodies -----------------------------------------------------------------------------------------------------------

PARTS = ("Content-Type: multipart/form-data; boundary=b",)


def upload(size: int) -> bytes:
    """A form with one file, ``size`` bytes of it all in all."""
    head = b'--b\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\n'
    tail = b"\r\n--b--\r\n"
    return head + b"a" * (size - len(head) - len(tail)) + tail


@pytest.mark.parametrize(("site", "largest"), [("ask", 1 << 20), ("file", 10 << 20)])
def test_a_body_has_the_largest_size_of_its_stage(edge: Edge, site: str, largest: int) -> None:
    answer = edge.ask(site, "/", *PARTS, method="POST", body=upload(largest))
    assert answer.said["length"] == largest
    assert edge.ask(site, "/", *PARTS, method="POST", body=upload(largest + 1)).status == 413


def test_a_publication_takes_no_body_to_speak_of(edge: Edge) -> None:
    assert edge.ask("www", "/", method="GET", body=b"a" * 1025).status == 413
    assert edge.ask("www", "/", method="GET", body=b"a" * 10).status == 403  # the rules' answer: a GET has no body


def test_what_is_no_file_is_smaller_and_has_fewer_parts(edge: Edge) -> None:
    form = "Content-Type: application/x-www-form-urlencoded"
    assert edge.ask("file", "/", form, method="POST", body=b"a=" + b"x" * 200_000).status == 200
    assert edge.ask("file", "/", form, method="POST", body=b"a=" + b"x" * 300_000).status == 403
    assert edge.ask("file", "/", form, method="POST", body=b"&".join(b"a%d=1" % n for n in range(900))).status == 200
    assert edge.ask("file", "/", form, method="POST", body=b"&".join(b"a%d=1" % n for n in range(1100))).status == 403


# -- attacks ----------------------------------------------------------------------------------------------------------

ATTACKS = [
    "id=1%27%20OR%20%271%27=%271",
    "q=%3Cscript%3Ealert(1)%3C/script%3E",
    "f=../../../../etc/passwd",
    "c=;cat%20/etc/passwd",
]


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("place", ["query", "body"])
@pytest.mark.parametrize("draining", [False, True])
def test_attacks_are_refused_while_a_reload_is_near_too(edge: Edge, attack: str, place: str, draining: bool) -> None:
    if draining:
        edge.drain.touch()
    try:
        if place == "query":
            answer = edge.ask("file", f"/?{attack}")
        else:
            form = "Content-Type: application/x-www-form-urlencoded"
            answer = edge.ask("file", "/", form, method="POST", body=attack.encode())
        assert answer.status == 403
        assert edge.ask("file", "/?id=1").status == 200
    finally:
        edge.drain.unlink(missing_ok=True)
