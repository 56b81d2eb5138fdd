"""All connections that the rules of a plan let begin on a host, exactly, and which of them the other host lets begin.

A connection is its first packet. Hosts are looked at when they are asked for, each by its own rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from idc.plan.types import Host, Plan
from idc.proof import from_plan
from idc.proof.contract import NEIGHBOURS, TOO_BIG, intervals
from idc.proof.fields import FAMILIES, ICMPV6, Ct, Family, Field, most
from idc.proof.forwarding import Fabric, HostForwarding, NotUnderstood
from idc.proof.reach import next_hosts, path_errors
from idc.proof.regions import Regions
from idc.proof.space import Boxes, Interval
from idc.proof.witness import Entering, Place, real
from idc.render.firewall import firewall
from idc.render.routes import routes

PLACES: Final[tuple[Place, ...]] = ("forward", "input", "output")
_NEW: Final = (int(Ct.NEW), int(Ct.NEW))
_LINKS: Final = (Field.IIF, Field.OIF)
_BEGAN: Final = (Field.ORIG_DADDR, Field.ORIG_DPORT)


@dataclass(frozen=True, eq=False)
class Begun:
    """Connections that begin on one host: their first packets as they enter it (or as it sends them)."""

    host: str
    place: Place
    entering: Entering


@dataclass
class Side:
    """The hosts by the rules of one plan. ``shape`` has the segments that stand on them, which another plan may share.

    ``rules`` gives texts by host in place of the rendered ones.
    """

    plan: Plan
    shape: Plan
    rules: Mapping[str, str] = field(default_factory=dict)
    unknown: list[NotUnderstood] = field(default_factory=list)
    _known: dict[str, Regions | None] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """A host's rules."""
        return self.rules.get(name) or firewall(self.plan, name)

    def regions(self, name: str) -> Regions | None:
        """A host's rules in normal form; None where the plan has no such host, or where they could not be read."""
        if name not in self._known:
            self._known[name] = self._read(name)
        return self._known[name]

    def _read(self, name: str) -> Regions | None:
        if name not in self.plan.host_by_name:
            return None
        found = from_plan.alone(self.shape, name, self.text(name), routes(self.plan, name)).hosts[name]
        self.unknown += found.unknown
        return Regions(found) if found.readable else None

    @property
    def fabric(self) -> Fabric:
        """Those hosts that were looked at so far."""
        hosts = {name: regions.host for name, regions in self._known.items() if regions is not None}
        return Fabric(hosts, {int(host.address): host.name for host in self.plan.hosts}, (), from_plan.NOTES)

    # -- one host ------------------------------------------------------------------------------------------------------

    def begun(self, name: str, family: Family) -> dict[tuple[Place, bool], Boxes]:
        """All that a host lets begin, by place and by whether it is translated."""
        found: dict[tuple[Place, bool], list[Boxes]] = {}
        if (regions := self.regions(name)) is not None:
            for place in PLACES:
                for entering in real(regions, _candidates(regions, place, family), place):
                    # What is not translated goes where it was sent: as a box of its own that would be said twice.
                    boxes = entering.boxes if entering.translated else entering.boxes.freed(*_BEGAN)
                    found.setdefault((place, entering.translated), []).append(boxes)
        return {key: Boxes.union(family, parts) for key, parts in found.items()}

    # -- the other host ------------------------------------------------------------------------------------------------

    def whole(self, name: str, place: Place, entering: Entering) -> Iterator[Begun]:
        """What of a host's connections begins as a whole: the hosts before and after it on the way let it begin too."""
        regions = self.regions(name)
        assert regions is not None  # something began there
        uplink = regions.host.uplink
        for begun in self._onward(regions.host, place, entering, uplink):
            link = regions.host.number.get(uplink, -1)
            boxes, nothing = begun.boxes, Boxes.none(begun.boxes.family)
            comes = nothing if place == "output" else boxes.limited(Field.IIF, (link, link))
            own = boxes.subtract(Boxes.of(boxes.family, {Field.IIF: link})) if comes else boxes
            if own:
                yield Begun(name, place, Entering(own, begun.translated))
            if comes:
                yield from self._before(name, comes)

    def _onward(self, host: HostForwarding, place: Place, entering: Entering, uplink: str) -> Iterator[Entering]:
        """What stays on the host, and of what goes out by the uplink what the next host takes in or forwards."""
        boxes, family = entering.boxes, entering.boxes.family
        if place == "input" or not uplink:
            yield entering
            return
        link = host.number[uplink]
        here = boxes.subtract(Boxes.of(family, {Field.OIF: link}))
        if here:
            yield Entering(here, entering.translated)
        leaving = boxes.limited(Field.OIF, (link, link))
        to = Field.ORIG_DADDR if entering.translated else Field.DADDR
        for following, interval in next_hosts(self.fabric_with(host), host, uplink):
            some = leaving.limited(to, interval)
            regions = self.regions(following) if some else None
            if regions is None:
                continue
            way_in = regions.host.number[regions.host.uplink]
            seen = _as_sent(some, translated=entering.translated).limited(Field.IIF, (way_in, way_in))
            taken = [e.boxes for e in _forward_or(regions, seen, "input") if not e.translated]
            if not taken:
                continue
            kept = Boxes.union(family, taken).freed(*_LINKS, *_BEGAN, Field.HOPS)
            if entering.translated:
                kept = _swap(kept)
            yield Entering(some.intersect(kept), entering.translated)

    def fabric_with(self, host: HostForwarding) -> Fabric:
        """One host, and the addresses of all."""
        return Fabric({host.name: host}, {int(one.address): one.name for one in self.plan.hosts}, (), ())

    def _before(self, name: str, boxes: Boxes) -> Iterator[Begun]:
        """What comes by the uplink began on the host that has its source, if that lets it out."""
        for other in self.plan.hosts:
            if other.name == name:
                continue
            some = Boxes.union(boxes.family, [boxes.limited(Field.SADDR, one) for one in _sources(other)])
            regions = self.regions(other.name) if some else None
            if regions is None:
                continue
            way_out = regions.host.number[regions.host.uplink]
            seen = _as_sent(some, translated=False).limited(Field.OIF, (way_out, way_out))
            for place in ("forward", "output"):
                for entering in real(regions, seen, place):
                    if entering.boxes:
                        yield Begun(other.name, place, entering)


