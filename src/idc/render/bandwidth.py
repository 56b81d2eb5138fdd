"""A host's HTB classes (templates/bandwidth/bandwidth.j2): a batch for tc that idc-bandwidth applies per link.

A tenant has one class for what it sends and one for what it is sent, wherever that passes. On the uplink its class has
its guaranteed rate and its limit, below one class with the uplink's rate: what is not used is lent in proportion to the
rates. What has several ways is gathered on an IFB device, in whose queue it stands until it goes on to the link that it
was on its way to: ``idc-in`` gathers what goes to all bridges of the tenants, ``idc-out`` what leaves by the uplink and
by the links that stand beside it (a service's bridge, a network outside). What goes between two segments of the same
tenant on one host is not counted, and between two tenants on one host it is counted once, for who is sent it. Only IPv4
is counted: a tenant's segments have nothing else.

Classes are chosen by the packet rules (`meta priority`); tc's filters send to the two devices and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Final

from idc.plan.types import Bandwidth, Host, Plan
from idc.render.env import render

TEMPLATE = "bandwidth/bandwidth.j2"

WHOLE = 0xFFFF  # minor number of the class that is the whole uplink
DEFAULT = 0xFFFE  # minor number of what has no tenant
LOCAL = 10**10  # bit/s of what has no tenant, on an IFB: no limit that matters
PACKET = 1514  # bytes of a full Ethernet frame
QUEUE_SECONDS = 0.1  # a queue holds what its limit sends in this time
INBOUND: Final = "idc-in"
OUTBOUND: Final = "idc-out"
EVERYBODY: Final = IPv4Network("0.0.0.0/0")


@dataclass(frozen=True)
class Shape:
    """Guaranteed and limiting rate of a class, bit/s."""

    rate: int
    ceil: int

    def words(self) -> str:
        """Arguments of tc. Bursts of 10 ms (at least ten packets) keep HTB exact where the clock is coarse.

        The quantum is what a class sends in its turn when it borrows: in proportion to its rate, within the bounds that
        HTB takes without a warning.
        """
        quantum = min(max(self.rate // 8 // 200, PACKET), 60_000)
        bursts = f"burst {_burst(self.rate)} cburst {_burst(self.ceil)}"
        return f"rate {self.rate}bit ceil {self.ceil}bit {bursts} quantum {quantum}"

    @property
    def queue(self) -> int:
        """Packets that the class's queue holds."""
        return min(max(int(self.ceil / 8 * QUEUE_SECONDS / PACKET), 32), 1000)


@dataclass(frozen=True)
class Share:
    """A tenant's class on one link."""

    tenant: str
    minor: str  # hexadecimal, as tc writes it
    shape: Shape


@dataclass(frozen=True)
class Tree:
    """The classes of one link: the tenants' below one that is the whole uplink, and that of all the rest."""

    link: str
    about: str
    rest: Shape
    beside: bool  # the rest is not part of the whole
    shares: tuple[Share, ...]


@dataclass(frozen=True)
class Redirect:
    """What leaves by a link from a source: gathered on a device, or (``device`` is empty) left alone."""

    source: IPv4Network
    device: str


def bandwidth(plan: Plan, host: str) -> str:
    """The bandwidth file of one host.

    Raises ValueError when a class number is not one that a tenant can have.
    """
    machine = plan.host_by_name[host]
    return render(
        TEMPLATE,
        host=machine,
        plan_id=plan.id,
        whole=f"{WHOLE:x}",
        default=f"{DEFAULT:x}",
        link=Shape(machine.uplink, machine.uplink),
        trees=_trees(plan, machine),
        redirects=redirects(plan, host),
    )


def redirects(plan: Plan, host: str) -> Mapping[str, tuple[Redirect, ...]]:
    """What is gathered from which link, in the order in which it is asked; the first that matches decides."""
    machine, shares = plan.host_by_name[host], _shares(plan, host)
    found: dict[str, tuple[Redirect, ...]] = {}
    if not shares:
        return found
    beside = _beside(plan, machine)
    for link in (machine.uplink_interface.name, *beside) if beside else ():
        found[link] = tuple(Redirect(block, OUTBOUND) for block in sorted(machine.blocks))
    for share in shares:
        own = tuple(Redirect(network, "") for network in sorted(share.networks))
        for bridge in sorted(share.bridges):
            found[bridge] = (*own, Redirect(EVERYBODY, INBOUND))
    return found


def outbound_link(plan: Plan, host: str) -> str:
    """The link whose classes hold all that a tenant of this host sends."""
    machine = plan.host_by_name[host]
    return OUTBOUND if _beside(plan, machine) else machine.uplink_interface.name


def _beside(plan: Plan, host: Host) -> list[str]:
    """Links by which a tenant's packets may leave it beside the uplink: services' bridges and networks outside."""
    bridges = [segment.bridge for segment in plan.segments if segment.host == host.name and not segment.tenant]
    uplink = host.uplink_interface.name
    return sorted([*bridges, *(interface.name for interface in host.interfaces if interface.name != uplink)])


def _shares(plan: Plan, host: str) -> list[Bandwidth]:
    return sorted((share for share in plan.bandwidth if share.host == host), key=lambda share: share.class_id)


def _trees(plan: Plan, host: Host) -> list[Tree]:
    shares = []
    for share in _shares(plan, host.name):
        if not 0 < share.class_id < DEFAULT:
            raise ValueError(f"{share.tenant}: {share.class_id} is no HTB class number of a tenant")
        shares.append(Share(share.tenant, f"{share.class_id:x}", Shape(share.rate, min(share.ceil, host.uplink))))
    rest = Shape(max(host.uplink // 50, 8 * PACKET), host.uplink)
    local = Shape(LOCAL, LOCAL)
    trees = [Tree(host.uplink_interface.name, "what leaves by the uplink", rest, False, tuple(shares))]
    if shares and _beside(plan, host):
        trees.append(Tree(OUTBOUND, "all that a tenant sends, by whatever link", local, True, tuple(shares)))
    if shares:
        trees.append(
            Tree(INBOUND, "all that a tenant is sent, to whichever of its bridges", local, True, tuple(shares))
        )
    return trees


def _burst(rate: int) -> int:
    return max(rate // 8 // 100, 10 * PACKET)
