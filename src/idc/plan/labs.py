"""The lab of a centre: hosts realised as system containers on this machine, the networks between them, and people.

The uplink network is the prefix's last /24; a listener's network is the one of its address. In each, the address .200
belongs to the lab's person on that side: a citizen on the Internet's, an employee on the fabric's.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

from idc.plan.addresses import uplink
from idc.plan.labels import Entry, label
from idc.plan.types import Host, HostInterface, Interface, Plan

MACHINE: Final = "machine"  # the key of this machine's own engine in the lab stack's `hosts`
PEOPLE: Final = {HostInterface.INTERNET: "citizen", HostInterface.FABRIC: "employee"}
PERSON: Final = 200
MACHINE6: Final = 254


def lab_input(plan: Plan) -> Entry:
    """The lab stack's part of ``stacks.stack_input``."""
    hosts = [host for host in plan.hosts if host.is_lab]
    networks = [_network(plan, role, subnet, subnet6) for role, (subnet, subnet6) in _networks(plan).items()]
    return {
        "hosts": {MACHINE: {"docker_host": ""}},
        "networks": sorted(networks, key=lambda entry: str(entry["name"])),
        "volumes": [_volume(plan, host) for host in hosts],
        "lab_hosts": [_lab_host(plan, host) for host in hosts],
        "people": sorted(_people(plan), key=lambda entry: str(entry["name"])),
    }


def _label(plan: Plan, resource: str, entry: Entry, owner: str = "") -> Entry:
    return label(plan, "lab", resource, entry, owner=owner)


def _outer(plan: Plan) -> Iterator[Interface]:
    for host in plan.hosts:
        yield from (i for i in host.interfaces if i.role is not HostInterface.UPLINK)


def _networks(plan: Plan) -> dict[HostInterface, tuple[IPv4Network, IPv6Network | None]]:
    found: dict[HostInterface, tuple[IPv4Network, IPv6Network | None]] = {
        HostInterface.UPLINK: (uplink(plan.prefix), None)
    }
    for interface in _outer(plan):
        subnet6 = interface.address6.network if interface.address6 else None
        found[interface.role] = (interface.address.network, subnet6)
    return found


def machine_address(network: IPv4Network, taken: frozenset[IPv4Address]) -> IPv4Address:
    """Address of this machine on a lab network: the last one that no listener has."""
    number = int(network.broadcast_address) - 1
    while IPv4Address(number) in taken:
        number -= 1
    return IPv4Address(number)


def person_address(network: IPv4Network, taken: frozenset[IPv4Address]) -> IPv4Address:
    """Address of the lab's person on a listener's network: .200, or the nearest below that is free."""
    number = int(network.network_address) + min(PERSON, network.num_addresses - 3)
    while IPv4Address(number) in taken:
        number -= 1
    return IPv4Address(number)


def _taken(plan: Plan, role: HostInterface) -> frozenset[IPv4Address]:
    return frozenset(i.address.ip for host in plan.hosts for i in host.interfaces if i.role is role)


def _address6(plan: Plan, role: HostInterface, network: IPv6Network, wanted: int) -> IPv6Address:
    """The wanted address of a listener's IPv6 network, or the nearest below that no listener has."""
    taken = {i.address6.ip for host in plan.hosts for i in host.interfaces if i.role is role and i.address6}
    number = min(wanted, network.num_addresses - (2 if wanted == MACHINE6 else 3))
    while network[number] in taken:
        number -= 1
    return network[number]


def _network(plan: Plan, role: HostInterface, subnet: IPv4Network, subnet6: IPv6Network | None) -> Entry:
    name = f"{plan.slug}-{role.value}"
    inner = role is HostInterface.UPLINK
    entry = {
        "name": name,
        "role": role.value,
        "host": MACHINE,
        "subnet": str(subnet),
        "gateway": str(machine_address(subnet, _taken(plan, role))),
        "subnet6": str(subnet6) if subnet6 else None,
        "gateway6": str(_address6(plan, role, subnet6, MACHINE6)) if subnet6 else None,
        "inhibit_ipv4": inner,
        "masquerade": False,
        # Fifteen characters are all that Linux allows; the subnet makes it unique on this machine.
        "bridge": f"idc-{int(subnet.network_address):08x}",
    }
    return _label(plan, name, entry)


def _volume(plan: Plan, host: Host) -> Entry:
    entry = {"name": host.lab_name, "host": MACHINE, "purpose": "engine"}
    return _label(plan, host.lab_name, entry, owner=f"host/{host.name}")


def _lab_host(plan: Plan, host: Host) -> Entry:
    links = [
        {
            "network": f"{plan.slug}-{interface.role.value}",
            "role": interface.role.value,
            "ipv4": str(interface.address.ip),
            "ipv6": str(interface.address6.ip) if interface.address6 else None,
        }
        for interface in host.interfaces
    ]
    entry = {
        "name": host.name,
        "docker_name": host.lab_name,
        "hostname": host.name,
        "host": MACHINE,
        "image_id": plan.images.get("lab-host", ""),
        "links": links,
        "env": {"IDC_LINKS": ",".join(f"{i.address.ip}={i.name}" for i in host.interfaces)},
        "volume": host.lab_name,
        "volume_target": "/var/lib/docker",
    }
    return _label(plan, host.lab_name, entry, owner=f"host/{host.name}")


def _people(plan: Plan) -> Iterator[Entry]:
    for interface in _outer(plan):
        name = PEOPLE[interface.role]
        network = interface.address.network
        taken = _taken(plan, interface.role)
        ipv6 = _address6(plan, interface.role, interface.address6.network, PERSON) if interface.address6 else None
        entry = {
            "name": name,
            "docker_name": f"{plan.slug}-{name}",
            "host": MACHINE,
            "image_id": plan.images.get("client", ""),
            "network": f"{plan.slug}-{interface.role.value}",
            "ipv4": str(person_address(network, taken | {machine_address(network, taken)})),
            "ipv6": str(ipv6) if ipv6 else None,
        }
        yield _label(plan, f"{plan.slug}-{name}", entry, owner=interface.role.value)


def same(one: Entry, other: Entry) -> bool:
    """True when an entry is left as it is."""
    return bool(one["labels"]["idc.digest"] == other["labels"]["idc.digest"])


def difference(old: Entry, new: Entry) -> str:
    """Which keys of an entry differ."""
    return ", ".join(key for key in sorted({*old, *new}) if key != "labels" and old.get(key) != new.get(key))
