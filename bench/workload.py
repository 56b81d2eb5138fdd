"""What is measured: so many tenants, each with two networks and two containers, on this machine's own engine.

Every contender makes the same things with the same settings; only names and addresses differ, so that all can stand
side by side. The containers do nothing: what is measured is the tool, not the application.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Final

ENGINE: Final = "unix:///var/run/docker.sock"
LABEL: Final = "idc.bench"
# Benchmark range (RFC 2544): a /24 a tenant.
RANGE: Final = IPv4Network("198.19.0.0/16")
MEMORY: Final = 64 * 1024**2
PIDS: Final = 32  # the Docker provider cannot set it: idc does so after its stacks, OpenTofu leaves it out
# A shell that ends at once when it is told to: stopping is part of every tool's work, waiting for it is not.
COMMAND: Final = ("sh", "-c", "trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done")
HEALTHY: Final = ("true",)


@dataclass(frozen=True)
class Network:
    """One bridge with an explicit subnet."""

    name: str
    bridge: str
    subnet: IPv4Network


@dataclass(frozen=True)
class Container:
    """One hardened container at a fixed address."""

    name: str
    network: Network

    @property
    def address(self) -> str:
        """Its address: the third of the subnet."""
        return str(self.network.subnet[2])


@dataclass(frozen=True)
class Tenant:
    """A state of its own: two networks and two containers."""

    name: str
    networks: tuple[Network, Network]
    containers: tuple[Container, Container]


def tenants(contender: str, number: int, count: int) -> list[Tenant]:
    """The tenants of the ``number``-th contender (0-based), each in address space that no other uses."""
    return [_tenant(contender, number, index) for index in range(count)]


def _tenant(contender: str, number: int, index: int) -> Tenant:
    name = f"idc-bench-{contender}-t{index:02}"
    subnets: Iterator[IPv4Network] = list(RANGE.subnets(new_prefix=24))[number * 50 + index].subnets(new_prefix=28)
    web, data = (Network(f"{name}-{zone}", f"bb{number}{index:02}{zone[0]}", next(subnets)) for zone in ("web", "data"))
    return Tenant(name, (web, data), (Container(f"{name}-web", web), Container(f"{name}-data", data)))
