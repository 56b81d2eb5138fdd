"""A Docker engine asked over its unix socket: a few requests with deadlines, no client library, no process a call."""

from __future__ import annotations

import http.client
import io
import json
import socket
import tarfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

from idc.errors import EngineError, Unreachable

API: Final = "v1.41"  # Engine 20.10 and everything later
MACHINE: Final = Path("/var/run/docker.sock")  # the engine of the machine that idc runs on


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("docker", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


@dataclass(frozen=True)
class DockerEngine:
    """One engine. ``name`` is the host that errors blame; ``deadline`` the seconds a request may take."""

    socket: Path = MACHINE
    name: str = "this machine"
    deadline: float = 15.0

    def ping(self, deadline: float) -> None:
        """Ask whether the engine lives and can look at its containers. Raises Unreachable within the deadline.

        ``/_ping`` alone answers even where a stuck engine can do nothing any more, so its list is asked for as well.
        """
        until = time.monotonic() + deadline
        self.request("GET", "/_ping", deadline=deadline)
        self.request("GET", "/containers/json", {"limit": "1"}, deadline=max(0.1, until - time.monotonic()))

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """A GET's JSON."""
        return json.loads(self.request("GET", path, query))

    def find(self, path: str) -> Any | None:
        """A GET's JSON, None where there is no such thing."""
        try:
            return self.get(path)
        except _NotFoundError:
            return None

    def delete(self, path: str, query: Mapping[str, str] | None = None) -> bool:
        """Delete a thing. False where it was gone already."""
        try:
            self.request("DELETE", path, query)
        except _NotFoundError:
            return False
        return True

    def labelled(self, kind: str, *labels: str) -> list[dict[str, Any]]:
        """All ``containers``, ``networks`` or ``volumes`` that carry the labels (``key`` or ``key=value``)."""
        query = {"filters": json.dumps({"label": list(labels)})}
        if kind == "containers":
            query["all"] = "1"
        found = self.get(f"/{kind}" if kind != "containers" else "/containers/json", query)
        return list((found["Volumes"] if kind == "volumes" else found) or [])

    def container(self, name: str) -> dict[str, Any] | None:
        """A container's ``inspect``, None where there is none."""
        found: dict[str, Any] | None = self.find(f"/containers/{quote(name, safe='')}/json")
        return found

    def read_file(self, container: str, path: str) -> bytes | None:
        """A file's content in a container, None where it does not exist (yet)."""
        try:
            archive = self.request("GET", f"/containers/{quote(container, safe='')}/archive", {"path": path})
        except _NotFoundError:
            return None
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            for member in tar:
                file = tar.extractfile(member)
                if file is not None:
                    return file.read()
        return None

    def request(
        self, method: str, path: str, query: Mapping[str, str] | None = None,
        body: object = None, deadline: float | None = None,
    ) -> bytes:  # fmt: skip
        """One request. Raises Unreachable when the engine does not answer in time, EngineError with its own words."""
        seconds = self.deadline if deadline is None else deadline
        connection = _UnixConnection(self.socket, seconds)
        target = f"/{API}{path}" + (f"?{urlencode(query)}" if query else "")
        payload = None if body is None else json.dumps(body)
        headers = {} if body is None else {"Content-Type": "application/json"}
        try:
            connection.request(method, target, payload, headers)
            response = connection.getresponse()
            answer = response.read()
        except TimeoutError as error:
            raise Unreachable(
                f"{self.name}: its Docker engine did not answer within {seconds:.0f} s",
                hint="it is paused, hung or overloaded; look at it with `docker ps` and `systemctl status docker`",
                host=self.name,
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"{self.name}: its Docker engine does not answer: {error}",
                              hint="see `systemctl status docker` there", host=self.name) from error  # fmt: skip
        finally:
            connection.close()
        if response.status >= 400:
            words = _words(answer) or response.reason
            kind = _NotFoundError if response.status == 404 else EngineError
            raise kind(f"{self.name}: Docker says: {words}", host=self.name)
        return answer


class _NotFoundError(EngineError):
    """The engine answered that there is no such thing."""


def _words(answer: bytes) -> str:
    try:
        return str(json.loads(answer)["message"])
    except (ValueError, KeyError, TypeError):
        return answer.decode(errors="replace").strip()