def _forward_or(regions: Regions, seen: Boxes, place: Place) -> Iterator[Entering]:
    yield from real(regions, seen, "forward")
    yield from real(regions, seen, place)


def _sources(host: Host) -> list[Interval]:
    """Whose packets a host may send to other hosts: its own, those of what stands on it, at an edge anybody's."""
    if len(host.interfaces) > 1:
        return [(0, most(Field.SADDR, 4))]
    return [(int(host.address), int(host.address)), *intervals(host.blocks)]


def _candidates(regions: Regions, place: Place, family: Family) -> Boxes:
    """Boxes that hold all first packets that the rules of a place accept."""
    chains = [pair for pair in regions.host.at(place, family) if pair[1].kind == "filter"]
    closed = next((pair for pair in chains if pair[1].closes or not pair[1].accepts), None)
    boxes = Boxes.full(family) if closed is None else Boxes.union(family, regions.candidates(*closed, family))
    boxes = boxes.limited(Field.CT, _NEW)
    boxes = boxes.rows(~_upkeep(boxes))
    if place != "output":
        boxes = boxes.intersect(regions.entering(family))
    loop = regions.host.number[from_plan.LOOPBACK]
    for link in (Field.IIF,) if place == "input" else (Field.OIF,) if place == "output" else ():
        boxes = boxes.subtract(Boxes.of(family, {link: loop}))  # what a host says to itself joins nobody
    return boxes


def _upkeep(boxes: Boxes) -> Any:
    """Which rows are nothing but what a link or a path needs to work: they open nothing to anybody."""
    kept = path_errors(boxes)
    for low, high in (NEIGHBOURS, TOO_BIG) if boxes.family == 6 else ():
        inside = (boxes.low[:, Field.SPORT] >= low) & (boxes.high[:, Field.SPORT] <= high)
        one = (boxes.low[:, Field.PROTO] == ICMPV6) & (boxes.high[:, Field.PROTO] == ICMPV6)
        kept |= (inside & one).astype(bool)
    return kept


def _as_sent(boxes: Boxes, *, translated: bool) -> Boxes:
    """Packets as the next host sees them, whatever link and connection they had on this one."""
    return (_swap(boxes) if translated else boxes).freed(*_LINKS, *_BEGAN, Field.HOPS)


def _swap(boxes: Boxes) -> Boxes:
    """Before and after translation, the one for the other."""
    order = list(range(boxes.low.shape[1]))
    for now, began in ((Field.DADDR, Field.ORIG_DADDR), (Field.DPORT, Field.ORIG_DPORT)):
        order[now], order[began] = began, now
    return Boxes(boxes.family, boxes.low[:, order], boxes.high[:, order])


def difference(one: Side, other: Side, name: str) -> Iterator[Begun]:
    """What a host lets begin by the rules of ``one`` and not by those of ``other``."""
    for family in FAMILIES:
        there = other.begun(name, family)
        for (place, translated), boxes in one.begun(name, family).items():
            left = boxes.subtract(there.get((place, translated), Boxes.none(family)))
            if left:
                yield Begun(name, place, Entering(left, translated))
