"""Each host and site as it is now: one call a host, one request a site."""

from __future__ import annotations

import http.client
import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

from idc.engine import facts as live_facts
from idc.engine.facts import HostFacts
from idc.engine.hosts import Hosts
from idc.model.units import format_bytes
from idc.operate.context import Work
from idc.operate.outcome import address_of
from idc.plan.types import Plan, Site


@dataclass(frozen=True)
class HostStatus:
    """One host."""

    name: str
    location: str
    state: str  # "answers", "does not answer"
    firewall: str
    containers: str  # "3 of 3 run"
    memory: str


@dataclass(frozen=True)
class SiteStatus:
    """One site. ``answers`` is what a client was told: "200 in 4 ms", "no answer", "not asked"."""

    ref: str
    state: str
    host: str
    answers: str
    address: str


@dataclass(frozen=True)
class CentreStatus:
    """One centre."""

    id: str
    applied: str
    hosts: tuple[HostStatus, ...]
    sites: tuple[SiteStatus, ...]

    @property
    def ok(self) -> bool:
        """True when every host answers and every site is as it should be."""
        good = {"serving", "shut by idc isolate"}
        return all(h.state == "answers" and h.firewall == "stands" for h in self.hosts) and all(
            s.state in good for s in self.sites
        )

    def document(self) -> dict[str, object]:
        """For ``--json``."""
        return {"ok": self.ok, **asdict(self)}


def ask(plan: Plan, site: Site, timeout: float = 5.0) -> tuple[int, float]:
    """One request for the site's first page through its listener: HTTP status (0 without an answer) and seconds."""
    listener = next((entry for entry in plan.listeners if entry.visibility is site.visibility), None)
    if listener is None:
        return 0, 0.0
    began = time.monotonic()
    connection = http.client.HTTPConnection(str(listener.address), listener.port, timeout=timeout)
    try:
        connection.request("GET", "/", headers={"Host": site.names[0], "User-Agent": "idc-status"})
        return connection.getresponse().status, time.monotonic() - began
    except (OSError, http.client.HTTPException):
        return 0, time.monotonic() - began
    finally:
        connection.close()


def look(work: Work) -> CentreStatus:
    """Connect, ask each host once, and each site once."""
    plan = work.applied or work.plan
    hosts = Hosts(work.station, plan)
    try:
        lost = hosts.connect([host.name for host in plan.hosts], 20.0)
        answers = live_facts.collect(hosts, [host.name for host in plan.hosts if host.name not in lost])
    finally:
        hosts.close()
    facts = {name: seen for name, seen in answers.items() if isinstance(seen, HostFacts)}
    with ThreadPoolExecutor(max_workers=8) as pool:
        requests = dict(
            zip((s.ref for s in plan.sites), pool.map(lambda site: ask(plan, site), plan.sites), strict=True)
        )
    isolated = {tenant.id for tenant in plan.tenants if tenant.isolated} | work.isolated
    return CentreStatus(
        id=plan.id,
        applied=_applied(work),
        hosts=tuple(_host(plan, host.name, facts.get(host.name)) for host in plan.hosts),
        sites=tuple(
            _site(plan, site, facts.get(site.host), requests[site.ref], site.tenant in isolated) for site in plan.sites
        ),
    )


def _applied(work: Work) -> str:
    file = work.station.folder / "applied" / "history.json"
    if work.applied is None or not file.exists():
        return "never finished: `idc up` goes on where it stopped"
    last = json.loads(file.read_text())[-1]
    changed = (
        "" if work.applied.declaration_digest == work.plan.declaration_digest else "; the declaration has changed since"
    )
    return f"{last['time']} (serial {last['serial']}){changed}"


def _host(plan: Plan, name: str, facts: HostFacts | None) -> HostStatus:
    host = plan.host_by_name[name]
    planned = list(plan.on(name))
    memory = f"{format_bytes(sum(c.memory for c in planned))} of {format_bytes(host.memory)}"
    if facts is None:
        return HostStatus(name, host.location, "does not answer", "unknown", "unknown", memory)
    running = {c.name for c in facts.containers if c.running}
    up = sum(1 for container in planned if container.docker_name() in running)
    firewall = "stands" if facts.units.get("idc-firewall") == "active" else "does not stand"
    return HostStatus(name, host.location, "answers", firewall, f"{up} of {len(planned)} run", memory)


def _site(plan: Plan, site: Site, facts: HostFacts | None, request: tuple[int, float], isolated: bool) -> SiteStatus:
    code, seconds = request
    answers = f"{code} in {seconds * 1000:.0f} ms" if code else "no answer"
    container = plan.container_by_name[site.container]
    fact = next((c for c in facts.containers if c.name == container.docker_name()), None) if facts else None
    if isolated:
        state = "shut by idc isolate" if code != 200 else "open although isolated"
    elif facts is None:
        state = "host does not answer"
    elif fact is None:
        state = "its container is missing"
    elif not fact.running or fact.health not in ("healthy", "starting", ""):  # what is starting is asked, and answers
        state = f"its container is {fact.health or 'stopped'}"
    else:
        state = "serving" if code == 200 else "does not answer"
    return SiteStatus(site.ref, state, site.host, answers, address_of(plan, site))
