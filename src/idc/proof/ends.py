"""What a person means by `A` and `B`: addresses, and the connections by which the one would reach the other.

A site that outsiders ask for is reached in two connections: theirs to the listener, and the edge's own to the site. The
edge chooses by host name, so that the way goes on only where the listener has a vhost of that site.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Final

from idc.model import refs
from idc.model.text import BadValueError, did_you_mean
from idc.plan.types import Listener, Plan, Vhost

SSH: Final = 22
EDGE: Final = "service/edge"
INTERNET: Final = "internet"
# An address of the Internet that is nobody's (RFC 5737), for "somebody there".
SOMEBODY: Final = IPv4Address("198.51.100.7")


class UnknownEndError(ValueError):
    """A word that stands for nothing in this plan; ``hint`` says what to write."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True)
class End:
    """One end: what it is, the addresses that it has, and the port that it answers at (0: none of its own).

    ``outside`` is set for those who come in by a listener.
    """

    ref: str
    addresses: tuple[IPv4Address, ...]
    port: int = 0
    outside: bool = False


@dataclass(frozen=True)
class Leg:
    """One connection of the way."""

    source: IPv4Address
    destination: IPv4Address
    protocol: str
    port: int
    what: str


@dataclass(frozen=True)
class Way:
    """The connections from one end to another. ``shut`` says why there is no way on after them, and is empty if so."""

    legs: tuple[Leg, ...]
    shut: str = ""


def end(plan: Plan, text: str) -> End:
    """What a reference or an address stands for. Raises UnknownEndError."""
    if ":" in text:
        raise UnknownEndError(f"{text}: IPv6 ends are not answered yet", "`idc verify` probes IPv6 at the edge")
    try:
        reference = refs.parse(text)
    except BadValueError as error:
        raise UnknownEndError(str(error), error.hint) from None
    if reference.network is not None:
        return _numbers(plan, text, reference.network)
    if reference.kind == "host":
        if reference.name not in plan.host_by_name:
            raise UnknownEndError(f"there is no {text}", did_you_mean(reference.name, plan.host_by_name, what="hosts"))
        return End(text, (plan.host_by_name[reference.name].address,), SSH)
    if reference.kind in ("site", "service"):
        return _container(plan, text)
    if reference.kind == "fabric":
        return _people(plan, text)
    raise UnknownEndError(f"{text} is many ends", "name one site, service, host or address")


def _container(plan: Plan, ref: str) -> End:
    found = [c for c in plan.containers if c.owner == ref and plan.segment_by_name[c.segment].zone != "data"]
    if not found:
        known = {container.owner for container in plan.containers}
        raise UnknownEndError(f"{ref} has no container in this plan", did_you_mean(ref, known, what="references"))
    one = found[0]
    return End(ref, (one.address(), one.address_b if one.slot == "a" else one.address_a), one.port)


def _people(plan: Plan, name: str) -> End:
    """Somebody of the Internet, or of the fabric's users."""
    wanted = INTERNET if name == INTERNET else "fabric" if name == plan.fabric else ""
    listener = next((entry for entry in plan.listeners if entry.visibility.value == wanted), None)
    if listener is None:
        raise UnknownEndError(f"nobody of {name} comes in here", f"this centre's listeners: {_listeners(plan)}")
    if wanted == INTERNET:
        return End(name, (SOMEBODY,), outside=True)
    network = _outer_network(plan, listener)
    taken = {i.address.ip for host in plan.hosts for i in host.interfaces}
    return End(name, (next(a for a in reversed(list(network.hosts())[-64:]) if a not in taken),), outside=True)


def _outer_network(plan: Plan, listener: Listener) -> IPv4Network:
    host = plan.host_by_name[listener.host]
    return next(i.address.network for i in host.interfaces if listener.address in i.address.network)


def _listeners(plan: Plan) -> str:
    return ", ".join(sorted({str(entry.visibility) for entry in plan.listeners})) or "none"


def _numbers(plan: Plan, text: str, network: IPv4Network) -> End:
    """One address; whose it is says what its own port is."""
    if network.prefixlen != 32:
        raise UnknownEndError(f"{text} is many addresses", "name one address")
    address = network.network_address
    for container in plan.containers:
        if address in (container.address_a, container.address_b):
            return End(str(address), (address,), container.port)
    for host in plan.hosts:
        if address == host.address:
            return End(str(address), (address,), SSH)
    for listener in plan.listeners:
        if address == listener.address:
            return End(str(address), (address,), listener.port)
    inside = address in plan.prefix
    return End(str(address), (address,), outside=not inside and not _edge_side(plan, address))


def _edge_side(plan: Plan, address: IPv4Address) -> bool:
    """Whether an address is a host's own on some interface."""
    return any(address == interface.address.ip for host in plan.hosts for interface in host.interfaces)


def way(plan: Plan, source: End, destination: End, protocol: str = "", port: int = 0) -> Way:
    """The connections from one end to another; without a port, to the one that the destination answers at.

    Raises UnknownEndError where no port is known.
    """
    if source.outside and destination.ref.startswith("tenant/") and not port and protocol != "icmp":
        return _asked_for(plan, source, destination)
    if protocol != "icmp" and not port:
        port = destination.port
        if not port:
            raise UnknownEndError(f"{destination.ref} answers at no port of its own", "name one, as 443/tcp")
    protocol = protocol or "tcp"
    what = f"{source.ref} -> {destination.ref} : {protocol}" + (f"/{port}" if port else "")
    return Way((Leg(source.addresses[0], destination.addresses[0], protocol, port, what),))


def _asked_for(plan: Plan, source: End, site: End) -> Way:
    """By the listener that the source comes in at, and by name: the vhost says whether it goes on."""
    address = source.addresses[0]
    listener = next(
        (
            entry for entry in plan.listeners
            if source.ref != INTERNET and entry.visibility.value != INTERNET and address in _outer_network(plan, entry)
        ),
        next((entry for entry in plan.listeners if entry.visibility.value == INTERNET), None),
    )  # fmt: skip
    vhosts = [vhost for vhost in plan.vhosts if vhost.site == site.ref]
    if listener is None:
        return Way((), f"this centre has no listener for {source.ref}")
    first = Leg(
        address, listener.address, "tcp", listener.port,
        f"{source.ref} asks the listener {listener.visibility} ({listener.address}:{listener.port})",
    )  # fmt: skip
    vhost = next((one for one in vhosts if one.visibility is listener.visibility), None)
    if vhost is None:
        others = ", ".join(sorted(f"the listener {one.visibility}" for one in vhosts)) or "no listener"
        return Way(
            (first,), f"the listener {listener.visibility} has no host name of {site.ref}; it is served by {others}"
        )
    return Way((first, _edge_leg(plan, vhost)))


def _edge_leg(plan: Plan, vhost: Vhost) -> Leg:
    edge = next(container for container in plan.containers if container.owner == EDGE)
    what = f"the edge asks {vhost.site} for {vhost.names[0]}"
    return Leg(edge.address(), vhost.upstream, "tcp", vhost.upstream_port, what)
