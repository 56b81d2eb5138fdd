"""What a proof says: what was looked at, what is broken (each with a packet), and what could not be judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from idc.proof.forwarding import NotUnderstood
from idc.proof.walk import Packet, Walk

Inclusion = Literal["declared in law", "real in declared", "declared in real"]


@dataclass(frozen=True)
class Witness:
    """One concrete packet, and its way through the hosts, as the interpreter of single packets walked it."""

    packet: Packet
    walks: tuple[Walk, ...]

    @property
    def passes(self) -> bool:
        """Whether the first host, whose rules are judged, lets it through."""
        return self.walks[0].passed

    @property
    def arrives(self) -> bool:
        """Whether every host on its way lets it through."""
        return all(walk.passed for walk in self.walks)

    @property
    def lines(self) -> tuple[str, ...]:
        """The packet and its hops, for people."""
        return (str(self.packet), *(str(hop) for walk in self.walks for hop in walk.hops))


@dataclass(frozen=True)
class Violation:
    """Something that is broken. Of a broken law the witness is what is declared, of the others also a packet."""

    inclusion: Inclusion
    where: str  # host, or reference
    what: str
    rule: str = ""  # of the law or of the rule set
    flow: str = ""
    witness: Witness | None = None

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}"
        return text + "".join(f"\n  {line}" for line in self.witness.lines) if self.witness else text


@dataclass(frozen=True)
class Proof:
    """The verdict over one fabric."""

    violations: tuple[Violation, ...]
    unknown: tuple[NotUnderstood, ...]
    looked_at: Mapping[str, int]
    assumptions: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """True only when nothing is broken and nothing unknown."""
        return not self.violations and not self.unknown

    @property
    def verdict(self) -> Literal["holds", "broken", "unknown"]:
        """In one word. What is broken is so whatever else is unknown."""
        return "broken" if self.violations else "unknown" if self.unknown else "holds"

    def beside(self, other: Proof) -> Proof:
        """Both proofs as one: it holds where both hold."""
        counts = dict(self.looked_at)
        for what, count in other.looked_at.items():
            counts[what] = counts.get(what, 0) + count
        notes = tuple(dict.fromkeys((*self.assumptions, *other.assumptions)))
        return Proof((*self.violations, *other.violations), (*self.unknown, *other.unknown), counts, notes)

    @property
    def summary(self) -> str:
        """What was looked at, and the outcome."""
        seen = ", ".join(f"{count:,} {what}" for what, count in self.looked_at.items())
        return f"{self.verdict}: {len(self.violations)} broken, {len(self.unknown)} unknown; looked at {seen}"
