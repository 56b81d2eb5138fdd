"""Denied packets as what would have to be declared to let them pass, and what the law says to that."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from ipaddress import IPv4Address
from typing import Final

from idc import plan as planning
from idc.errors import InputError
from idc.live.denials import Denial
from idc.model import Declaration
from idc.model.types import EgressSpec, FlowSpec
from idc.plan.lock import Lock
from idc.plan.types import Plan, Segment
from idc.proof.prove import lawful

WHY: Final = "to be filled in"
JUDGED: Final = 40  # entries that are judged, the most frequent first: each is a plan of its own


@dataclass(frozen=True)
class Wanted:
    """Denied packets of one kind. ``refused`` says why no entry would let them pass; "" where the law allows it."""

    source: str  # a reference, or an address
    destination: str
    protocol: str
    port: int
    egress: bool  # an entry of the tenant's own file; else one of centre.yaml
    count: int
    first: datetime
    last: datetime
    logs: tuple[str, ...]
    addresses: tuple[str, ...]  # "10.64.16.18 -> 198.18.64.200", at most a few
    refused: str = ""


@dataclass(frozen=True)
class Standing:
    """Whose an address is in a plan."""

    plan: Plan

    @cached_property
    def _hosts(self) -> Mapping[IPv4Address, str]:
        found = {segment.gateway: segment.host for segment in self.plan.segments}
        found |= {i.address.ip: host.name for host in self.plan.hosts for i in host.interfaces}
        return found

    def segment(self, address: object) -> Segment | None:
        """The segment that an address of a container is in; None for a gateway, which is the host's own."""
        if not isinstance(address, IPv4Address) or address in self._hosts:
            return None
        return next((segment for segment in self.plan.segments if address in segment.subnet), None)

    def ref(self, address: object) -> str:
        """What stands for it in a declaration."""
        if segment := self.segment(address):
            return segment.owner
        if isinstance(address, IPv4Address) and address in self._hosts:
            return f"host/{self._hosts[address]}"
        return str(address)


def wanted(plan: Plan, tenant: str, denials: Iterable[Denial]) -> list[Wanted]:
    """The denials from and to a tenant's addresses, by kind, the most frequent first; not yet judged by the law."""
    standing = Standing(plan)
    subnets = [segment.subnet for segment in plan.segments if segment.tenant == tenant]
    kinds: dict[tuple[object, ...], list[Denial]] = {}
    shut: dict[tuple[object, ...], str] = {}
    for denial in denials:
        ends = [standing.segment(address) for address in (denial.source, denial.destination)]
        if not any(
            isinstance(one, IPv4Address) and one in subnet
            for subnet in subnets for one in (denial.source, denial.destination)
        ):  # fmt: skip
            continue
        why = _hopeless(denial, *ends)
        key = (standing.ref(denial.source), standing.ref(denial.destination), denial.protocol,
               denial.port if denial.begins else 0, why)  # fmt: skip
        kinds.setdefault(key, []).append(denial)
        shut[key] = why
    found = [_kind(tenant, some, standing, shut[key]) for key, some in kinds.items()]
    return sorted(found, key=lambda one: (-one.count, one.source, one.destination, one.protocol, one.port))


def _hopeless(denial: Denial, source: Segment | None, destination: Segment | None) -> str:
    """Why no declaration lets such a packet pass."""
    if denial.chain == "spoofed":
        return "its source address is not of the link by which it came: no flow lets that through"
    if not denial.begins:
        return "it belongs to a connection that had begun before, whose flow is no longer there"
    if denial.protocol not in ("tcp", "udp"):
        return f"flows are of TCP and UDP; {denial.protocol} is never let through"
    if source is not None and source.zone.value == "data":
        return "it comes from a database, which calls nobody"
    if destination is not None and destination.zone.value == "data":
        return "a database answers the application of its own site only"
    return ""


def _kind(tenant: str, some: list[Denial], standing: Standing, refused: str) -> Wanted:
    one = some[0]
    source, destination = standing.ref(one.source), standing.ref(one.destination)
    pairs = dict.fromkeys(f"{each.source} -> {each.destination}" for each in some)
    mine = source.startswith(f"tenant/{tenant}/")
    others = destination.startswith(("tenant/", "host/")) and not destination.startswith(f"tenant/{tenant}/")
    return Wanted(
        source, destination, one.protocol, one.port, mine and not others, len(some), min(each.at for each in some),
        max(each.at for each in some), tuple(sorted({each.log for each in some})), tuple(pairs)[:3], refused,
    )  # fmt: skip


def judged(kinds: Iterable[Wanted], declaration: Declaration, lock: Lock, tenant: str) -> Iterator[Wanted]:
    """Each kind with what planning and the law say to its entry, added to what is declared."""
    before: set[str] | None = None
    for number, kind in enumerate(kinds):
        if kind.refused:
            yield kind
            continue
        if number >= JUDGED:
            yield dataclasses.replace(kind, refused=f"not judged: only the {JUDGED} most frequent are")
            continue
        if before is None:
            before = {broken.what for broken in lawful(_planned(declaration, lock))}
        try:
            new = _planned(_with(declaration, kind, tenant), lock)
            broken = [one.what for one in lawful(new) if one.what not in before]
        except InputError as error:
            broken = [problem.message for problem in error.problems]
        except ValueError as error:
            broken = [str(error)]
        yield dataclasses.replace(kind, refused="; ".join(broken[:2]))


def _planned(declaration: Declaration, lock: Lock) -> Plan:
    return planning.make(declaration, lock, {}, today=declaration.today)[0]


def _with(declaration: Declaration, kind: Wanted, tenant: str) -> Declaration:
    port = f"{kind.port}/{kind.protocol}"
    if not kind.egress:
        flow = FlowSpec.model_validate({"from": kind.source, "to": kind.destination, "port": port, "why": WHY})
        centre = declaration.centre.model_copy(update={"flows": (*declaration.centre.flows, flow)})
        return dataclasses.replace(declaration, centre=centre)
    entry = EgressSpec.model_validate({"to": kind.destination, "port": port, "why": WHY})
    tenants = tuple(
        spec.model_copy(update={"egress": (*spec.egress, entry)}) if spec.tenant == tenant else spec
        for spec in declaration.tenants
    )
    return dataclasses.replace(declaration, tenants=tenants)
