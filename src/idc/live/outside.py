"""Probes from where people stand: the citizen on the Internet's side, the employee on the fabric's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from idc.live.census import Person
from idc.live.probe import CLOSED_PORT, SSH, Address, Family, Protocol, Request
from idc.model.types import Visibility
from idc.plan.types import Listener

if TYPE_CHECKING:
    from idc.live.probes import Chooser

GOOD: Final = tuple(range(200, 400))
REFUSED: Final = (421,)  # the edge's own word for a name that no site of a listener has; a site's own 404 is none
OTHERS: Final[tuple[tuple[Protocol, int], ...]] = (("udp", CLOSED_PORT), ("icmp", 0))
NOBODY: Final = "nobody.invalid"  # a name that no site can have (RFC 6761)


def _addresses(listener: Listener) -> tuple[Address, ...]:
    return (listener.address, *((listener.address6,) if listener.address6 else ()))


def sites(chooser: Chooser) -> None:
    """Each site answers by each of its names on its own listener, by IPv4 and where there is IPv6 by that too."""
    census = chooser.census
    for vhost in census.plan.vhosts:
        person = census.people.get(vhost.visibility)
        if person is None:
            continue
        listener = person.listener
        edge = census.plan.container_by_name.get(listener.container)
        destination = census.place(edge) if edge else None
        for name in vhost.names:
            for address in _addresses(listener):
                probe = chooser.passes(Family.SITE, person.place, destination, address, "http", listener.port,
                                       vhost.site, request=Request(name, "/", GOOD), more=f"/{name}")  # fmt: skip
                chooser.sites.setdefault((person.place, name), probe)


def site_control(chooser: Chooser, visibility: Visibility, name: str) -> tuple[str, ...]:
    """Id of a probe that shows a site serving by a name."""
    person = chooser.census.people.get(visibility)
    found = chooser.sites.get((person.place, name)) if person else None
    return (found,) if found else ()


def refusals(chooser: Chooser) -> None:
    """A name that nobody has is refused by the edge itself, on each listener and by each of its addresses."""
    for _, person in sorted(chooser.census.people.items()):
        for address in _addresses(person.listener):
            edge_control(chooser, person, address)


def edge_control(chooser: Chooser, person: Person, address: Address | None = None) -> tuple[str, ...]:
    """Id of a probe that shows the edge alive behind a listener, whether or not any site is served there."""
    census, listener = chooser.census, person.listener
    edge = census.plan.container_by_name.get(listener.container)
    name = chooser.passes(Family.REFUSAL, person.place, census.place(edge) if edge else None,
                          address or listener.address, "http", listener.port, "no site has this name",
                          request=Request(NOBODY, "/", REFUSED))  # fmt: skip
    return (name,)


def _by_hand(chooser: Chooser, person: Person, by: Address) -> tuple[str, ...]:
    """Control of packets made by hand: by the same way, the listener itself answers."""
    words = "a packet made by hand is answered where it may go"
    name = chooser.passes(Family.CONTROL, person.place, None, by, "tcp", person.listener.port, words, gateway=by,
                          more=f"/by-{by}")  # fmt: skip
    return (name,)


def insides(chooser: Chooser) -> None:
    """Whoever takes the edge for a router gets nowhere: no container, no gateway, no host."""
    census = chooser.census
    families = {Visibility.INTERNET: Family.INTERNET_INSIDE, Visibility.FABRIC: Family.FABRIC_INSIDE}
    for visibility, person in sorted(census.people.items()):
        family, by = families[visibility], person.listener.address
        controls = _by_hand(chooser, person, by)
        why = f"from the {visibility} side only the listener can be reached"
        for number, target in enumerate(census.containers):
            place = census.place(target)
            chooser.denies(family, person.place, place, target.address(), "tcp", target.port, why, controls=controls,
                           gateway=by)  # fmt: skip
            if number < 8:
                for protocol, port in OTHERS:
                    chooser.denies(family, person.place, place, target.address(), protocol, port, why,
                                   controls=controls, gateway=by)  # fmt: skip
        edge_host = census.host_place(person.listener.host)
        for port in (SSH, CLOSED_PORT):
            chooser.denies(family, person.place, edge_host, by, "tcp", port, why, controls=controls)
        chooser.denies(family, person.place, edge_host, by, "udp", CLOSED_PORT, why, controls=controls)
        for host in census.plan.hosts:
            chooser.denies(family, person.place, census.host_place(host.name), host.address, "tcp", SSH, why,
                           controls=controls, gateway=by)  # fmt: skip
        for flow, source, target in list(census.inside_pairs())[:16]:
            if flow.protocol == "tcp":
                chooser.denies(Family.SPOOFED, person.place, census.place(target), target.address(), "tcp", flow.port,
                               f"{source.address()} is an inner address", controls=controls, gateway=by,
                               forged=source.address())  # fmt: skip


def listeners(chooser: Chooser) -> None:
    """The citizen reaches no listener but the Internet's: not by another port, address or gateway."""
    census = chooser.census
    person, employee = census.people.get(Visibility.INTERNET), census.people.get(Visibility.FABRIC)
    if person is None or employee is None:
        return
    fabric, by = employee.listener, person.listener.address
    serving = edge_control(chooser, employee)
    controls = (*_by_hand(chooser, person, by), *serving)
    why = "the fabric's listener serves the fabric's side only"
    edge = census.plan.container_by_name[fabric.container]
    place = census.place(edge)
    if fabric.host == person.listener.host:
        chooser.denies(Family.FABRIC_LISTENER, person.place, census.host_place(fabric.host), by, "tcp",
                       fabric.target_port, why, controls=controls)  # fmt: skip
    chooser.denies(Family.FABRIC_LISTENER, person.place, place, edge.address(), "tcp", fabric.target_port, why,
                   controls=controls, gateway=by)  # fmt: skip
    # That address is no container's: what stands behind it is shown by the employee's own request.
    chooser.denies(Family.FABRIC_LISTENER, person.place, census.host_place(fabric.host), fabric.address, "tcp",
                   fabric.port, why, controls=controls, gateway=by, translated=True)  # fmt: skip


