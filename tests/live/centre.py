"""What the live tests ask of the small centre, read from the plan that was applied: nothing is written down twice."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

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
