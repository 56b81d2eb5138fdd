"""The flows: all that may pass, from zones, sites and services, from `flows:` and from `egress:`. All else is denied.

This module and nothing else makes them. The law's invariants are written elsewhere and never derive from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from idc.model.types import EgressSpec, FlowSpec, TenantState, Zone
from idc.plan import catalogue, edge
from idc.plan.endpoints import Endpoints, UnrealisableError, in_data_zone
from idc.plan.inputs import CENTRE_FILE, Inputs, Problems, tenant_file
from idc.plan.sites import Parts, site_ref
from idc.plan.types import Endpoint, Flow, Segment

# GB/T 22239-2019, 8.1.3 (boundary) and 8.1.2 (networks): what each derived flow is an exception for.
BOUNDARY: Final = "8.1.3.1 a"  # crossing a boundary only by a controlled interface
ZONES: Final = "8.1.2.1 d"  # zones by importance
MINIMAL: Final = "8.1.3.2 b"  # as few rules as are needed
WIDEST: Final = 4096  # flows that one declared line may stand for


@dataclass(frozen=True)
class _Written:
    """A flow as a person declared it."""

    file: str
    path: tuple[str | int, ...]
    source: str
    to: str
    port: str
    why: str
    control: str
    until: date | None
    origin: Literal["declared", "egress"]


def derive(inputs: Inputs, parts: Parts, endpoints: Endpoints, problems: Problems) -> tuple[Flow, ...]:
    """All flows, sorted and without duplicates. What cannot be let pass on any host is noted in ``problems``."""
    found = [*_listeners(inputs, endpoints), *_sites(inputs, parts, endpoints)]
    for written in _written(inputs):
        if written.until is None or written.until >= inputs.today:
            found.extend(_declared(written, inputs, endpoints, problems))
    unique: dict[str, Flow] = {}
    for flow in found:
        key = f"{flow.id} {flow.source.segment} {flow.destination.segment}"
        unique.setdefault(key, flow)
    return tuple(sorted(unique.values(), key=_order))


def _order(flow: Flow) -> tuple[str, str, str, int, str, str]:
    ends = flow.source, flow.destination
    return (ends[0].ref, ends[1].ref, flow.protocol, flow.port, ends[0].segment, ends[1].segment)


def _listeners(inputs: Inputs, endpoints: Endpoints) -> Iterator[Flow]:
    centre = inputs.declaration.centre
    target = endpoints.by_owner.get(edge.REF)
    if target is None:
        return
    for listener in edge.listeners(centre, target.host):
        reason = f"requests to {listener.address} port {listener.port}, translated to the edge"
        source = endpoints.people(listener.visibility)
        target_end = endpoints.container(target)
        yield Flow(source, target_end, "tcp", listener.target_port, reason, BOUNDARY, "service")


def _sites(inputs: Inputs, parts: Parts, endpoints: Endpoints) -> Iterator[Flow]:
    """From the edge to each site, and from each application to its own database."""
    front = endpoints.by_owner.get(edge.REF)
    data: dict[str, Segment] = {s.owner: s for s in parts.segments if s.zone is Zone.DATA}
    ports = {container.name: container.port for container in parts.containers}
    for site in parts.sites:
        if site.tenant in endpoints.closed:
            continue
        web = endpoints.container(endpoints.by_owner[site.ref])
        if front is not None and site.visibility in inputs.declaration.centre.listeners:
            reason = f"requests for {site.names[0]}"
            yield Flow(endpoints.container(front), web, "tcp", ports[site.container], reason, BOUNDARY, "site")
        if site.database:
            port = catalogue.IMAGES[catalogue.DATABASE_IMAGE].port
            reason = f"{site.container} and its database"
            yield Flow(web, endpoints.container(data[site.ref]), "tcp", port, reason, ZONES, "site")


def _written(inputs: Inputs) -> Iterator[_Written]:
    for index, flow in enumerate(inputs.declaration.centre.flows):
        yield _flow(index, flow)
    for spec in inputs.declaration.tenants:
        if spec.state is not TenantState.ACTIVE:
            continue
        for index, egress in enumerate(spec.egress):
            for site in sorted(spec.sites, key=lambda site: site.name):
                yield _egress(spec.tenant, site_ref(spec.tenant, site.name), index, egress)


def _flow(index: int, spec: FlowSpec) -> _Written:
    control = spec.control or MINIMAL
    path = ("flows", index)
    return _Written(CENTRE_FILE, path, spec.source, spec.to, spec.port, spec.why, control, spec.until, "declared")


def _egress(tenant: str, source: str, index: int, spec: EgressSpec) -> _Written:
    path = ("egress", index)
    file = tenant_file(tenant)
    return _Written(file, path, source, spec.to, spec.port, spec.why, MINIMAL, spec.until, "egress")


def _declared(written: _Written, inputs: Inputs, endpoints: Endpoints, problems: Problems) -> Iterable[Flow]:
    """The flows of one declared line; a tenant's egress to its own site is none for that site itself."""
    number, _, protocol = written.port.partition("/")
    found = []
    try:
        sources, destinations = endpoints.resolve(written.source), endpoints.resolve(written.to)
        if len(sources) * len(destinations) > WIDEST:
            raise UnrealisableError(
                f"it stands for {len(sources) * len(destinations)} flows", "name the sites that need it, not a zone"
            )
        where = inputs.declaration.where(written.file, *written.path).at
        joined = [(source, destination) for source in sources for destination in destinations]
        allowed = [pair for pair in joined if not _opens_a_database(*pair)]
        if joined and not allowed:
            raise UnrealisableError(
                "a database answers nobody but its own application", "name the application's site, which answers for it"
            )
        for source, destination in allowed:
            if source == destination and (written.origin == "egress" or len(sources) > 1):
                continue
            _check(source, destination, inputs)
            found.append(
                Flow(
                    source=source,
                    destination=destination,
                    protocol="udp" if protocol == "udp" else "tcp",
                    port=int(number),
                    reason=written.why,
                    control=written.control,
                    origin=written.origin,
                    where=where,
                    until=written.until,
                )
            )
    except UnrealisableError as error:
        who = written.source.partition("/site/")[0] if written.origin == "egress" else written.source
        what = f"no host can let {who} -> {written.to} : {written.port} pass"
        problems.at(written.file, written.path, f"{what}: {error}", error.hint)
        return ()
    return found


