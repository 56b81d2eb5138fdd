"""From a set of suspicious packets to one that really passes: exact at every step, and tried by the interpreter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from idc.proof.fields import ICMP, ICMPV6, TCP, UDP, Ct, Family, Field
from idc.proof.forwarding import Fabric, HostForwarding
from idc.proof.regions import Regions
from idc.proof.space import Boxes, Numbers
from idc.proof.verdict import Witness
from idc.proof.walk import Packet, Walk, journey

_BEGUN: Final = (int(Ct.NEW), int(Ct.RELATED))  # in the direction in which the connection began
_OTHERS: Final = (int(Ct.ESTABLISHED_REPLY), int(Ct.UNTRACKED))
Place = Literal["forward", "input", "output"]
_KEPT: Final = 200  # boxes of one suspicion that are tried
_NATURAL: Final = {
    Field.PROTO: (TCP, UDP, ICMP, ICMPV6), Field.SPORT: (40000,), Field.DPORT: (8080, 22), Field.TCP_FLAGS: (2, 16),
    Field.HOPS: (64,),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Entering:
    """Packets as they enter a host. Of translated ones ORIG_DADDR and ORIG_DPORT are what they are translated to."""

    boxes: Boxes
    translated: bool


def real(regions: Regions, suspects: Boxes, place: Place) -> Iterator[Entering]:
    """Those of the suspects, as the place sees them, that a packet from outside can become."""
    host, family = regions.host, suspects.family
    if place == "output":
        kept = regions.through("postrouting", regions.through("output", _sendable(host, suspects)))
        begun, others = kept.limited(Field.CT, _BEGUN), kept.limited(Field.CT, _OTHERS)
        if kept := Boxes.union(family, [_same(begun), others]):
            yield Entering(kept, translated=False)
        return
    suspects = suspects.limited(Field.IIF, (1 if place == "forward" else 0, len(host.links) - 1))  # 0 is loopback
    if place == "forward":
        if family not in host.forwards:
            return
        suspects = regions.through("postrouting", regions.through("forward", suspects.intersect(host.routed(family))))
    else:
        parts = [suspects.limited(Field.DADDR, interval) for interval in host.local(family)]
        suspects = regions.through("input", Boxes.union(family, parts))
    if not suspects:
        return
    for entering in _before_translation(regions, suspects):
        boxes = regions.through("prerouting", entering.boxes)
        if boxes:
            yield Entering(boxes, entering.translated)


def _sendable(host: HostForwarding, suspects: Boxes) -> Boxes:
    """What the host itself sends goes by its routes; to itself, by its loopback."""
    family = suspects.family
    own = [suspects.limited(Field.DADDR, interval) for interval in host.local(family)]
    loop = host.number["lo"]
    inner = Boxes.union(family, own).limited(Field.OIF, (loop, loop))
    return Boxes.union(family, [inner, suspects.intersect(host.routed(family))])


def _same(boxes: Boxes) -> Boxes:
    """Packets that go where their connection was first sent: what is translated is looked at apart."""
    if not boxes:
        return boxes
    low, high = boxes.low.copy(), boxes.high.copy()
    for field, began in ((Field.DADDR, Field.ORIG_DADDR), (Field.DPORT, Field.ORIG_DPORT)):
        both_low = np.maximum(low[:, field], low[:, began])
        both_high = np.minimum(high[:, field], high[:, began])
        for column in (field, began):
            low[:, column], high[:, column] = both_low, both_high
    return Boxes(boxes.family, low, high).rows((low <= high).all(axis=1).astype(bool))


def _swapped(boxes: Boxes) -> Boxes:
    """Before translation: the destination is where the connection was sent, and what it became is kept aside."""
    order = list(range(boxes.low.shape[1]))
    for field, began in ((Field.DADDR, Field.ORIG_DADDR), (Field.DPORT, Field.ORIG_DPORT)):
        order[field], order[began] = began, field
    return Boxes(boxes.family, boxes.low[:, order], boxes.high[:, order])


def _before_translation(regions: Regions, after: Boxes) -> Iterator[Entering]:
    family = after.family
    yield Entering(after.limited(Field.CT, _OTHERS), translated=False)
    open_ = after.limited(Field.CT, (int(Ct.ESTABLISHED), int(Ct.RELATED)))
    yield Entering(_same(open_), translated=False)
    yield Entering(_swapped(open_), translated=True)
    new = after.limited(Field.CT, (int(Ct.NEW), int(Ct.NEW)))
    if not new:
        return
    yield Entering(regions.translations(_same(new)).accepted, translated=False)
    anything = Boxes.of(family, {Field.CT: int(Ct.NEW)})
    for before, verdict in regions.translations(anything).translated:
        fits = new.limited(Field.DADDR, (verdict.address, verdict.address))
        if verdict.port:
            fits = fits.limited(Field.DPORT, (verdict.port, verdict.port))
        yield Entering(_swapped(fits).intersect(before), translated=True)


def packet(host: HostForwarding, entering: Entering, row: int) -> tuple[Packet, str]:
    """A packet of one box, as ordinary as the box allows, and the link it should leave by."""
    low, high = entering.boxes.low[row], entering.boxes.high[row]
    chosen: dict[Field, int] = {}
    for field in Field:
        natural = [value for value in _NATURAL.get(field, ()) if low[field] <= value <= high[field]]
        chosen[field] = natural[0] if natural else int(low[field])
    family: Family = entering.boxes.family
    ct = Ct(chosen[Field.CT])
    if ct is not Ct.NEW and low[Field.TCP_FLAGS] <= 16 <= high[Field.TCP_FLAGS]:
        chosen[Field.TCP_FLAGS] = 16
    link = chosen[Field.IIF]
    began: tuple[int | None, int | None] = (None, None)
    translated: tuple[int, int] | None = None
    if ct in (Ct.ESTABLISHED, Ct.RELATED):
        began = (chosen[Field.DADDR], chosen[Field.DPORT])
        translated = (chosen[Field.ORIG_DADDR], chosen[Field.ORIG_DPORT]) if entering.translated else None
    elif ct.reply:
        began = (_inside(low, high, Field.ORIG_DADDR, chosen[Field.SADDR]),
                 _inside(low, high, Field.ORIG_DPORT, chosen[Field.SPORT]))  # fmt: skip
    found = Packet(
        family=family, source=chosen[Field.SADDR], destination=chosen[Field.DADDR], protocol=chosen[Field.PROTO],
        source_port=chosen[Field.SPORT], destination_port=chosen[Field.DPORT],
        entry=host.names[link] if link < len(host.names) else "", ct=ct, began_to=began[0], began_port=began[1],
        translated=translated, tcp_flags=chosen[Field.TCP_FLAGS], hops=chosen[Field.HOPS],
    )  # fmt: skip
    out = chosen[Field.OIF]
    return found, host.names[out] if out < len(host.names) else ""


def _inside(low: Numbers, high: Numbers, field: Field, wish: int) -> int:
    return wish if low[field] <= wish <= high[field] else int(low[field])


def witnesses(fabric: Fabric, regions: Regions, suspects: Boxes, place: Place) -> Iterator[Witness]:
    """Packets that really pass, one for each rule that lets some of the suspects through."""
    host = regions.host
    seen: set[tuple[str, ...]] = set()
    for entering in real(regions, suspects, place):
        for row in range(min(len(entering.boxes), _KEPT)):
            candidate, prefer = packet(host, entering, row)
            if place == "output":
                candidate = _own(candidate)
            walks = journey(fabric, host.name, candidate, prefer)
            key = decisive(walks[0])
            if key not in seen:
                seen.add(key)
                yield Witness(candidate, walks)


def _own(candidate: Packet) -> Packet:
    return Packet(**{**candidate.__dict__, "entry": ""})


def decisive(walk: Walk) -> tuple[str, ...]:
    """The rules that let a packet through, by text: what tells one leak from another."""
    return tuple(
        hop.text for hop in walk.hops if hop.place != "conntrack" and hop.verdict in ("accept", "dnat", "drop")
    )
