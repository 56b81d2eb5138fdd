"""A host's HTB classes (templates/bandwidth/bandwidth.j2): a batch for tc that idc-bandwidth applies per link.

On the uplink each tenant has a class with its guaranteed rate and its limit, below one class with the uplink's rate:
what is not used is lent in proportion to the rates. Towards the tenant its bridge has the same limit for what comes
over the uplink. Classes are chosen by the packet rules (`meta priority`), never by tc filters.
"""

from __future__ import annotations

from dataclasses import dataclass

from idc.plan.types import Plan
from idc.render.env import render

TEMPLATE = "bandwidth/bandwidth.j2"

WHOLE = 0xFFFF  # minor number of the class that is the whole uplink
DEFAULT = 0xFFFE  # minor number of what has no tenant
LOCAL = 10**10  # bit/s between two bridges of one host: no limit that matters
PACKET = 1514  # bytes of a full Ethernet frame
QUEUE_SECONDS = 0.1  # a queue holds what its limit sends in this time


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
    """A tenant's classes on one host."""

    tenant: str
    minor: str  # hexadecimal, as tc writes it
    out: Shape
    into: Shape
    bridges: tuple[str, ...]


def bandwidth(plan: Plan, host: str) -> str:
    """The bandwidth file of one host.

    Raises ValueError when a class number is not one that a tenant can have.
    """
    machine = plan.host_by_name[host]
    shares = []
    for share in sorted((s for s in plan.bandwidth if s.host == host), key=lambda s: s.class_id):
        if not 0 < share.class_id < DEFAULT:
            raise ValueError(f"{share.tenant}: {share.class_id} is no HTB class number of a tenant")
        out = Shape(share.rate, min(share.ceil, machine.uplink))
        into = Shape(out.ceil, out.ceil)
        shares.append(Share(share.tenant, f"{share.class_id:x}", out, into, tuple(sorted(share.bridges))))
    return render(
        TEMPLATE,
        host=machine,
        plan_id=plan.id,
        uplink=machine.uplink_interface.name,
        whole=f"{WHOLE:x}",
        default=f"{DEFAULT:x}",
        link=Shape(machine.uplink, machine.uplink),
        rest=Shape(max(machine.uplink // 50, 8 * PACKET), machine.uplink),
        local=Shape(LOCAL, LOCAL),
        shares=shares,
    )


def _burst(rate: int) -> int:
    return max(rate // 8 // 100, 10 * PACKET)
