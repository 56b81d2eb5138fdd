"""One client, or one site, does not take what all share. Asked from several addresses: this machine's nginx alone."""

from __future__ import annotations

import re
import socket
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

import pytest

from idc.plan.edge import BODIES
from tests.edge.ground import BROWSER, FILES, Edge, read_answer
from tests.edge.test_requests import PARTS, upload
from tests.live.playground import until

pytestmark = pytest.mark.live  # they wait until a limit is reached, or over

LIMITS = (FILES / "etc/nginx/idc/limits.conf").read_text()
LOAD = 2 * 20.0  # requests a second of two loads of tests.live.centre at once


def allowed(edge: Edge, zone: str) -> int:
    """A number of the release's own limits."""
    text = (edge.folder / "current/http/limits.conf").read_text()
    return int(re.findall(rf"limit_conn {zone} (\d+);", text)[0])


def flood(edge: Edge, paths: Sequence[str], source: str, *headers: str) -> list[str]:
    """Requests for a site behind which nobody is, on four connections side by side; what came back on each."""
    lines = [["", f"GET {path} HTTP/1.1", "Host: gone.city.example", *BROWSER, *headers] for path in paths]
    lines[-1].append("Connection: close")
    sent = "".join(f"{line}\r\n" for request in [*lines, [""]] for line in request).removeprefix("\r\n").encode()
    with ExitStack() as stack:
        connections = [stack.enter_context(edge.connect(source=source)) for _ in range(4)]
        for connection in connections:
            connection.sendall(sent)
        return [b"".join(iter(partial(connection.recv, 65536), b"")).decode() for connection in connections]


def statuses(*texts: str) -> list[int]:
    """The statuses of answers one after another."""
    return [int(status) for text in texts for status in re.findall(r"HTTP/1\.1 (\d{3}) ", text)]


@contextmanager
def slow_bodies(
    edge: Edge, site: str, *sources: str, length: str = "Content-Length: 50000"
) -> Iterator[list[socket.socket]]:
    """Uploads that have begun and do not end, one from each source. Afterwards the edge has let go of them all."""
    head = ["POST / HTTP/1.1", f"Host: {site}.city.example", *BROWSER, *PARTS, length, "", "3\r\n--b"]

    def ended() -> int:
        return sum(edge.log().count(f'"client":"{source}"') for source in set(sources))

    before = ended()
    with ExitStack() as stack:
        found = []
        for source in sources:
            connection = stack.enter_context(edge.connect(source=source))
            connection.sendall("\r\n".join(head).encode())
            found.append(connection)
        time.sleep(0.5)
        yield found
    until(lambda: ended() >= before + len(sources), "the end of every upload", 10)


def refused(connections: list[socket.socket]) -> list[int]:
    """Statuses of those that have an answer already."""
    found = []
    for connection in connections:
        connection.setblocking(False)
        try:
            found.append(int(connection.recv(64).split()[1]))
        except BlockingIOError:
            continue
    return found


# -- requests ---------------------------------------------------------------------------------------------------------


def test_a_client_that_asks_too_often_is_refused_and_others_are_not(process: Edge) -> None:
    attacks = ["/?f=../../../etc/passwd"] * 20
    seen = flood(process, ["/"] * 300 + attacks, "127.0.1.1")
    assert Counter(statuses(*seen))[502] >= 500
    assert set(statuses(*seen)) <= {502, 403, 429}
    assert 429 in statuses(*seen)[-20:]  # not 403: the limits are asked before the rules
    _, _, refusal = seen[-1].partition("HTTP/1.1 429 ")
    assert "Retry-After: 10\r\n" in refusal
    assert "Too many requests" in refusal
    assert '"status":429' in process.log()
    assert '"limit":"rate"' in process.log()
    assert process.ask("www", source="127.0.1.2").status == 200


def test_requests_that_take_long_to_look_at_are_fewer(process: Edge) -> None:
    seen = Counter(statuses(*flood(process, ["/"] * 60, "127.0.1.3", f"Cookie: a={'b' * 3000}")))
    assert set(seen) == {502, 429}
    assert seen[502] >= 100
    assert process.ask("www", source="127.0.1.3").status == 200


def test_the_operators_own_load_stays_far_below(process: Edge) -> None:
    (rate,) = re.findall(r"zone=idc_rate:\S+ rate=(\d+)r/s;", LIMITS)
    assert int(rate) > LOAD
    began = time.monotonic()
    seen = Counter[int]()
    while time.monotonic() - began < 2:
        seen[process.ask("www", source="127.0.1.4").status] += 1
        time.sleep(1 / LOAD)
    assert set(seen) == {200}


