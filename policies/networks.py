"""Family ``networks``: a segment is one plain bridge with its own addresses, and a container is in one segment."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

from idc.policy import CONTAINER, NETWORK, Resource, View, policy

OPTION: Final = "com.docker.network.bridge."
OPTIONS: Final = frozenset({f"{OPTION}name", f"{OPTION}enable_ip_masquerade", f"{OPTION}inhibit_ipv4"})
ZONES_WITH_IPV6: Final = frozenset({"edge"})
_ATTACHED: Final = frozenset({"name", "ipv4Address", "ipv6Address", "aliases"})
UNIQUE_LOCAL: Final = IPv6Network("fd00::/8")


@policy(
    "networks.one-segment", "A container is in one segment, at a fixed address of it",
    severity="critical", controls=["8.1.3.1 a", "8.2.3.1 b"],
)  # fmt: skip
def one_segment(container: Resource, view: View) -> Iterator[str]:
    """A second network joins two segments behind the firewall's back; another's segment joins two owners."""
    given = container.entries("networksAdvanced")
    if len(given) != 1:
        yield f"is in {len(given)} networks"
    for network in given:
        for key in sorted(key for key, value in network.items() if value and key not in _ATTACHED):
            yield f"is attached with {key}, which no policy knows"
        name = str(network.get("name") or "")
        made = view.named(NETWORK, container.stack, name)
        if not made or {each.owner for each in made} != {container.owner}:
            yield f"is in network {name!r}, which is not its owner's"
            continue
        subnets = [subnet for each in made for subnet in _subnets(each)]
        for key, wanted in (("ipv4Address", IPv4Network), ("ipv6Address", IPv6Network)):
            text = str(network.get(key) or "")
            if not text and wanted is IPv6Network:
                continue
            if not any(isinstance(subnet, wanted) and _inside(text, subnet) for subnet in subnets):
                yield f"has {text or 'no fixed address'}, not one of a container in segment {name}"


@policy(
    "networks.bridge", "A segment is a plain bridge that nothing else can join",
    severity="critical", controls=["8.1.2.1 d", "8.1.3.1 b"], over=[NETWORK],
)  # fmt: skip
def plain_bridge(network: Resource, view: View) -> Iterator[str]:
    """No overlay, macvlan or host driver, nothing attachable, no ingress; ``internal`` takes the route away."""
    if network.text("driver") != "bridge":
        yield f"has driver {network.text('driver') or 'unset'!r}"
    for flag in ("attachable", "ingress", "internal"):
        if network.props.get(flag) not in (None, False):
            yield f"is {flag}"


@policy(
    "networks.options", "The engine translates no address and adds no way of its own",
    severity="critical", controls=["8.1.3.2 a", "8.1.3.2 c"], over=[NETWORK],
)  # fmt: skip
def no_translation(network: Resource, view: View) -> Iterator[str]:
    """Masquerading hides who speaks from every rule behind it; its default is on, so that unset is refused."""
    options = network.props.get("options") or {}
    if str(options.get(f"{OPTION}enable_ip_masquerade")) != "false":
        yield "lets the engine masquerade"
    if str(options.get(f"{OPTION}inhibit_ipv4")) != "false":
        yield "has no address of its host, so that nothing is routed"
    for name in sorted(set(options) - OPTIONS):
        yield f"has option {name}, which no policy knows"
    if network.props.get("ipamDriver") not in (None, "", "default") or network.props.get("ipamOptions"):
        yield "takes its addresses from elsewhere"


@policy(
    "networks.prefix", "A segment lies inside the centre's addresses",
    severity="high", controls=["8.1.2.1 d"], over=[NETWORK],
)  # fmt: skip
def inside_prefix(network: Resource, view: View) -> Iterator[str]:
    """An explicit subnet below the prefix, its host at the first address, its bridge named after it."""
    subnets = [subnet for subnet in _subnets(network) if isinstance(subnet, IPv4Network)]
    if len(subnets) != 1 or len(network.entries("ipamConfigs")) != len(_subnets(network)):
        yield "has no explicit subnet, or several"
    for subnet in subnets:
        if view.prefix is None or not subnet.subnet_of(view.prefix):
            yield f"has subnet {subnet}, not inside {view.prefix or 'a prefix that is known'}"
        bridge = str((network.props.get("options") or {}).get(f"{OPTION}name"))
        if bridge != f"br-{int(subnet.network_address):08x}":
            yield f"has bridge {bridge!r}, which is not that of {subnet}: the firewall knows it by that name"
    for config in network.entries("ipamConfigs"):
        if any(config.get(name) for name in ("ipRange", "auxAddress")):
            yield "sets addresses apart that no plan knows"
        subnet_of = _network(config.get("subnet"))
        if subnet_of is None or str(config.get("gateway")) != str(subnet_of[1]):
            yield f"has gateway {config.get('gateway')}, not the first address of its subnet"


@policy(
    "networks.overlap", "No two segments share an address",
    severity="critical", controls=["8.1.2.1 d", "8.2.2.1 b"], over=[NETWORK],
)  # fmt: skip
def no_overlap(network: Resource, view: View) -> Iterator[str]:
    """Across all stacks that are judged together: hosts route each other's segments."""
    for other in view.derive(_overlapping).get((network.stack, network.name), ()):
        yield f"has addresses of {other}"


