"""The boxes say of each single packet what the interpreter of single packets says: every packet of random rule sets."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from random import Random

import pytest

from idc.proof.fields import FAMILIES, ICMP, TCP, UDP, Ct, Family, Field
from idc.proof.forwarding import HostForwarding
from idc.proof.regions import Regions
from idc.proof.space import Boxes
from idc.proof.walk import Packet, walk
from idc.proof.witness import Entering, Place, real
from tests.proof import dice
from tests.proof.amount import amount

RULE_SETS = amount(short=24, long=2000)
PACKETS = 80


def point(host: HostForwarding, packet: Packet, link: str) -> list[int]:
    """A packet as a point, as it enters."""
    began = (packet.destination, packet.destination_port) if packet.ct is Ct.NEW else (
        packet.began_to or 0, packet.began_port or 0)  # fmt: skip
    return [
        host.number[packet.entry] if packet.entry else 0, host.number[link] if link else 0, packet.source,
        packet.destination, packet.protocol, packet.source_port, packet.destination_port, int(packet.ct),
        began[0], began[1], packet.tcp_flags, packet.hops,
    ]  # fmt: skip


def held(host: HostForwarding, found: list[Entering], packet: Packet) -> bool:
    """Whether a packet is among those that get through, by whatever link."""
    for entering in found:
        boxes = entering.boxes.freed(Field.OIF)
        if entering.translated:
            # What the packet becomes is in the place of its connection's own destination.
            after = packet.translated or translation(host, packet)
            if after is None:
                continue
            at = point(host, packet, "")
            at[Field.ORIG_DADDR], at[Field.ORIG_DPORT] = after
        elif packet.translated:
            continue
        else:
            at = point(host, packet, "")
        if boxes.holds(at):
            return True
    return False


def translation(host: HostForwarding, packet: Packet) -> tuple[int, int] | None:
    """What the walk makes of a packet's destination, if anything."""
    after = walk(host, packet).packet
    changed = (after.destination, after.destination_port)
    return changed if changed != (packet.destination, packet.destination_port) else None


@pytest.mark.parametrize("seed", range(RULE_SETS))
def test_boxes_and_single_packets_agree(seed: int) -> None:
    random = Random(seed)
    host = dice.router(dice.rules(random))
    assert host.unknown == ()
    regions = Regions(host)
    protocol = random.choice((TCP, UDP, ICMP))  # one at a time keeps the number of boxes small
    some = Boxes.of(4, {Field.PROTO: protocol, Field.TCP_FLAGS: 2 if protocol == TCP and seed % 2 else 16})
    through: dict[Place, list[Entering]] = {place: list(real(regions, some, place)) for place in ("forward", "input")}
    for number in range(PACKETS):
        packet = dice.packet(random, 20000 + number, protocol)
        packet = replace(packet, tcp_flags=int(some.low[0][Field.TCP_FLAGS]))
        if random.random() < 0.15:
            packet = replace(packet, ct=random.choice((Ct.RELATED, Ct.RELATED_REPLY, Ct.UNTRACKED)),
                             began_to=packet.destination, began_port=packet.destination_port)  # fmt: skip
        if packet.ct is Ct.ESTABLISHED and random.random() < 0.3:
            packet = replace(packet, translated=(dice.somebody(random)[0], 8080))
        walked = walk(host, packet)
        for place, outcome in (("forward", "forwarded"), ("input", "delivered")):
            said = held(host, through[place], packet)  # type: ignore[index]
            assert said == (walked.outcome == outcome), (seed, str(packet), place, [str(hop) for hop in walked.hops])


@pytest.mark.parametrize("seed", range(amount(short=150, long=5000)))
def test_the_algebra_of_boxes_is_exact(seed: int) -> None:
    random = Random(seed)
    family: Family = random.choice(FAMILIES)
    fields = (Field.SADDR, Field.DADDR, Field.DPORT)

    def some(count: int) -> Boxes:
        parts = []
        for _ in range(random.randrange(1, count)):
            ends = [sorted((random.randrange(5), random.randrange(5))) for _ in fields]
            parts.append(Boxes.of(family, {f: (low, high) for f, (low, high) in zip(fields, ends, strict=True)}))
        return Boxes.union(family, parts)

    one, other = some(6), some(40)
    both, rest = one.intersect(other), one.subtract(other)
    assert rest.within(one)
    assert both.within(other)
    assert one.within(other) == (not rest)
    for values in product(range(5), repeat=len(fields)):
        at = [0] * len(Field)
        for field, value in zip(fields, values, strict=True):
            at[field] = value
        assert both.holds(at) == (one.holds(at) and other.holds(at))
        assert rest.holds(at) == (one.holds(at) and not other.holds(at))
