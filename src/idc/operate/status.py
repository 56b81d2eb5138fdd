"""Each host and site as it is now: one call a host, one request a site. Held against what was applied."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Final

from idc.engine import facts as live_facts
from idc.engine import history
from idc.engine.facts import HostFacts
from idc.engine.hosts import Completed, Hosts
from idc.errors import EngineError
from idc.live.load import Answer, ask
from idc.model.units import format_bytes
from idc.operate import table
from idc.operate.context import Standing
from idc.operate.outcome import address_of
from idc.plan.types import Plan, Site

SHUT: Final = "shut by idc isolate"
REFUSED: Final = (404, 421)  # what an edge answers for a name that it does not have
DEADLINE_CONNECT: Final = 20.0


@dataclass(frozen=True)
class HostStatus:
    """One host."""

    name: str
    location: str
    state: str  # "answers", "does not answer"
    firewall: str  # "stands", or what does not
    containers: str  # "3 of 3 run"
    memory: str
    down: tuple[str, ...] = ()  # planned containers that do not run, or whose health check says no

    @property
    def ok(self) -> bool:
        """True when it answers, its rules are loaded and all that it is to run runs."""
        return self.state == "answers" and self.firewall == table.STANDS and not self.down


@dataclass(frozen=True)
class SiteStatus:
    """One site. ``answers`` is what a client was told: "200 in 4 ms", "no answer"."""

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
    note: str = ""  # what of the declaration a person should know; no fault of what runs

    @property
    def ok(self) -> bool:
        """True when every host and every site is as it should be."""
        return all(host.ok for host in self.hosts) and all(site.state in ("serving", SHUT) for site in self.sites)

    def document(self) -> dict[str, object]:
        """For ``--json``."""
        return {"ok": self.ok, **asdict(self)}


def look(standing: Standing) -> CentreStatus:
    """Connect, ask each host once, and each site once."""
    plan, names = standing.plan, [host.name for host in standing.plan.hosts]
    hosts = Hosts(standing.station, plan)
    try:
        lost = hosts.connect(names, DEADLINE_CONNECT)
        reached = [name for name in names if name not in lost]
        facts = {name: seen for name, seen in live_facts.collect(hosts, reached).items() if isinstance(seen, HostFacts)}
        tables = hosts.run_all(reached, ["nft", "-j", "list", "table", "inet", "idc"])
    finally:
        hosts.close()
    with ThreadPoolExecutor(max_workers=8) as pool:
        asked = pool.map(lambda site: _ask(plan, site), plan.sites)
        answers = dict(zip((site.ref for site in plan.sites), asked, strict=True))
    return CentreStatus(
        id=plan.id,
        applied=_applied(standing),
        hosts=tuple(host_status(plan, name, facts.get(name), tables.get(name)) for name in names),
        sites=tuple(site_status(plan, site, facts, answers[site.ref], standing.isolated) for site in plan.sites),
        note=standing.note,
    )


def _ask(plan: Plan, site: Site) -> Answer:
    """One request for the site's first page through its listener."""
    listener = next((entry for entry in plan.listeners if entry.visibility is site.visibility), None)
    if listener is None:
        return Answer(0, 0.0, "it has no listener")
    return ask(f"http://{listener.address}:{listener.port}/", site.names[0])


def _applied(standing: Standing) -> str:
    known = history.read(standing.station.folder)
    if not standing.finished or not known:
        return "never finished: `idc up` goes on where it stopped"
    return f"{known[-1].time} (serial {known[-1].serial})"


def host_status(plan: Plan, name: str, facts: HostFacts | None, listing: Completed | EngineError | None) -> HostStatus:
    """One host, by what it has reported and what its kernel has loaded. Pure."""
    host = plan.host_by_name[name]
    planned = list(plan.on(name))
    memory = f"{format_bytes(sum(c.memory for c in planned))} of {format_bytes(host.memory)}"
    if facts is None:
        return HostStatus(name, host.location, "does not answer", "unknown", "unknown", memory)
    fine = {c.name for c in facts.containers if c.running and c.health != "unhealthy"}
    down = tuple(sorted({c.docker_name() for c in planned} - fine))
    if facts.units.get("idc-firewall") != "active":
        firewall = "does not stand"
    elif isinstance(listing, Completed):
        firewall = table.state(plan, name, listing.text) if listing.ok else "its table is not loaded"
    else:
        firewall = "unknown"
    containers = f"{len(planned) - len(down)} of {len(planned)} run"
    return HostStatus(name, host.location, "answers", firewall, containers, memory, down)


def site_status(
    plan: Plan, site: Site, facts: Mapping[str, HostFacts], answer: Answer, isolated: frozenset[str]
) -> SiteStatus:
    """One site, by its container and by what a client was told. Pure."""
    words = f"{answer.status} in {answer.seconds * 1000:.0f} ms" if answer.status else "no answer"
    shut = site.tenant in isolated
    state = _shut_state(answer) if shut else _open_state(plan, site, facts.get(site.host), answer)
    return SiteStatus(site.ref, state, site.host, words, address_of(plan, site))


def _shut_state(answer: Answer) -> str:
    """Shut is what a living edge refuses for want of the name; any other answer shows that it still has it."""
    if answer.status in REFUSED:
        return SHUT
    return "open although isolated" if answer.status else "isolated, but the edge does not answer: not seen to be shut"


def _open_state(plan: Plan, site: Site, facts: HostFacts | None, answer: Answer) -> str:
    if facts is None:
        return "host does not answer"
    container = plan.container_by_name[site.container]
    fact = next((c for c in facts.containers if c.name == container.docker_name()), None)
    if fact is None:
        return "its container is missing"
    if not fact.running or fact.health not in ("healthy", "starting", ""):  # what is starting is asked, and answers
        return f"its container is {fact.health if fact.running else 'stopped'}"
    return "serving" if answer.ok else "does not answer"