@policy(
    "networks.ipv6", "IPv6 is where it was planned, and nowhere else",
    severity="high", controls=["8.1.3.2 a"], over=[NETWORK],
)  # fmt: skip
def planned_ipv6(network: Resource, view: View) -> Iterator[str]:
    """Inside the centre there is none; the edge's listeners have local addresses of their own."""
    six = [subnet for subnet in _subnets(network) if isinstance(subnet, IPv6Network)]
    flag = network.props.get("ipv6")
    if bool(flag) != bool(six):
        yield f"has ipv6 {flag!r} and {len(six)} IPv6 subnets"
    if (flag or six) and network.labels.get("idc.zone") not in ZONES_WITH_IPV6:
        yield f"has IPv6 in zone {network.labels.get('idc.zone')!r}"
    for subnet in six:
        if not subnet.subnet_of(UNIQUE_LOCAL):
            yield f"has {subnet}, which is not a local address"


@policy(
    "networks.sibling", "No two containers have one address",
    severity="critical", controls=["8.1.3.1 a", "8.2.2.1 b"],
)  # fmt: skip
def own_address(container: Resource, view: View) -> Iterator[str]:
    """Rules know a container by its address: with a sibling's it has the sibling's rights."""
    by_address = view.derive(_addressed)
    for address in _addresses(container):
        for other in sorted(by_address[address] - {f"{container.name} of stack {container.stack}"}):
            yield f"has address {address}, and so has {other}"


def _addresses(container: Resource) -> set[str]:
    given = container.entries("networksAdvanced")
    return {str(each.get(key)) for each in given for key in ("ipv4Address", "ipv6Address") if each.get(key)}


def _addressed(view: View) -> dict[str, set[str]]:
    """Address -> the containers that have it."""
    found: dict[str, set[str]] = {}
    for container in view.of(CONTAINER):
        for address in _addresses(container):
            found.setdefault(address, set()).add(f"{container.name} of stack {container.stack}")
    return found


def _network(text: object) -> IPv4Network | IPv6Network | None:
    return _parsed(str(text))


@lru_cache(maxsize=1 << 16)  # four rules ask for each subnet of what may be 10,000 tenants
def _parsed(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text)
    except ValueError:
        return None


def _subnets(network: Resource) -> list[IPv4Network | IPv6Network]:
    found = (_network(config.get("subnet")) for config in network.entries("ipamConfigs"))
    return [subnet for subnet in found if subnet is not None]


def _inside(text: str, subnet: IPv4Network | IPv6Network) -> bool:
    """A host's address of the subnet: not the network's, the gateway's or the broadcast's."""
    if not re.fullmatch(r"[0-9a-f.:]+", text):
        return False
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return address in subnet and address not in (subnet[0], subnet[1], subnet[-1])


def _overlapping(view: View) -> dict[tuple[str, str], set[str]]:
    """Network -> those it shares addresses with. One pass in order: a centre may have many thousands."""
    spans = sorted(
        (subnet.version, int(subnet[0]), int(subnet[-1]), network.stack, network.name)
        for network in view.of(NETWORK)
        for subnet in _subnets(network)
    )
    found: dict[tuple[str, str], set[str]] = {}
    reaching: list[tuple[int, int, int, str, str]] = []  # spans that may still reach the next one
    for span in spans:
        version, first, _, stack, name = span
        reaching = [other for other in reaching if other[0] == version and other[2] >= first]
        for other in reaching:
            found.setdefault((stack, name), set()).add(other[4])
            found.setdefault((other[3], other[4]), set()).add(name)
        reaching.append(span)
    return found