def test_a_client_has_so_many_requests_at_once_and_no_more(process: Edge) -> None:
    (most,) = re.findall(r"limit_conn idc_source (\d+);", LIMITS)
    small = "Content-Length: 500"  # what counts is that they have begun
    with slow_bodies(process, "file", *["127.0.1.5"] * (int(most) + 5), length=small) as held:
        assert refused(held) == [503] * 5
        assert process.ask("file", source="127.0.1.5").status == 503
        assert process.ask("file", source="127.0.1.6").status == 200


# -- bodies -----------------------------------------------------------------------------------------------------------


def test_the_slow_bodies_of_one_client_are_few(process: Edge) -> None:
    most = allowed(process, "idc_source_bodies")
    with slow_bodies(process, "file", *["127.0.2.1"] * (most + 2)) as held:
        assert refused(held) == [503, 503]
        form = "Content-Type: application/x-www-form-urlencoded"
        small = process.ask("file", "/", form, method="POST", body=b"a=1", source="127.0.2.1")
        assert small.status == 200
        other = process.ask("file", "/", *PARTS, method="POST", body=upload(50_000), source="127.0.2.2")
        assert other.status == 200


def test_the_slow_bodies_of_one_site_leave_room_for_the_others(process: Edge) -> None:
    most = allowed(process, "idc_site_bodies")
    assert most < allowed(process, "idc_bodies")
    with slow_bodies(process, "file", *(f"127.0.3.{n}" for n in range(1, most + 3))) as held:
        assert refused(held) == [503, 503]
        answer = process.ask("ask", "/", *PARTS, method="POST", body=upload(50_000), source="127.0.3.200")
        assert answer.status == 200
    again = process.ask("file", "/", *PARTS, method="POST", body=upload(50_000), source="127.0.3.201")
    assert again.status == 200


def test_all_bodies_together_are_as_many_as_fit_into_tmp(process: Edge) -> None:
    most, each = allowed(process, "idc_bodies"), allowed(process, "idc_site_bodies")
    sites = [site for site in ("file", "gone", "ask") for _ in range(each)][: most + 1]
    assert len(sites) > most
    with ExitStack() as stack:
        held = []
        for number, site in enumerate(sites, 1):
            held += stack.enter_context(slow_bodies(process, site, f"127.0.4.{number}"))
        assert refused(held) == [503] * (len(sites) - most)


def test_a_body_of_no_told_length_counts_as_a_large_one(process: Edge) -> None:
    most = allowed(process, "idc_source_bodies")
    with slow_bodies(process, "file", *["127.0.5.1"] * (most + 1), length="Transfer-Encoding: chunked") as held:
        assert refused(held) == [503]


def test_many_large_uploads_of_one_client_are_slowed_down(process: Edge) -> None:
    """Each costs a worker's time for looking at it, in which nobody else is served."""
    seen = Counter(
        process.ask("file", "/", *PARTS, method="POST", body=upload(100_000), source="127.0.6.1").status
        for _ in range(30)
    )
    assert set(seen) == {200, 429}
    assert seen[200] >= 20
    largest = process.ask("file", "/", *PARTS, method="POST", body=upload(max(BODIES.values())), source="127.0.6.2")
    assert largest.status == 200


# -- time -------------------------------------------------------------------------------------------------------------


BEGUN = "\r\n".join(["POST / HTTP/1.1", "Host: ask.city.example", *BROWSER, *PARTS])


@pytest.mark.parametrize(
    ("sent", "seconds"),
    [
        ("", 10),  # nothing at all
        ("GET / HTTP/1.1\r\nHost: www.city.example\r\nX-Slow: ", 10),
        (BEGUN + "\r\nContent-Length: 99\r\n\r\n--b", 15),
        ("GET / HTTP/1.1\r\nHost: www.city.example\r\n" + "\r\n".join(BROWSER) + "\r\n\r\n", 30),  # and then no more
    ],
    ids=["silent", "header", "body", "idle"],
)  # fmt: skip
def test_a_client_that_does_not_get_on_with_it_goes(process: Edge, sent: str, seconds: int) -> None:
    began = time.monotonic()
    with process.connect(source="127.0.7.1") as connection:
        connection.settimeout(seconds + 5)
        connection.sendall(sent.encode())
        read_answer(connection)
    assert seconds - 1 < time.monotonic() - began < seconds + 4
