"""An engine that answers, refuses, hangs or is gone."""

from __future__ import annotations

import io
import json
import socketserver
import tarfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from idc.engine.docker import DockerEngine
from idc.errors import EngineError, Unreachable


class _Server(socketserver.ThreadingUnixStreamServer):
    """An engine's socket, with as much behind it as a test gives. Path -> answer (status, document or bytes)."""

    daemon_threads = True
    answers: dict[str, tuple[int, Any]]
    seen: list[tuple[str, str, dict[str, list[str]]]]
    hangs: set[str]


class _Handler(BaseHTTPRequestHandler):
    def _answer(self) -> None:
        server: Any = self.server
        parts = urlsplit(self.path)
        path = parts.path.removeprefix("/v1.41")
        server.seen.append((self.command, path, parse_qs(parts.query)))
        if path in server.hangs:
            time.sleep(30)
        status, document = server.answers.get(path, (404, {"message": f"no such thing: {path}"}))
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815

    def address_string(self) -> str:
        return "client"

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[_Server]:
    with _Server(str(tmp_path / "docker.sock"), _Handler) as serving:
        serving.answers, serving.seen, serving.hangs = (
            {"/_ping": (200, b"OK"), "/containers/json": (200, [])},
            [],
            set(),
        )
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield serving
        serving.shutdown()


@pytest.fixture
def engine(server: _Server, tmp_path: Path) -> DockerEngine:
    return DockerEngine(tmp_path / "docker.sock", "web-1", deadline=5.0)


def test_an_engine_that_answers_is_alive(engine: DockerEngine) -> None:
    engine.ping(2.0)


@pytest.mark.parametrize("stuck", ["/_ping", "/containers/json"])
def test_a_hung_engine_is_named_within_its_deadline(engine: DockerEngine, server: _Server, stuck: str) -> None:
    server.hangs.add(stuck)
    began = time.monotonic()
    with pytest.raises(Unreachable, match="web-1: its Docker engine did not answer") as raised:
        engine.ping(0.5)
    assert time.monotonic() - began < 5
    assert raised.value.host == "web-1"


def test_a_missing_socket_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="web-1: its Docker engine does not answer"):
        DockerEngine(tmp_path / "none.sock", "web-1").ping(1.0)


def test_a_refusal_keeps_the_engine_s_own_words(engine: DockerEngine, server: _Server) -> None:
    server.answers["/networks/edge"] = (403, {"message": "network edge has active endpoints"})
    with pytest.raises(EngineError, match="web-1: Docker says: network edge has active endpoints"):
        engine.delete("/networks/edge")


def test_what_is_not_there_is_none_and_deletes_as_gone(engine: DockerEngine) -> None:
    assert engine.container("x") is None
    assert engine.read_file("x", "/etc/hostname") is None
    assert engine.delete("/containers/x") is False


def test_listing_asks_for_stopped_containers_and_all_labels(engine: DockerEngine, server: _Server) -> None:
    server.answers["/containers/json"] = (200, [{"Id": "1"}])
    server.answers["/volumes"] = (200, {"Volumes": None})
    assert engine.labelled("containers", "idc.centre=c", "idc.station=s") == [{"Id": "1"}]
    assert engine.labelled("volumes", "idc.centre=c") == []
    _, path, query = server.seen[0]
    assert (path, query["all"]) == ("/containers/json", ["1"])
    assert json.loads(query["filters"][0]) == {"label": ["idc.centre=c", "idc.station=s"]}


def test_a_file_comes_out_of_its_archive(engine: DockerEngine, server: _Server) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        entry = tarfile.TarInfo("key.pub")
        entry.size = 4
        tar.addfile(entry, io.BytesIO(b"text"))
    server.answers["/containers/host/archive"] = (200, stream.getvalue())
    assert engine.read_file("host", "/etc/ssh/key.pub") == b"text"
