"""What stands on an engine otherwise than its stack has made it: told from the stack's state and its input. Pure.

A container or network cannot be changed once it is made, but for what is looked at here: another thing under its name
has another id, a container may be put on other networks and be given other limits. Pulumi reads none of this before it
runs, and a container's networks not even when it refreshes. All else is told by the id alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

Networks = Mapping[str, tuple[str, str]]  # of a container: network's name -> its id and the container's fixed address

_BRIDGE: Final = "com.docker.network.bridge"
_TYPES: Final = frozenset(f"docker:index/{kind}:{kind.title()}" for kind in ("container", "network", "volume"))


def made(document: Mapping[str, Any]) -> frozenset[str]:
    """Ids of the containers, networks and volumes that a Pulumi checkpoint knows (a volume's id is its name)."""
    latest: Mapping[str, Any] = document["checkpoint"].get("latest") or {}
    return frozenset(
        str(entry["id"]) for entry in latest.get("resources") or () if entry.get("type") in _TYPES and entry.get("id")
    )


def networks_of(raw: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """A container's networks, from the engine's listing or its ``inspect``; a stopped one still has its addresses."""
    attached = (raw.get("NetworkSettings") or {}).get("Networks") or {}
    return {
        name: (entry.get("NetworkID") or "", (entry.get("IPAMConfig") or {}).get("IPv4Address") or "")
        for name, entry in attached.items()
    }


def astray(planned: Mapping[str, Any], networks: Networks, there: Mapping[str, str]) -> str:
    """In words how a container is not on its own network alone; nothing where it is.

    ``planned`` is its entry in the stack's input; ``there`` are the host's networks: name -> id.
    """
    own = planned["network"]
    if own not in networks:
        return f"is not on its network {own}"
    if others := sorted(set(networks) - {own}):
        return f"is also on {', '.join(others)}"
    number, address = networks[own]
    if number and number != there.get(own):
        return f"hangs on a network {own} that is gone"
    return f"has the address {address}, not {planned['ipv4']}" if address != planned["ipv4"] else ""


def limited(planned: Mapping[str, Any], limits: Mapping[str, Any]) -> bool:
    """Whether a container still has the limits that it was given; ``limits`` as the host's facts have them."""
    return dict(limits) == {
        "memory": planned["memory"],
        "nano_cpus": round(planned["cpus"] * 1e9),
        "pids": planned["pids"],
        "restart": planned["restart"],
    }


def as_planned(planned: Mapping[str, Any], raw: Mapping[str, Any]) -> bool:
    """Whether a network, as the engine inspects it, is what a stack's input says: what is not cannot be taken over."""
    options = raw.get("Options") or {}
    pools = {(pool.get("Subnet"), pool.get("Gateway")) for pool in (raw.get("IPAM") or {}).get("Config") or ()}
    six = {(planned["subnet6"], planned["gateway6"])} if planned["subnet6"] else set()
    flags = [options.get(f"{_BRIDGE}.{name}") == "true" for name in ("enable_ip_masquerade", "inhibit_ipv4")]
    return (
        raw.get("Driver") == "bridge"
        and not raw.get("Internal")
        and options.get(f"{_BRIDGE}.name") == planned["bridge"]
        and pools == {(planned["subnet"], planned["gateway"])} | six
        and flags == [planned.get("masquerade", False), planned.get("inhibit_ipv4", False)]
    )
