"""One host against its contract: nothing else passes, and what was promised does. Both exactly, over all headers."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from idc.proof.contract import OPEN, Contract, Entry
from idc.proof.fields import TCP, Ct, Family, Field
from idc.proof.forwarding import Fabric, Hook, HostForwarding, Rule
from idc.proof.regions import Regions
from idc.proof.space import Boxes
from idc.proof.verdict import Violation, Witness
from idc.proof.walk import Packet, journey
from idc.proof.witness import Entering, Place, packet, witnesses

_NEW = (int(Ct.NEW), int(Ct.NEW))
_TOLD = 8  # promises not kept that are named one by one, a host and reason


@dataclass
class HostProof:
    """One host and family."""

    fabric: Fabric
    regions: Regions
    contract: Contract

    @property
    def host(self) -> HostForwarding:
        """The host."""
        return self.regions.host

    @property
    def family(self) -> Family:
        """The family."""
        return self.contract.family

    # -- real in declared --------------------------------------------------------------------------------------------

    def undeclared(self) -> Iterator[Violation]:
        """Packets that pass and that nothing declares."""
        contract, none = self.contract, Boxes.none(self.family)
        declared = Boxes.union(self.family, [contract.there, contract.back])
        forwarded = self._without("forward", [contract.there, contract.back, contract.forwarded])
        yield from self._leaks(forwarded, "forward", "forwards what no flow declares")
        wrong_in = self.regions.entering(self.family).subtract(contract.homes)
        suspects = self._but(wrong_in.intersect(declared), contract.forwarded)
        yield from self._leaks(suspects, "forward", "forwards a flow's packets by a link where its source is not")
        wrong_out = self.host.routed(self.family).subtract(contract.outs) if declared else none
        suspects = self._but(wrong_out.intersect(declared), contract.forwarded)
        yield from self._leaks(suspects, "forward", "sends a flow's packets out by another link than its destination's")
        taken = self._without("input", [contract.taken, contract.taken_by_link])
        yield from self._leaks(taken, "input", "takes in what no host rule declares")
        suspects = self._but(wrong_in.intersect(contract.taken), contract.taken_by_link)
        yield from self._leaks(suspects, "input", "takes in a declared packet by a link where its source is not")
        yield from self._leaks(self._without("output", [contract.sent]), "output", "sends what no host rule declares")
        yield from self._translations()

    def _leaks(self, suspects: Boxes, place: Place, what: str) -> Iterator[Violation]:
        if not suspects:
            return
        for witness in witnesses(self.fabric, self.regions, suspects, place):
            last = next((hop for hop in reversed(witness.walks[0].hops) if hop.verdict in ("accept", "dnat")), None)
            rule = last.text if last else "no rule stops it"
            yield Violation("real in declared", self.host.name, what, rule=rule, witness=witness)

    @staticmethod
    def _but(boxes: Boxes, declared: Boxes) -> Boxes:
        return boxes.subtract(declared)

    def _without(self, hook: Hook, declared: Iterable[Boxes]) -> Boxes:
        """All that the rules of a hook may accept, without what is declared. Too much, never too little."""
        family = self.family
        chains = [pair for pair in self.host.at(hook, family) if pair[1].kind == "filter"]
        closed = next((pair for pair in chains if pair[1].closes or not pair[1].accepts), None)
        if closed is None:  # nothing drops by itself: then what comes by any way in to any way out
            found = self._open(hook)
            found = [self._less(box, declared) for box in found]
        else:
            found = [self._less(box, declared) for box in self.regions.candidates(*closed, family)]
        return Boxes.union(family, found)

    def _open(self, hook: Hook) -> list[Boxes]:
        everything = Boxes.full(self.family)
        if hook == "forward":
            return [everything.intersect(self.host.routed(self.family)).intersect(self.regions.entering(self.family))]
        return [self.regions.entering(self.family)] if hook == "input" else [everything]

    @staticmethod
    def _less(boxes: Boxes, declared: Iterable[Boxes]) -> Boxes:
        for part in declared:
            boxes = boxes.subtract(part)
        return boxes

    def _translations(self) -> Iterator[Violation]:
        """Nothing is translated but requests to a listener, and those only to its own container."""
        anything = Boxes.of(self.family, {Field.CT: _NEW, Field.IIF: (1, len(self.host.links) - 1)})  # 0 is loopback
        for before, verdict in self.regions.translations(anything).translated:
            for entry in self.contract.entries:
                if verdict.address in entry.slots and verdict.port == entry.listener.target_port:
                    before = before.subtract(entry.requests)
            before = self.regions.through("prerouting", before)
            found = [
                Witness(candidate, journey(self.fabric, self.host.name, candidate, prefer))
                for link in range(1, len(self.host.links))
                if (some := before.limited(Field.IIF, (link, link)))
                for candidate, prefer in [packet(self.host, Entering(some, translated=False), 0)]
            ]
            if found:  # one that is also forwarded says most
                worst = max(found, key=lambda witness: (witness.arrives, witness.passes))
                what = "translates what is no request to a listener"
                yield Violation("real in declared", self.host.name, what, witness=worst)

    # -- declared in real --------------------------------------------------------------------------------------------

    def broken_promises(self) -> Iterator[Violation]:
        """Declared packets that do not pass, by what stops them."""
        contract = self.contract
        yield from self._flows(Boxes.union(self.family, [contract.there.limited(Field.CT, OPEN), contract.back]))
        for entry in contract.entries:
            yield from self._entry(entry)
        yield from self._ways()
        for place, promised in (("input", contract.promised_in), ("output", contract.promised_out)):
            yield from self._host_rules(place, promised)

    def _flows(self, tuples: Boxes) -> Iterator[Violation]:
        """Requests and replies together: what is wrong says by its packet which of them it is."""
        contract = self.contract
        direction = "{direction}"
        nowhere = tuples.subtract(contract.homes.freed(Field.IIF))
        yield from self._told(nowhere, f"a flow's {direction} has a source that no link leads to", None)
        nowhere = tuples.subtract(contract.outs.freed(Field.OIF))
        yield from self._told(nowhere, f"a flow's {direction} has a destination that no link leads to", None)
        way = tuples.intersect(contract.certain).intersect(contract.certain_outs)
        lost = way.subtract(self.host.routed(self.family)).subtract(self._broadcasts)
        yield from self._told(lost, f"no route for a flow's {direction}", None)
        if way and self.family not in self.host.forwards:
            yield from self._told(way, f"forwarding is off for a flow's {direction}", None)
        yield from self._stopped("prerouting", way, f"a flow's {direction} is stopped on its way in")
        yield from self._stopped("forward", way, f"a flow's {direction} is not forwarded")
        yield from self._stopped("postrouting", way, f"a flow's {direction} is stopped on its way out")

    @property
    def _broadcasts(self) -> Boxes:
        """A network outside has addresses that nobody there can have: the host's own and the broadcast."""
        outer = [self.host.number[link.name] for link in self.host.links.values() if link.role == "outside"]
        parts = [
            Boxes.of(self.family, {Field.OIF: link, Field.DADDR: interval})
            for link in outer
            for interval in self.host.local(self.family)
        ]
        return Boxes.union(self.family, parts)

    def _ways(self) -> Iterator[Violation]:
        """What goes out by the uplink goes to the host that has the destination."""
        routes = [r for r in self.host.routes if r.family == self.family and r.gateway is not None]
        starts = [route.to[0] for route in routes]
        for (low, high), expected in sorted(set(self.contract.next_hosts)):
            for route in routes[max(0, bisect_right(starts, low) - 1) : bisect_right(starts, high)]:
                to = self.fabric.uplinks.get(route.gateway or 0, "nobody")
                if route.to[1] < low or route.kind != "forward" or to == expected:
                    continue
                address = max(low, route.to[0])
                candidate = Packet(self.family, 0, address, TCP, 40000, 8080, "")
                yield Violation(
                    "declared in real", self.host.name, f"a route leads to {to} instead of {expected}", rule=route.text,
                    witness=Witness(candidate, journey(self.fabric, self.host.name, candidate)),
                )  # fmt: skip

    def _host_rules(self, place: str, promised: Boxes) -> Iterator[Violation]:
        if place == "input":
            way = promised.intersect(self.contract.certain)
            yield from self._stopped("prerouting", way, "what a host rule declares is stopped on its way in")
            yield from self._stopped("input", way, "what a host rule declares is not taken in")
            return
        way = promised.intersect(self.contract.certain_outs)
        lost = way.subtract(self.host.routed(self.family))
        yield from self._told(lost, "no route for what a host rule declares", None)
        yield from self._stopped("output", way, "what a host rule declares is not sent")
        yield from self._stopped("postrouting", way, "what a host rule declares is stopped on its way out")

    def _entry(self, entry: Entry) -> Iterator[Violation]:
        """A listener's requests come in, are translated to the serving container, and its replies leave."""
        what = f"a request to the listener {entry.listener.visibility}"
        promised, listener = entry.promised, entry.listener
        yield from self._stopped("prerouting", promised, f"{what} is stopped on its way in")
        ran = self.regions.translations(promised)
        yield from self._told(ran.accepted, f"{what} is not translated", None)
        for boxes, verdict in ran.translated:
            if (verdict.address, verdict.port) != (entry.serving, listener.target_port):
                yield from self._told(boxes, f"{what} is translated to something else than the serving container", None)
        sources = (Field.SADDR, Field.DADDR)
        there = entry.there.limited(Field.CT, OPEN)
        people_in = _people(promised, sources[0])
        people_out = _people(promised, sources[1])
        serving = there.limited(Field.DADDR, (entry.serving, entry.serving))
        lost = serving.subtract(self.host.routed(self.family))
        yield from self._told(lost, f"no route for {what}", None)
        yield from self._stopped("forward", there.intersect(people_in), f"{what} is not forwarded")
        back = entry.back.intersect(people_out)
        yield from self._stopped("forward", back, f"the reply to {what} is not forwarded")
        own = back.intersect(self.contract.certain)
        yield from self._stopped("prerouting", own, f"the reply to {what} is stopped on its way in")
        if promised and self.family not in self.host.forwards:
            yield from self._told(promised, f"forwarding is off for {what}", None)

    def _stopped(self, hook: Hook, region: Boxes, what: str) -> Iterator[Violation]:
        if not region:
            return
        for boxes, rule in self.regions.stopped(hook, region):
            yield from self._told(boxes, what, rule)

    def _told(self, boxes: Boxes, what: str, rule: Rule | None) -> Iterator[Violation]:
        """Promises not kept: one violation a flow, at most a few."""
        told: set[tuple[str, bool]] = set()
        for row in range(len(boxes)):
            candidate, prefer = packet(self.host, Entering(boxes, translated=False), row)
            flow = self._flow(boxes.low[row])
            if (flow, candidate.ct.reply) in told:
                continue
            told.add((flow, candidate.ct.reply))
            said = what.format(direction="reply" if candidate.ct.reply else "request")
            if boxes.low[row][Field.IIF] != boxes.high[row][Field.IIF]:
                candidate = _sent(candidate)
            yield Violation(
                "declared in real", self.host.name, said, rule=rule.text if rule else "", flow=flow,
                witness=Witness(candidate, journey(self.fabric, self.host.name, candidate, prefer)),
            )  # fmt: skip
            if len(told) >= _TOLD:
                return

    def _flow(self, point: Iterable[int]) -> str:
        """The flow that declares a packet."""
        at = list(point)
        for tuples in (self.contract.there, self.contract.back):
            fits = ((tuples.low <= at) & (tuples.high >= at)).all(axis=1)
            if fits.any():
                return self.contract.rows[int(fits.argmax())].id
        return ""


def _sent(candidate: Packet) -> Packet:
    return Packet(**{**candidate.__dict__, "entry": ""})


def _people(promised: Boxes, field: Field) -> Boxes:
    """Those to whom a listener is promised, as sources or as destinations."""
    return Boxes.table(promised.family, (field,), promised.low[:, [Field.SADDR]], promised.high[:, [Field.SADDR]])
