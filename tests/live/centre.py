"""What the live tests ask of the small centre, read from the plan that was applied: nothing is written down twice."""

from __future__ import annotations

import http.client
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from idc.live.load import Load, http_load
from idc.model.types import Visibility
from idc.operate.narrow import without
from idc.plan import codec
from idc.plan.types import Plan, Vhost
from tests.live.conftest import LiveCentre

HOSTS = ("edge-1", "web-1", "web-2")  # those with an engine's containers


def plan_of(centre: LiveCentre) -> Plan:
    """The plan that stands: what was applied, without the tenants that are shut."""
    shut = centre.station / "isolated.json"
    applied = codec.loads((centre.station / "applied" / "plan.json").read_text())
    return without(applied, json.loads(shut.read_text()) if shut.exists() else ())


def vhost_of(plan: Plan, site: str) -> Vhost:
    """The vhost of ``tenant/site``."""
    tenant, name = site.split("/")
    return next(vhost for vhost in plan.vhosts if vhost.site == f"tenant/{tenant}/site/{name}")


def address_of(plan: Plan, visibility: Visibility) -> str:
    """The listener's IPv4 address."""
    return str(next(entry.address for entry in plan.listeners if entry.visibility is visibility))


def ask(
    address: str, host: str, path: str = "/", *, method: str = "GET", body: str = "", timeout: float = 5.0
) -> tuple[int, str]:
    """One request: status and body; status 0 without an answer."""
    connection = http.client.HTTPConnection(address, 80, timeout=timeout)
    headers = {"Host": host, "User-Agent": "Mozilla/5.0 (idc tests)", "Accept": "*/*"}
    if body:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    try:
        connection.request(method, path, body=body or None, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return 0, ""
    finally:
        connection.close()


def ask_site(plan: Plan, site: str, path: str = "/") -> int:
    """Status of one GET for a site through its own listener."""
    vhost = vhost_of(plan, site)
    return ask(address_of(plan, vhost.visibility), vhost.names[0], path)[0]


def all_serving(plan: Plan) -> dict[str, int]:
    """Every vhost's site with the status of its first page."""
    return {v.site: ask(address_of(plan, v.visibility), v.names[0])[0] for v in plan.vhosts}


def wait_all_serving(plan: Plan, deadline: float) -> float:
    """Seconds until every site answers 200; fails after the deadline."""
    began = time.monotonic()
    while True:
        seen = all_serving(plan)
        if set(seen.values()) == {200}:
            return time.monotonic() - began
        assert time.monotonic() - began < deadline, f"not serving after {deadline} s: {seen}"
        time.sleep(0.3)


@contextmanager
def load_on(plan: Plan, *sites: str) -> Iterator[Load]:
    """A bounded load on these sites for as long as the block lasts; the counts are the load's."""
    targets = []
    for site in sites:
        vhost = vhost_of(plan, site)
        targets.append((f"http://{address_of(plan, vhost.visibility)}/", vhost.names[0]))
    with http_load(targets, rate=20.0, max_seconds=300.0) as load:
        yield load


@dataclass(frozen=True)
class Traces:
    """What a centre that stands is known by on this machine; noted before it is destroyed."""

    centre: str  # Plan.id
    station: Path
    number: str  # the station's id

    @classmethod
    def of(cls, centre: LiveCentre) -> Traces:
        known = json.loads((centre.station / "station.json").read_text())
        return cls(known["centre"], centre.station, known["id"])

    def left(self) -> dict[str, list[str]]:
        """What is still there of it, by kind; only kinds of which something is."""
        found = {
            f"{kind} by {by}": _listed(*listing, "--filter", by)
            for kind, listing in _LISTINGS.items()
            for by in (f"label=idc.centre={self.centre}", f"name=idc-{self.centre.replace('.', '-')}")
        }
        found["station"] = [str(self.station)] if self.station.exists() else []
        found["beside the station"] = list(map(str, self.station.parent.glob(".*")))
        found["runtime"] = list(map(str, Path("/run/idc").glob(f"{self.number}*")))
        found["processes"] = _naming(self.station)
        return {kind: names for kind, names in found.items() if names}


_LISTINGS = {
    "containers": ("ps", "-a", "--format", "{{.Names}}"),
    "networks": ("network", "ls", "--format", "{{.Name}}"),
    "volumes": ("volume", "ls", "--format", "{{.Name}}"),
}


def _listed(*words: str) -> list[str]:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True).stdout.split()


def _naming(station: Path) -> list[str]:
    """Processes with the station's folder in their words or environment."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                words = (process / "cmdline").read_bytes()
                known = words + (process / "environ").read_bytes()
            except OSError:  # it has just ended
                continue
            if str(station).encode() in known:
                found.append(f"{process.name} {words.replace(bytes(1), b' ').decode(errors='replace')}")
    return found


def assert_nothing_left(traces: Traces, centre: LiveCentre) -> None:
    """A destroyed centre has left nothing: no thing of its lab, no station, no process, no locks in its folder."""
    assert not traces.left()
    assert not centre.stations.exists()
    assert not (centre.folder / "locks").exists()
