"""An edge that runs, with rendered vhosts: this machine's nginx on loopback, or the image on this machine's engine.

The same configuration in both. Its sites, by name (all below city.example):

    www    publication   Internet      file   transaction  Internet     gone   transaction  Internet, nothing behind it
    ask    consultation  Internet      staff  publication  fabric
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Final

from idc.model.types import Visibility
from idc.plan import catalogue
from idc.plan.edge import FOLDER, METHODS
from idc.plan.types import Plan, Vhost
from idc.render.edge import edge as rendered
from tests.conftest import ROOT
from tests.edge import backend
from tests.live.playground import Playground, until
from tests.unit.render.small_plan import EDGE, PLAN

FILES: Final = ROOT / "images" / "edge" / "files"
SITES: Final = {
    "www": ("publication", Visibility.INTERNET),
    "ask": ("consultation", Visibility.INTERNET),
    "file": ("transaction", Visibility.INTERNET),
    "gone": ("transaction", Visibility.INTERNET),
    "staff": ("publication", Visibility.FABRIC),
}
NEEDED: Final = ("/usr/lib/nginx/modules/ngx_http_modsecurity_module.so", "/usr/share/modsecurity-crs/rules")
PATIENCE: Final = 15.0


@dataclass(frozen=True)
class Answer:
    """What came back: ``status`` 0 for a connection that was closed without a word."""

    status: int
    headers: tuple[tuple[str, str], ...]  # names in lower case, as often as they came
    body: str

    def all(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for key, value in self.headers if key == name]

    @cached_property
    def said(self) -> dict[str, Any]:
        """What the site says it was asked (tests.edge.backend)."""
        found: dict[str, Any] = json.loads(self.body)
        return found

    def heard(self, name: str) -> list[str]:
        """Every value of a request header, as the site got it."""
        return [value for key, value in self.said["headers"] if key == name.lower()]


@dataclass
class Edge:
    """An edge that runs. ``ports`` of its listeners; ``log()`` is all that it has written so far."""

    address: str
    ports: Mapping[Visibility, int]
    folder: Path  # what it has as /etc/idc-edge
    site_ports: Mapping[str, int]
    log: Callable[[], str]
    reload: Callable[[], object]
    check: Callable[[str], bool]  # a release's name -> whether it is valid there
    plan: Plan
    moved: Callable[[str], str] = str  # a rendered file as this edge reads it, where its paths are others

    def connect(self, visibility: Visibility = Visibility.INTERNET, source: str = "") -> socket.socket:
        """A connection to a listener, from another address of this machine if one is given."""
        where = (self.address, self.ports[visibility])
        return socket.create_connection(where, timeout=PATIENCE, source_address=(source, 0) if source else None)

    def raw(self, data: bytes, visibility: Visibility = Visibility.INTERNET, source: str = "") -> Answer:
        """Send bytes as they are; what came back until the edge closed."""
        with closing(self.connect(visibility, source)) as connection:
            with suppress(ConnectionError):  # it may have answered before all was sent
                connection.sendall(data)
            return read_answer(connection)

    def ask(
        self,
        site: str,
        path: str = "/",
        *headers: str,
        method: str = "GET",
        body: bytes = b"",
        visibility: Visibility = Visibility.INTERNET,
        source: str = "",
    ) -> Answer:
        """One well-formed request, as a browser makes it."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {site}.city.example", *BROWSER, "Connection: close", *headers]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        return self.raw("\r\n".join([*lines, "", ""]).encode() + body, visibility, source)

    def access(self, answer: Answer) -> dict[str, Any]:
        """nginx's line about the request that got this answer."""
        return self._line(answer, "path")

    def audit(self, answer: Answer) -> dict[str, Any]:
        """ModSecurity's line about it."""
        return self._line(answer, "rules")

    def _line(self, answer: Answer, key: str) -> dict[str, Any]:
        identity = answer.all("x-request-id")[0]

        def found() -> list[dict[str, Any]]:
            lines = [json.loads(line) for line in self.log().splitlines() if f'"{identity}"' in line]
            return [line for line in lines if key in line]

        until(lambda: bool(found()), f"a line with `{key}` about {identity}", PATIENCE)
        return found()[0]

    @property
    def drain(self) -> Path:
        """The file that says: a reload is near."""
        return self.folder / "draining"


BROWSER: Final = ("User-Agent: Mozilla/5.0 (idc tests)", "Accept: */*")


def read_answer(connection: socket.socket) -> Answer:
    """One answer, until its connection ends."""
    data = b""
    with suppress(ConnectionError):
        while chunk := connection.recv(65536):
            data += chunk
    head, _, rest = data.partition(b"\r\n\r\n")
    first, *lines = head.decode(errors="replace").split("\r\n")
    if not first.startswith("HTTP/"):
        return Answer(0, (), data.decode(errors="replace"))
    headers = tuple((name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines))
    if ("transfer-encoding", "chunked") in headers:
        rest = re.sub(rb"(?:^|\r\n)[0-9a-f]+\r\n", b"", rest)
    return Answer(int(first.split()[1]), headers, rest.decode(errors="replace"))


