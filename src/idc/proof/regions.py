"""What whole sets of packets meet in a chain: the rules' boxes, and chains run over boxes rather than one packet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from idc.proof.fields import Family, Field
from idc.proof.forwarding import Chain, Hook, HostForwarding, Rule, Table, Verdict
from idc.proof.space import Boxes

Mode = Literal["may", "must"]  # what could pass if every doubtful condition let it; what passes in any case
_DEEPEST: Final = 16  # jumps within jumps, as in the kernel


@dataclass(frozen=True)
class Ran:
    """A set of packets after a chain."""

    accepted: Boxes
    dropped: tuple[tuple[Boxes, Rule | None], ...]  # with the rule that dropped them; None: the policy
    rest: Boxes  # what the chain did not decide
    translated: tuple[tuple[Boxes, Verdict], ...] = ()


@dataclass
class Regions:
    """A host's rules as boxes, each made once."""

    host: HostForwarding
    _boxes: dict[tuple[int, Family], Boxes] = field(default_factory=dict)

    def of(self, rule: Rule, family: Family) -> Boxes:
        """The packets that a rule matches; for a rule that is not understood nothing, which is noted elsewhere."""
        key = (id(rule), family)
        if key not in self._boxes:
            self._boxes[key] = Boxes.none(family) if rule.unknown else _product(rule, family)
        return self._boxes[key]

    def candidates(self, table: Table, chain: Chain, family: Family, depth: int = 0) -> Iterator[Boxes]:
        """Boxes that hold all that a chain's own rules may accept; earlier rules may still drop a part of it."""
        for rule in chain.decides:
            if rule.verdict is None or not (boxes := self.of(rule, family)):
                continue
            if rule.verdict.kind == "accept":
                yield boxes
            elif rule.verdict.kind in ("jump", "goto") and depth < _DEEPEST:
                for inner in self.candidates(table, table.chains[rule.verdict.chain], family, depth + 1):
                    if both := boxes.intersect(inner):
                        yield both

    def entering(self, family: Family) -> Boxes:
        """(link, source) of what the rules before routing may let in; too much where they look at more than that."""
        chains = [pair for pair in self.host.at("prerouting", family) if pair[1].kind == "filter"]
        closed = next((pair for pair in chains if pair[1].closes or not pair[1].accepts), None)
        links = (0, len(self.host.links) - 1)
        if closed is None:
            return Boxes.of(family, {Field.IIF: links})
        parts: list[Boxes] = []
        full = Boxes.full(family)
        for box in self.candidates(*closed, family):
            low, high = full.low.repeat(len(box), axis=0), full.high.repeat(len(box), axis=0)
            for name in (Field.IIF, Field.SADDR, Field.PROTO, Field.SPORT, Field.HOPS):
                low[:, name], high[:, name] = box.low[:, name], box.high[:, name]
            parts.append(Boxes(family, low, high).limited(Field.IIF, links))
        return Boxes.union(family, parts)

    def run(self, table: Table, chain: Chain, region: Boxes, mode: Mode, depth: int = 0) -> Ran:
        """A set of packets through a chain, exactly; a base chain leaves no rest."""
        family = region.family
        accepted: list[Boxes] = []
        dropped: list[tuple[Boxes, Rule | None]] = []
        translated: list[tuple[Boxes, Verdict]] = []
        left: list[Boxes] = []
        rest = region
        for rule in chain.decides:
            verdict = rule.verdict
            if not rest:
                break
            if verdict is None:
                continue
            if rule.drops_all:
                dropped.append((rest, rule))
                rest = Boxes.none(family)
                break
            if not (boxes := self.of(rule, family)):
                continue
            if rule.sometimes:
                if verdict.kind == "accept" and mode == "may":
                    accepted.append(rest.intersect(boxes))
                    continue
                if not (verdict.kind == "drop" and mode == "must" and rule.sometimes == "rate"):
                    continue
            hit, rest = rest.split(boxes)
            if not hit:
                continue
            if verdict.kind == "accept":
                accepted.append(hit)
            elif verdict.kind == "drop":
                dropped.append((hit, rule))
            elif verdict.kind == "dnat":
                translated.append((hit, verdict))
            elif verdict.kind == "return":
                left.append(hit)
            elif depth < _DEEPEST:
                inner = self.run(table, table.chains[verdict.chain], hit, mode, depth + 1)
                accepted.append(inner.accepted)
                dropped += inner.dropped
                translated += inner.translated
                if verdict.kind == "jump":
                    rest = Boxes.union(family, [rest, inner.rest])
                else:
                    left.append(inner.rest)
        rest = Boxes.union(family, [rest, *left])
        if chain.hook and rest:
            if chain.accepts:
                accepted.append(rest)
            else:
                dropped.append((rest, None))
            rest = Boxes.none(family)
        return Ran(Boxes.union(family, accepted), tuple(dropped), rest, tuple(translated))

    def through(self, hook: Hook, region: Boxes, mode: Mode = "may") -> Boxes:
        """What of a set of packets all filter chains of a hook accept."""
        for table, chain in self.host.at(hook, region.family):
            if chain.kind == "filter" and region:
                region = self.run(table, chain, region, mode).accepted
        return region

    def stopped(self, hook: Hook, region: Boxes) -> list[tuple[Boxes, Rule | None]]:
        """What of a set of packets some chain of a hook does not surely accept, and by which rule."""
        found: list[tuple[Boxes, Rule | None]] = []
        for table, chain in self.host.at(hook, region.family):
            if chain.kind == "filter":
                found += self.run(table, chain, region, "must").dropped
        return found

    def translations(self, region: Boxes) -> Ran:
        """A set of packets that begin connections, through the translating chains of prerouting in their order."""
        family = region.family
        translated: list[tuple[Boxes, Verdict]] = []
        dropped: list[tuple[Boxes, Rule | None]] = []
        for table, chain in self.host.at("prerouting", family):
            if chain.kind == "nat":
                ran = self.run(table, chain, region, "may")
                translated += ran.translated
                dropped += ran.dropped
                region = ran.accepted
        return Ran(region, tuple(dropped), Boxes.none(family), tuple(translated))


def _product(rule: Rule, family: Family) -> Boxes:
    """All conditions of a rule together."""
    found = Boxes.full(family)
    for match in rule.matches:
        if match.family not in (None, family):
            return Boxes.none(family)
        boxes = Boxes.table(family, match.values.fields, match.values.low, match.values.high)
        found = found.subtract(boxes) if match.negated else found.intersect(boxes)
        if not found:
            break
    return found
