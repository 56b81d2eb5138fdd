"""Closing: rule sets pushed to hosts at once, and the conntrack entries of what was closed deleted.

Opening is the firewall role's work. Closing must not wait for a whole role run, and is always allowed; the file it
writes is the one the role writes, so the role finds nothing to change afterwards. On the host ``closing_program``
compares the kernel with the file, whoever wrote it, and reads back what is loaded: a command that ended well proves
nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, summarize_address_range
from pathlib import Path
from typing import Any, Final

from idc import render
from idc.engine.hosts import Hosts
from idc.errors import EngineError
from idc.operate import closing_program
from idc.plan.types import Flow, Plan

DEADLINE: Final = 30.0  # seconds for one host
RULESET: Final = "/etc/idc/firewall/ruleset.nft"
PERMITS: Final = ("flows", "host_in", "host_out")  # the sets of a host's table that let packets pass

_PROGRAM: Final = Path(closing_program.__file__)


@dataclass(frozen=True)
class Order:
    """What one host is to load (nothing where ``plan`` is None), and which connections it is to end.

    ``record``: digest of what its roles have opened before and after, where this is all that changes.
    """

    plan: Plan | None = None
    cut: Sequence[Sequence[str]] = ()  # conntrack selections
    record: tuple[str, str] | None = None


@dataclass(frozen=True)
class Loaded:
    """What a host has loaded. ``elements`` is what its sets let pass, as nft lists it; only where it was asked for."""

    changed: bool
    cut: int  # connections ended
    elements: tuple[Any, ...] = ()


def of_flows(flows: Iterable[Flow]) -> list[list[str]]:
    """Conntrack selections (original direction) of closed flows."""
    return [
        [
            "-f", "ipv4", "-p", flow.protocol, "--orig-src", str(source.network_address),
            "--mask-src", str(source.netmask), "--orig-dst", str(destination.network_address),
            "--mask-dst", str(destination.netmask), "--dport", str(flow.port),
        ]
        for flow in flows
        for source in flow.source.networks
        for destination in flow.destination.networks
    ]  # fmt: skip


def of_networks(networks: Iterable[IPv4Network]) -> list[list[str]]:
    """Conntrack selections of every connection that begins or ends in these networks."""
    return [
        ["-f", "ipv4", f"--orig-{side}", str(network.network_address), f"--mask-{side}", str(network.netmask)]
        for network in networks
        for side in ("src", "dst")
    ]


def affected_hosts(flows: Iterable[Flow]) -> list[str]:
    """Hosts that filter the flows: on either side, and the edge that an egress leaves by. Sorted."""
    return sorted({host for flow in flows for host in flow.hosts})


def rulesets(hosts: Hosts, names: Sequence[str]) -> dict[str, str | EngineError]:
    """SHA-256 of the rule set that stands on each host. The engine is not asked: it may hang while packets pass."""
    found: dict[str, str | EngineError] = {}
    for name, answer in hosts.run_all(names, ["sha256sum", RULESET], deadline=DEADLINE).items():
        if isinstance(answer, EngineError):
            found[name] = answer
        else:
            found[name] = answer.text.partition(" ")[0]  # "" where there is no such file yet
    return found


def push(hosts: Hosts, orders: Mapping[str, Order], *, read: bool = False) -> dict[str, Loaded | EngineError]:
    """Have each host load its plan's rule set and end the connections; with ``read`` say what its kernel has loaded.

    An error stands in place of a host that was not reached or refused.
    """
    program = ["python3", "-c", _PROGRAM.read_text()]
    answers = hosts.run_each(
        {
            name: (
                program,
                json.dumps(
                    {
                        "ruleset": render.firewall(order.plan, name) if order.plan else None,
                        "cut": order.cut,
                        "record": order.record,
                        "read": PERMITS if read else (),
                    }
                ).encode(),
            )
            for name, order in orders.items()
        },
        deadline=DEADLINE,
    )
    found: dict[str, Loaded | EngineError] = {}
    for name, answer in answers.items():
        if isinstance(answer, EngineError):
            found[name] = answer
        elif not answer.ok:
            found[name] = EngineError(f"{name}: the flows could not be closed: {answer.words}", host=name)
        else:
            seen = json.loads(answer.stdout)
            elements = tuple(element for kept in seen["loaded"].values() for element in kept)
            found[name] = Loaded(bool(seen["changed"]), int(seen["cut"]), elements)
    return found


def still_open(elements: Iterable[Any], networks: Sequence[IPv4Network]) -> list[str]:
    """Those elements of loaded sets that name an address of these networks, in words. Pure."""
    return [
        json.dumps(element)
        for element in elements
        if any(mine.overlaps(network) for network in _networks(element) for mine in networks)
    ]


def _networks(element: Any) -> Iterator[IPv4Network]:
    """The addresses that an element of nft's JSON listing names, alone or as part of a concatenation.

    Raises EngineError for a form that is not known: what cannot be read is not closed.
    """
    if isinstance(element, dict) and "concat" in element:
        for part in element["concat"]:
            yield from _networks(part)
    elif isinstance(element, dict) and "elem" in element:
        yield from _networks(element["elem"]["val"])
    elif isinstance(element, dict) and "prefix" in element:
        yield IPv4Network(f"{element['prefix']['addr']}/{element['prefix']['len']}")
    elif isinstance(element, dict) and "range" in element:
        first, last = element["range"]
        if isinstance(first, str):  # else of ports
            yield from summarize_address_range(IPv4Address(first), IPv4Address(last))
    elif isinstance(element, str):
        with suppress(ValueError):  # a protocol or a link
            yield IPv4Network(element)
    elif not isinstance(element, int):
        raise EngineError(f"an element of a set of a form that is not known: {json.dumps(element)}")
