"""The kernel itself: random rule sets are loaded, packets sent, and what came through is what the interpreter said."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from idc.proof.fields import Ct
from idc.proof.walk import Packet, walk
from tests.proof import dice
from tests.proof.amount import amount
from tests.proof.router import Router, opening, standing

pytestmark = pytest.mark.live

RULE_SETS = amount(short=25, long=600)
PACKETS = 80
# Sequence and acknowledgement that fit what `opening` has sent.
NUMBERS = {Ct.NEW: (1000, 0), Ct.ESTABLISHED_REPLY: (5001, 1001)}
OPEN = "table inet t\ndelete table inet t\n"  # no rules: everything passes


@pytest.fixture(scope="module")
def router() -> Iterator[Router]:
    """One router for all rule sets."""
    with standing() as found:
        yield found


def chosen(random: Random, first: int) -> list[Packet]:
    """Packets that can be sent as they are meant: an open connection needs both of its ends outside the router."""
    found: list[Packet] = []
    while len(found) < PACKETS:
        packet = dice.packet(random, first + len(found))
        if packet.ct in (Ct.ESTABLISHED, Ct.ESTABLISHED_REPLY) and (
            not opening(packet) or packet.source == packet.destination
        ):
            continue
        found.append(packet)
    return found


def test_the_kernel_and_the_interpreter_agree(router: Router) -> None:
    outcomes = {"forwarded": 0, "delivered": 0, "dropped": 0}
    differences = []
    number = 0
    for seed in range(RULE_SETS):
        random = Random(seed)
        text = dice.rules(random)
        host = dice.router(text)
        packets = chosen(random, 10000 + seed * PACKETS % 50000)
        router.nft(OPEN)
        for packet in packets:
            if packet.ct in (Ct.ESTABLISHED, Ct.ESTABLISHED_REPLY):
                for before, acknowledge in opening(packet):
                    router.send(before, 0, acknowledge)
        router.seen()
        router.nft(text)
        sent = {}
        for packet in packets:
            number = number % 65000 + 1
            sent[number] = packet
            router.send(packet, number, NUMBERS.get(packet.ct, (1001, 5001)))
        seen = router.seen()
        for key, packet in sent.items():
            walked = walk(host, packet)
            after = walked.packet
            said = (walked.outcome, after.destination, after.destination_port) if walked.passed else ("dropped", 0, 0)
            found = seen.get(key, ("dropped", 0, 0))
            if packet.protocol == 1:
                said, found = (*said[:2], 0), (*found[:2], 0)
            outcomes[said[0]] += 1
            if said != found:
                differences.append((seed, str(packet), said, found, [str(hop) for hop in walked.hops]))
    assert differences == []
    assert all(count > RULE_SETS for count in outcomes.values()), outcomes