def _opens_a_database(source: Endpoint, destination: Endpoint) -> bool:
    """A database calls nobody, and is called by the application of its own site only, whatever a zone is named for."""
    return in_data_zone(source) or (in_data_zone(destination) and destination.ref != source.ref)


def _check(source: Endpoint, destination: Endpoint, inputs: Inputs) -> None:
    """Refuse what no rule could make real."""
    outside = [end for end in (source, destination) if end.host is None]
    if source == destination:
        raise UnrealisableError("both ends are the same", "name two different ends")
    if not outside:
        if source.host == destination.host and not destination.segment:
            raise UnrealisableError(
                f"{source.ref} is on {destination.ref}, and nothing reaches its own host through the gateway",
                "a service that containers need runs in a container",
            )
        if source.host == destination.host and not source.segment:
            raise UnrealisableError(
                f"{destination.ref} is on {source.ref}, and what a host sends to its own containers has the gateway's "
                "address, which no rule lets out",
                "name another host, or run what calls it in a container",
            )
        return
    if len(outside) == 2:
        raise UnrealisableError("neither end is in this fabric")
    inner = destination if source.host is None else source
    if not inner.segment:
        _check_host(inner, outside[0], inputs)
    elif source.host is None:
        raise UnrealisableError(
            "what comes from outside enters by the edge's listeners only", "declare a site with its visibility"
        )
    elif not destination.via:
        raise UnrealisableError(
            f"{destination.ref} is on no network of the edge",
            "only the network of `listeners: fabric` is reached so far; others need an exchange",
        )


def _check_host(host: Endpoint, outside: Endpoint, inputs: Inputs) -> None:
    """A real host has networks of its own; a lab host has the uplink, and at the edge the listeners'."""
    assert host.host is not None  # it is a host's endpoint
    if inputs.declaration.centre.hosts[host.host].address is None and host.host != outside.via:
        raise UnrealisableError(
            f"{host.ref} is a lab host, which is not connected to {outside.ref}", "give the host an `address`"
        )
