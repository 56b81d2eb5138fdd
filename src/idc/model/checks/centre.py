"""Checks of ``centre.yaml``: profile and fabric, addresses, hosts, services, listeners, the place of backups."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Interface, IPv6Interface
from typing import Final

from idc.model.checks import networks
from idc.model.checks.scope import Scope
from idc.model.enums import SERVICE_ZONE, Service, Visibility, Zone
from idc.model.folder import CENTRE_FILE
from idc.model.profiles import Isolation
from idc.model.text import did_you_mean
from idc.model.types import CentreSpec

#: Without these a centre serves nobody, or loses what it serves.
REQUIRED: Final = (Service.EDGE, Service.BACKUP)
INTERNET: Final = "internet"
#: Names that stand for something else: this machine, a lab's hosts as a whole, the platform's stack, a fabric.
RESERVED: Final = frozenset({"machine", "localhost", "lab", "platform", "internet"})


def run(scope: Scope, centre: CentreSpec) -> None:
    """All of them."""
    _fabric(scope, centre)
    _prefix(scope, centre)
    _hosts(scope, centre)
    _services(scope, centre)
    _listeners(scope, centre)
    _backup_location(scope, centre)
    names = [centre.domain, *centre.domains]
    for index, name in enumerate(centre.domains):
        if name in names[: index + 1]:
            scope.add(CENTRE_FILE, ("domains", index), f"the domain `{name}` is given twice", "keep one")


def _fabric(scope: Scope, centre: CentreSpec) -> None:
    profile = scope.profile
    if profile is None:
        return
    law = profile.fabrics.get(centre.fabric)
    if law is None:
        hint = did_you_mean(centre.fabric, profile.managed, what="fabrics to manage")
        scope.add(CENTRE_FILE, ("fabric",), f"the profile {profile.name} has no fabric `{centre.fabric}`", hint)
    elif not law.managed:
        message = f"`{centre.fabric}` is known to the profile {profile.name}, but never managed from here"
        scope.add(CENTRE_FILE, ("fabric",), message, f"fabrics to manage: {', '.join(profile.managed)}")


def _prefix(scope: Scope, centre: CentreSpec) -> None:
    if wrong := networks.no_prefix(centre.prefix):
        scope.add(CENTRE_FILE, ("prefix",), *wrong)


def _hosts(scope: Scope, centre: CentreSpec) -> None:
    if not centre.hosts:
        scope.add(CENTRE_FILE, ("hosts",), "there is no host", "at least an edge, a web and a backup host", key=True)
    seen: dict[object, str] = {}
    for name, host in centre.hosts.items():
        for index, zone in enumerate(host.zones):
            if zone in host.zones[:index]:
                scope.add(CENTRE_FILE, ("hosts", name, "zones", index), f"the zone `{zone}` is given twice", "keep one")
        if name in RESERVED:
            message = f"`{name}` is no name for a host: idc or the system uses it"
            scope.add(CENTRE_FILE, ("hosts", name), message, f"as {name}-1", key=True)
        if host.address is None:
            continue
        path = ("hosts", name, "address")
        if kind := networks.unusable(host.address):
            message = f"`{host.address}` is a {kind} address, by which no machine is reached"
            scope.add(CENTRE_FILE, path, message, "as 192.0.2.10")
        if (other := seen.setdefault(host.address, name)) != name:
            place = scope.place(CENTRE_FILE, "hosts", other, "address")
            message = f"`{host.address}` is also the address of {other} ({place.at})"
            scope.add(CENTRE_FILE, path, message, "each host has an address of its own")
        elif host.address in centre.prefix:
            message = f"`{host.address}` lies in the prefix {centre.prefix}, from which segments are cut"
            scope.add(CENTRE_FILE, path, message, "the uplinks' network lies outside the prefix")
    if centre.hosts and not any(Zone.MANAGEMENT in host.zones for host in centre.hosts.values()):
        message = "no host offers the zone `management`, from which all hosts are run"
        scope.add(CENTRE_FILE, ("hosts",), message, "add `management` to the zones of one host", key=True)


def _services(scope: Scope, centre: CentreSpec) -> None:
    for service in REQUIRED:
        if not centre.services.get(service):
            zone = SERVICE_ZONE[service]
            able = [name for name, host in centre.hosts.items() if zone in host.zones]
            hint = f"`{service}: [{able[0]}]`" if able else f"a host with the zone `{zone}`, and it under `{service}:`"
            where: tuple[str, ...] = ("services", service.value) if service in centre.services else ("services",)
            scope.add(CENTRE_FILE, where, f"no host offers the service `{service}`", hint, key=True)
    for service, hosts in centre.services.items():
        zone = SERVICE_ZONE[service]
        for index, name in enumerate(hosts):
            path = ("services", service.value, index)
            host = centre.hosts.get(name)
            if host is None and centre.hosts:
                hint = did_you_mean(name, centre.hosts, what="hosts")
                scope.add(CENTRE_FILE, path, f"the service `{service}` names an unknown host `{name}`", hint)
            elif host is not None and zone not in host.zones:
                message = f"the service `{service}` belongs to the zone `{zone}`, which {name} does not offer"
                able = [other for other, spec in centre.hosts.items() if zone in spec.zones]
                add = f"add `{zone}` to its zones at {scope.place(CENTRE_FILE, 'hosts', name, 'zones').at}"
                scope.add(CENTRE_FILE, path, message, f"one of {', '.join(able)}, or {add}" if able else add)
            if name in hosts[:index]:
                scope.add(CENTRE_FILE, path, f"the host `{name}` is given twice", "keep one")
            elif service is Service.EDGE and index:
                message = f"the edge stands on one host so far: `{name}` would not be used"
                scope.add(CENTRE_FILE, path, message, f"`edge: [{hosts[0]}]`")


def _listeners(scope: Scope, centre: CentreSpec) -> None:
    if not centre.listeners:
        hint = "listeners: {fabric: {address: 198.18.64.10/24}}"
        scope.add(CENTRE_FILE, ("listeners",), "there is no listener: nobody could reach a site", hint, key=True)
    if Visibility.INTERNET in centre.listeners and scope.profile and centre.fabric in scope.profile.managed:
        law = scope.profile.isolation(INTERNET, centre.fabric)
        if law is not Isolation.LOGICAL:
            rule = scope.profile.pair(INTERNET, centre.fabric)
            why = f": {rule.why}" if rule else ""
            message = f"a listener to the Internet, but the isolation of internet and {centre.fabric} is {law}{why}"
            scope.add(CENTRE_FILE, ("listeners", "internet"), message, "take the listener out", key=True)
    taken: list[tuple[str, IPv4Interface | IPv6Interface, tuple[str, ...]]] = []
    _interfaces(scope, centre)
    for key, interface, path in _listener_addresses(centre):
        if kind := networks.unusable(interface.ip):
            message = f"`{interface.ip}` is a {kind} address, where nobody could call"
            scope.add(CENTRE_FILE, path, message, "an address of the edge on that network")
        if isinstance(interface, IPv4Interface) and interface.network.overlaps(centre.prefix):
            place = scope.place(CENTRE_FILE, "prefix")
            message = f"the listener's network {interface.network} overlaps the prefix {centre.prefix} ({place.at})"
            scope.add(CENTRE_FILE, path, message, "listeners stand on networks outside the prefix")
        for other, before, earlier in taken:
            same_version = interface.version == before.version
            if other != key and same_version and interface.network.overlaps(before.network):
                place = scope.place(CENTRE_FILE, *earlier)
                message = f"{interface.network} overlaps {before.network} of the listener `{other}` ({place.at})"
                scope.add(CENTRE_FILE, path, message, "the Internet and the fabric's users are two networks")
        taken.append((key, interface, path))
        for name, host in centre.hosts.items():
            if host.address is None or host.address not in interface.network:
                continue
            place = scope.place(CENTRE_FILE, "hosts", name, "address")
            message, hint = f"`{interface.ip}` is also the address of", "a listener has an address of its own"
            if host.address != interface.ip:
                message = f"`{interface.network}` holds {host.address},"
                hint = "hosts stand on a network apart from those who call the edge"
            scope.add(CENTRE_FILE, path, f"{message} the host {name} ({place.at})", hint)


def _interfaces(scope: Scope, centre: CentreSpec) -> None:
    """Each listener has an interface to itself: what comes in there is known by it."""
    hosts = [centre.hosts[name] for name in centre.services.get(Service.EDGE, ()) if name in centre.hosts]
    taken = {host.interface: "uplink of the edge" for host in hosts if host.address is not None}
    for visibility, listener in centre.listeners.items():
        name, path = listener.interface, ("listeners", visibility.value, "interface")
        if name in ("lo", "uplink") or name.startswith(("br-", "docker", "veth")):
            message = f"`{name}` is no interface of a network outside"
            scope.add(CENTRE_FILE, path, message, "the host's own interface on that network, as eth1")
        elif name and name in taken:
            message = f"`{name}` is also the interface of the {taken[name]}"
            scope.add(CENTRE_FILE, path, message, "each has one of its own")
        taken[name] = f"listener `{visibility.value}`"


def _listener_addresses(
    centre: CentreSpec,
) -> Iterator[tuple[str, IPv4Interface | IPv6Interface, tuple[str, ...]]]:
    for visibility, listener in centre.listeners.items():
        key = visibility.value
        yield key, listener.address, ("listeners", key, "address")
        if listener.address6 is not None:
            yield key, listener.address6, ("listeners", key, "address6")


def _backup_location(scope: Scope, centre: CentreSpec) -> None:
    backup = [name for name in centre.services.get(Service.BACKUP, ()) if name in centre.hosts]
    if not backup:
        return
    locations = {centre.hosts[name].location for name in backup}
    for name, host in centre.hosts.items():
        keeps = {Zone.WEB, Zone.DATA} & set(host.zones)
        if keeps and locations <= {host.location}:
            place = scope.place(CENTRE_FILE, "hosts", name, "location")
            message = f"backups of {name} would lie in its own location, {host.location} ({place.at})"
            hint = "the service `backup` needs a host in another location: both are lost together otherwise"
            scope.add(CENTRE_FILE, ("services", "backup"), message, hint)
