"""What the isolation proof says of each pair of a matrix: by its hosts, its flows and the packets that show a leak."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address
from typing import Literal

from idc.plan.types import Plan
from idc.proof import Proof
from idc.proof.verdict import Inclusion

Verdict = Literal["declared", "proven", "denied", "unknown", "broken"]
Pair = tuple[str, str]


@dataclass(frozen=True)
class Verdicts:
    """The verdict over each pair. Without a proof what is declared is only that, and nothing else is said."""

    plan: Plan
    proof: Proof | None = None

    @cached_property
    def unseen(self) -> frozenset[str]:
        """Hosts of which something is not understood; all of them where it is not said of which."""
        if self.proof is None:
            return frozenset()
        hosts = set(self.plan.host_by_name)
        found: set[str] = set()
        for what in self.proof.unknown:
            named = {host for host in hosts if what.where == host or what.where.startswith((f"{host}:", f"{host} "))}
            found |= named or hosts
        return frozenset(found)

    @cached_property
    def leaky(self) -> frozenset[str]:
        """Hosts that let something undeclared through: a packet shows one pair, and the rule may hold others."""
        broken = self.proof.violations if self.proof else ()
        return frozenset(one.where for one in broken if one.inclusion == "real in declared")

    @cached_property
    def unkept(self) -> frozenset[str]:
        """Flows that are declared and do not pass, or that the law forbids."""
        proof = self.proof
        return frozenset(broken.flow for broken in proof.violations if broken.flow) if proof else frozenset()

    def shown_by(self, inclusion: Inclusion) -> tuple[tuple[IPv4Address, IPv4Address], ...]:
        """Who opens to whom the connections whose packets show what is broken of one kind."""
        found = []
        for broken in self.proof.violations if self.proof else ():
            witness = broken.witness
            if broken.inclusion == inclusion and witness is not None and witness.packet.family == 4:
                last = witness.walks[-1].packet if witness.walks else witness.packet
                ends = IPv4Address(witness.packet.source), IPv4Address(last.destination)
                found.append((ends[1], ends[0]) if witness.packet.ct.reply else ends)
        return tuple(found)

    def of(self, flows: Iterable[str], hosts: tuple[frozenset[str], frozenset[str]], *, broken: bool) -> Verdict:
        """Of one pair with the flows that declare it, and the hosts of its source and of its destination.

        What is declared is proven where all of its hosts are. What is not is denied where all of one side are: each
        host keeps its own contract, so that one of the two is enough to stop a packet.
        """
        declared = tuple(flows)
        if broken or any(flow in self.unkept for flow in declared):
            return "broken"
        if self.proof is None:
            return "declared" if declared else "denied"
        source, destination = (side & self.unseen for side in hosts)
        if declared:
            return "unknown" if source or destination else "proven"
        known = (bool(side) and not side & (self.unseen | self.leaky) for side in hosts)
        return "denied" if any(known) else "unknown"