def audiences(chooser: Chooser) -> None:
    """A site for the fabric's users is refused on the Internet's listener, by whatever name it has."""
    census = chooser.census
    public = {name for v in census.plan.vhosts if v.visibility is Visibility.INTERNET for name in v.names}
    citizen = census.people.get(Visibility.INTERNET)
    if citizen is not None:
        for vhost in census.plan.vhosts:
            if vhost.visibility is Visibility.FABRIC:
                for name in sorted(set(vhost.names) - public):
                    good = site_control(chooser, Visibility.FABRIC, name)
                    _refused(chooser, citizen, name, Family.AUDIENCE, f"{vhost.site} is for the fabric's users", good)


def _refused(
    chooser: Chooser, person: Person, name: str, family: Family, why: str, controls: tuple[str, ...] = ()
) -> None:
    listener = person.listener
    to = chooser.census.host_place(listener.host)
    for address in _addresses(listener):
        chooser.denies(family, person.place, to, address, "http", listener.port, why,
                       controls=(*edge_control(chooser, person, address), *controls),
                       request=Request(name, "/", REFUSED), translated=True)  # fmt: skip


def ipv6(chooser: Chooser) -> None:
    """IPv6 at the edge is as strict as IPv4."""
    census = chooser.census
    for visibility, person in sorted(census.people.items()):
        by = person.listener.address6
        edge = census.plan.container_by_name.get(person.listener.container)
        if by is None or edge is None:
            continue
        listener, to = person.listener, census.host_place(person.listener.host)
        why = f"from the {visibility} side only the listener can be reached, by IPv6 too"
        good = edge_control(chooser, person, by)
        hand = _by_hand(chooser, person, by)
        ports = {other.target_port for other in census.plan.listeners if other.host == listener.host} | {
            SSH,
            CLOSED_PORT,
        }
        for port in sorted(ports):
            chooser.denies(Family.IPV6, person.place, to, by, "tcp", port, why, controls=good)
        chooser.denies(Family.IPV6, person.place, to, by, "udp", CLOSED_PORT, why, controls=good)
        own = edge.address6_a if edge.slot == "a" else edge.address6_b
        if own is not None:
            for port in sorted({other.target_port for other in census.plan.listeners} | {CLOSED_PORT}):
                chooser.denies(Family.IPV6, person.place, census.place(edge), own, "tcp", port, why, controls=hand,
                               gateway=by)  # fmt: skip
        gateway = census.plan.segment_by_name[edge.segment].gateway6
        if gateway is not None:
            chooser.denies(Family.IPV6, person.place, census.host_place(edge.host), gateway, "tcp", SSH, why,
                           controls=hand, gateway=by)  # fmt: skip
            chooser.denies(Family.IPV6, census.place(edge), census.host_place(edge.host), gateway, "tcp", SSH,
                           "nothing passes from a container to its host, by IPv6 either")  # fmt: skip


def closed(chooser: Chooser) -> None:
    """What is shut by ``idc isolate``, or going away, is reached neither by its name nor from the edge."""
    census = chooser.census
    served = {(vhost.visibility, name) for vhost in census.plan.vhosts for name in vhost.names}
    for site in census.plan.sites:
        person = census.people.get(site.visibility)
        for name in site.names:
            if person is not None and (site.visibility, name) not in served:
                _refused(chooser, person, name, Family.SHUT, f"{site.ref} is shut")
    for target in census.containers:
        if target.tenant in census.closed:
            for edge in sorted(census.edges):
                source = census.plan.container_by_name[edge]
                chooser.between(Family.SHUT, source, target, "tcp", target.port, f"{target.owner} is shut")