def plan_of(backend_address: str, site_ports: Mapping[str, int], ports: Mapping[Visibility, int]) -> Plan:
    """The small plan with these sites."""
    vhosts = tuple(
        Vhost(
            visibility, (f"{site}.city.example",), f"tenant/{site}/site/it", site, IPv4Address(backend_address),
            site_ports[site], METHODS[stage], stage,
        )
        for site, (stage, visibility) in SITES.items()
    )  # fmt: skip
    listeners = tuple(replace(listener, target_port=ports[listener.visibility]) for listener in PLAN.listeners)
    containers = (replace(EDGE, memory=catalogue.EDGE_LEAST_MEMORY),)
    return replace(PLAN, vhosts=vhosts, listeners=listeners, containers=containers)


def write_release(folder: Path, name: str, files: Mapping[str, str]) -> None:
    """A release of the edge's sites, as the hosts' folders have it."""
    for path, text in files.items():
        place = folder / "releases" / name / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)


def free_ports(count: int) -> list[int]:
    """Ports on which nothing listens."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[int] = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def missing() -> str:
    """What this machine lacks to run the edge's nginx itself."""
    programs = [name for name in ("nginx", "mawk", "bash") if shutil.which(name) is None]
    return ", ".join([*programs, *(path for path in NEEDED if not Path(path).exists())])


@contextmanager
def process(folder: Path) -> Iterator[Edge]:
    """The image's own files and programs, with other paths and ports, under this machine's nginx."""
    internet, fabric, health, *rest = free_ports(3 + len(SITES))
    ports = {Visibility.INTERNET: internet, Visibility.FABRIC: fabric}
    site_ports = dict(zip(SITES, rest, strict=True))
    root, sites = folder / "root", folder / "sites"
    (folder / "tmp").mkdir()
    moves = {r"(?<![\w/])/tmp\b": str(folder / "tmp"), "/etc/idc-edge": str(sites)}
    moves |= {f"/{place}": str(root / place) for place in ("etc/nginx/idc", "etc/nginx/nginx.conf", "usr/local")}
    moves |= {r"\b8080\b": str(internet), r"\b8081\b": str(fabric), r"\b8089\b": str(health)}

    def moved(text: str) -> str:
        for old, new in moves.items():
            text = re.sub(old, new, text)
        return text

    for path in (path for path in FILES.rglob("*") if path.is_file()):
        place = root / path.relative_to(FILES)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(moved(path.read_text()))
        if place.read_text().startswith("#!"):  # as an image's recipe does
            place.chmod(0o755)
    config = root / "etc/nginx/nginx.conf"
    if os.geteuid() == 0:  # in the image nobody is root; here the workers would become somebody who may write nowhere
        config.write_text(f"user root;\n{config.read_text()}")
    plan = plan_of("127.0.0.1", site_ports, ports)
    write_release(sites, "1", {path: moved(text) for path, text in rendered(plan).items()})
    (sites / "current").symlink_to("releases/1")

    log = folder / "log"
    living = [port for site, port in site_ports.items() if site != "gone"]
    behind = [sys.executable, str(Path(backend.__file__)), "127.0.0.1", *map(str, living)]
    server = [str(root / "usr/local/bin/idc-edge"), "-c", str(config), "-e", "/dev/stderr"]
    with log.open("a") as output, subprocess.Popen(behind) as site:
        nginx = subprocess.Popen(server, stdout=output, stderr=output, start_new_session=True)
        try:
            wait_open("127.0.0.1", internet, lambda: log.read_text())
            wait_open("127.0.0.1", living[0], lambda: "")

            def check(name: str) -> bool:
                words = [root / "usr/local/bin/idc-edge-check", sites / "releases" / name]
                return subprocess.run(words, capture_output=True, check=False).returncode == 0

            reload = partial(nginx.send_signal, signal.SIGHUP)
            yield Edge("127.0.0.1", ports, sites, site_ports, log.read_text, reload, check, plan, moved)
        finally:
            os.killpg(nginx.pid, signal.SIGKILL)
            nginx.wait()
            site.kill()


def wait_open(address: str, port: int, words: Callable[[], str]) -> None:
    """Wait until somebody listens."""

    def is_open() -> bool:
        with suppress(OSError), closing(socket.create_connection((address, port), timeout=1)):
            return True
        return False

    end = time.monotonic() + PATIENCE
    while not is_open():
        assert time.monotonic() < end, f"nobody listens on {port}: {words()}"
        time.sleep(0.05)


@contextmanager
def image(folder: Path) -> Iterator[Edge]:
    """The image, run as the plan runs it."""
    ground = Playground.open("edge", "10.253.78", folder)
    try:
        site_ports = dict(zip(SITES, range(9001, 9001 + len(SITES)), strict=True))
        living = [str(port) for site, port in site_ports.items() if site != "gone"]
        source = Path(backend.__file__).read_text()
        behind = ground.start("sites", "client", 30, ["--entrypoint=python3"], "-c", source, "0.0.0.0", *living)
        ports = {listener.visibility: listener.target_port for listener in PLAN.listeners}
        plan = plan_of(behind, site_ports, ports)
        sites = folder / "sites"
        write_release(sites, "1", rendered(plan))
        (sites / "current").symlink_to("releases/1")
        address = ground.run_image("edge", "edge", 31, [f"--volume={sites}:{FOLDER}:ro"])
        yield Edge(
            address, ports, sites, site_ports, lambda: ground.logs("edge"),
            lambda: ground.execute("edge", "sh", "-c", "kill -HUP 1"),
            lambda name: ground.says("edge", "/usr/local/bin/idc-edge-check", f"{FOLDER}/releases/{name}"), plan,
        )  # fmt: skip
    finally:
        ground.close()
