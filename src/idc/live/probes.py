"""Which probes a plan calls for: a passing one for each declared flow, blocked ones for each denied pair of classes.

The number grows with the sites, not with their pairs: each container tries a few neighbours in turn. Pure, and the same
plan gives the same probes. A class of which a plan has no pair is named with the reason, never left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from idc.live import inside, outside
from idc.live.census import Census
from idc.live.classes import absent
from idc.live.probe import CLOSED_PORT, Address, Family, Place, Probe, Protocol, Request
from idc.live.reach import HERE
from idc.plan.types import Container, Plan


def _slug(place: Place) -> str:
    return place.space.removeprefix("container:") if place.space != "host" else f"host-{place.machine}"


class Chooser:
    """Collects probes, each once, and gives each blocked one its positive controls."""

    def __init__(self, census: Census) -> None:
        self.census = census
        self.probes: dict[str, Probe] = {}
        self.sites: dict[tuple[Place, str], str] = {}  # who asks, and for which name -> the probe
        self.paths: dict[tuple[Place, Place], str] = {}  # from where to where a flow passes -> the probe
        self._services = self._listening()

    def _listening(self) -> frozenset[tuple[Address, int]]:
        """Where a service of the centre itself listens."""
        found: set[tuple[Address, int]] = set()
        for container in self.census.containers:
            ports = {entry.target_port for entry in self.census.plan.listeners if entry.container == container.name}
            ports = ports or {container.port}  # an edge listens where its listeners lead, and maybe nowhere else
            own6 = container.address6_a if container.slot == "a" else container.address6_b
            for port in ports:
                found.add((container.address(), port))
                if own6:
                    found.add((own6, port))
        return frozenset(found)

    def add(self, probe: Probe) -> str:
        """Keeps a probe; returns its id."""
        self.probes.setdefault(probe.id, probe)
        return probe.id

    def id_of(self, family: Family, source: Place, address: Address, protocol: str, port: int, more: str = "") -> str:
        """A name that is stable from run to run and says what it is about."""
        return f"{family.name.lower().replace('_', '-')}/{_slug(source)}/{address}/{protocol}-{port}{more}"

    def self_control(self, place: Place, address: Address, protocol: Protocol, port: int, listen: bool) -> str:
        """The destination answers from inside its own network namespace: it lives, and something listens there."""
        return self.add(
            Probe(
                self.id_of(Family.CONTROL, place, address, protocol, port),
                Family.CONTROL, place, place, address, protocol, port,
                "the destination answers within itself", passes=True, listen=listen,
            )
        )  # fmt: skip

    def passes(
        self, family: Family, source: Place, destination: Place | None, address: Address, protocol: Protocol, port: int,
        stands_for: str, *, listen: bool = False, way_out: str = "", request: Request | None = None, more: str = "",
        gateway: Address | None = None,
    ) -> str:  # fmt: skip
        """A probe that must pass."""
        name = self.add(
            Probe(
                self.id_of(family, source, address, protocol, port, more), family, source, destination, address,
                protocol, port, stands_for, passes=True, listen=listen, exit=way_out, request=request, gateway=gateway,
            )
        )  # fmt: skip
        if destination is not None and family in (Family.FLOW, Family.MANAGEMENT):
            self.paths.setdefault((source, destination), name)
        return name

    def path_control(self, source: Place, destination: Place) -> tuple[str, ...]:
        """The flow that passes between these two, in either direction: its packets and their answers use the path."""
        found = self.paths.get((source, destination)) or self.paths.get((destination, source))
        return (found,) if found else ()

    def denies(
        self, family: Family, source: Place, destination: Place, address: Address, protocol: Protocol, port: int,
        stands_for: str, *, controls: tuple[str, ...] = (), forged: Address | None = None,
        gateway: Address | None = None, request: Request | None = None, translated: bool = False,
        service_port: int = 0,
    ) -> str:  # fmt: skip
        """A probe that must be blocked. A listener of ours stands where no service is, so that a pass would be seen.

        Its controls: the destination answers within itself; where a flow uses the same path, that flow; ``controls``.
        ``translated``: the address is no one's own but rewritten (DNAT), so that only ``controls`` can show it alive.
        ``service_port``: the packet comes from that port and goes to any, where nobody need listen: arriving is enough.
        """
        listen = False
        if not translated:
            alive = port or (CLOSED_PORT if service_port else 0)
            listen = protocol in ("tcp", "udp") and not (protocol == "tcp" and (address, alive) in self._services)
            own = self.self_control(destination, address, protocol, alive, listen)
            controls = (*dict.fromkeys((own, *self.path_control(source, destination), *controls)),)
        more = (f"/as-{forged}" if forged else "") + (f"/by-{gateway}" if gateway and not service_port else "")
        more += f"/{request.host}" if request else ""
        more += f"/from-{service_port}" if service_port else ""
        return self.add(
            Probe(
                self.id_of(family, source, address, protocol, port, more), family, source, destination, address,
                protocol, port, stands_for, passes=False, listen=listen and not service_port, controls=controls,
                forged=forged, gateway=gateway, request=request, service_port=service_port,
            )
        )  # fmt: skip

    def between(
        self, family: Family, source: Container, destination: Container, protocol: Literal["tcp", "udp", "icmp"],
        port: int, stands_for: str, *, forged: Address | None = None, controls: tuple[str, ...] = (),
    ) -> str | None:  # fmt: skip
        """A blocked probe between two containers, unless a flow allows exactly this."""
        sender = source.address()
        if not forged and self.census.flow_to(sender, destination.address(), protocol, port):
            return None
        gateway = self.census.plan.segment_by_name[source.segment].gateway if forged else None
        return self.denies(
            family, self.census.place(source), self.census.place(destination), destination.address(), protocol,
            port, stands_for, forged=forged, gateway=gateway, controls=controls,
        )  # fmt: skip

    def from_service(
        self, family: Family, source: Container, destination: Container, protocol: Literal["tcp", "udp"], port: int,
        stands_for: str,
    ) -> str:  # fmt: skip
        """A connection that begins at a service's own port: rules that mirror a flow without its state let it pass."""
        gateway = self.census.plan.segment_by_name[source.segment].gateway
        return self.denies(
            family, self.census.place(source), self.census.place(destination), destination.address(), protocol, 0,
            stands_for, gateway=gateway, service_port=port,
        )  # fmt: skip


