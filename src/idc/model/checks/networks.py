"""Checks of addresses: which may be a machine's, and which networks a flow may name."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address
from typing import Final

from idc.model.enums import Visibility
from idc.model.types import CentreSpec

# Ranges for networks of one's own: RFC 1918, RFC 6598 (shared), RFC 2544 (benchmarks: test centres).
PRIVATE: Final = tuple(
    IPv4Network(net) for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "198.18.0.0/15")
)
SHORTEST: Final = 8  # prefix length of the widest network that a flow may name: no administration has a wider one
# Addresses that no machine on a network has (RFC 6890).
_NOBODY: Final = {
    "unspecified": IPv4Network("0.0.0.0/8"),
    "loopback": IPv4Network("127.0.0.0/8"),
    "link-local": IPv4Network("169.254.0.0/16"),
    "multicast": IPv4Network("224.0.0.0/4"),
    "reserved": IPv4Network("240.0.0.0/4"),
}


def unusable(address: IPv4Address | IPv6Address) -> str:
    """What kind of address it is that no machine can be reached by, as one word; empty for a sound one."""
    if isinstance(address, IPv4Address):
        return next((kind for kind, network in _NOBODY.items() if address in network), "")
    if address.ipv4_mapped is not None:
        return "v4-mapped"
    kinds = ("is_unspecified", "is_loopback", "is_link_local", "is_multicast", "is_site_local")
    return next((kind.removeprefix("is_").replace("_", "-") for kind in kinds if getattr(address, kind)), "")


def no_prefix(network: IPv4Network) -> tuple[str, str] | None:
    """Why no centre can cut its segments from a network, as message and hint; None when it can."""
    if not any(network.subnet_of(private) for private in PRIVATE):
        return f"`{network}` is no private network", "as 10.64.0.0/13 (RFC 1918)"
    if not 8 <= network.prefixlen <= 20:
        message = f"`{network}` has {network.num_addresses:,} addresses; a prefix is a /8 to /20"
        return message, f"as {network.supernet(new_prefix=20)}" if network.prefixlen > 20 else "as 10.64.0.0/13"
    return None


def unsound(network: IPv4Network, centre: CentreSpec) -> tuple[str, str] | None:
    """Why a flow may not name a network, as message and hint; None when it may."""
    if network.prefixlen == 0:
        return f"`{network}` is everything", "name `internet`, or the network that is meant"
    if network.overlaps(centre.prefix):
        return f"`{network}` overlaps the prefix {centre.prefix}", "name it: tenant/ID/site/NAME, service/NAME"
    for kind, nobody in _NOBODY.items():
        if network.overlaps(nobody):
            return f"`{network}` holds {kind} addresses, and nobody has those", "name the network that is meant"
    if network.prefixlen < SHORTEST:
        message = f"`{network}` has {network.num_addresses:,} addresses: a flow names networks of /{SHORTEST} or longer"
        return message, "name the network that is meant"
    for name, host in centre.hosts.items():
        if host.address is not None and host.address in network:
            return f"`{network}` holds {host.address}, the host {name}", "a network without it; a host is host/NAME"
    for visibility, listener in centre.listeners.items():
        if listener.address.ip in network:
            message = f"`{network}` holds {listener.address.ip}, where the edge listens for the {visibility}"
            return message, f"a network without it, as {_without(network, listener.address.ip)}"
    return None


def public(network: IPv4Network, centre: CentreSpec) -> bool:
    """Whether the Internet (or some of it) is in a network."""
    internet = centre.listeners.get(Visibility.INTERNET)
    if internet is not None and network.overlaps(internet.address.network):
        return True
    return not any(network.subnet_of(private) for private in PRIVATE)


def _without(network: IPv4Network, address: IPv4Address) -> str:
    """The half of a network that an address is not in."""
    if network.prefixlen == 32:
        return "198.18.64.128/25"
    return str(next(half for half in network.subnets() if address not in half))
