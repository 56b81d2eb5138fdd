"""The load generator counts what it must: a stalled or broken site shows as failures."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from idc.errors import Unreachable
from idc.live.load import http_load, wait_serving


class Handler(BaseHTTPRequestHandler):
    broken = False

    def do_GET(self) -> None:
        self.send_response(502 if Handler.broken else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        return


@pytest.fixture
def url() -> Iterator[str]:
    Handler.broken = False
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_a_serving_site_fails_no_request(url: str) -> None:
    with http_load([(url, "tax.example"), (url, "parks.example")], rate=100) as load:
        time.sleep(0.5)
    assert load.requests > 20
    assert load.failed == 0
    assert 0 < load.p50 <= load.p99


def test_a_moment_of_502_is_counted_and_named(url: str) -> None:
    with http_load([(url, "tax.example")], rate=100) as load:
        time.sleep(0.2)
        Handler.broken = True
        time.sleep(0.2)
    assert load.failed > 0
    assert load.statuses[502] == load.failed
    assert "tax.example: 502" in load.failures[0]


def test_nobody_listening_is_a_failure_each_time() -> None:
    with http_load([("http://127.0.0.1:9/", "x")], rate=50) as load:
        time.sleep(0.2)
    assert load.requests == load.failed > 0


def test_waiting_ends_at_its_deadline_with_the_last_answer(url: str) -> None:
    assert wait_serving(url, "tax.example", 2.0) < 2.0
    Handler.broken = True
    with pytest.raises(Unreachable, match="last: 502"):
        wait_serving(url, "tax.example", 0.3)