@dataclass(frozen=True)
class Chosen:
    """The probes of a plan in a stable order, each control among them, and the classes of which it has no pair."""

    probes: tuple[Probe, ...]
    absent: Mapping[Family, str]  # class -> why the plan has none of it

    @property
    def demanded(self) -> frozenset[Family]:
        """The classes of which packets must be sent for a whole proof."""
        return frozenset(Family) - self.absent.keys()


def choose(plan: Plan) -> Chosen:
    """All probes that a plan calls for."""
    chooser = Chooser(Census(plan))
    inside.flows(chooser)
    inside.management(chooser)
    outside.sites(chooser)
    outside.refusals(chooser)
    inside.tenants(chooser)
    inside.neighbours_of_flows(chooser)
    inside.hosts(chooser)
    inside.forged(chooser)
    outside.insides(chooser)
    outside.listeners(chooser)
    outside.audiences(chooser)
    outside.ipv6(chooser)
    outside.closed(chooser)
    return Chosen(tuple(chooser.probes.values()), absent(chooser.census))


def machines(probes: Sequence[Probe]) -> list[str]:
    """The machines that take part, this one (HERE) last."""
    named = {place.machine for probe in probes for place in (probe.source, probe.destination) if place}
    return [*sorted(named - {HERE}), *([HERE] if HERE in named else [])]


def not_placed(plan: Plan) -> list[str]:
    """What cannot be probed for want of a place to stand: said in the report, never counted as held."""
    people = Census(plan).people
    return [
        f"packets from the {listener.visibility} side of {listener.host}: no machine of ours stands there"
        for listener in plan.listeners
        if listener.visibility not in people
    ]
