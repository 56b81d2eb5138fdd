"""z3 finds no packet on which the boxes of a forward chain and a second reading of its raw text differ."""

from __future__ import annotations

from random import Random

import pytest
import z3

from idc.proof.fields import ICMP, TCP, UDP, Ct, Field
from idc.proof.regions import Regions
from idc.proof.space import Boxes
from tests.proof import dice
from tests.proof.amount import amount
from tests.proof.second import ESTABLISHED, INVALID, NEW, RELATED, UNTRACKED, Opinion, Unknowns

MOST_BOXES = 4000  # of one region: more take z3 minutes, and say no more

# The seven states of one field, as the second opinion's state and direction.
STATES = {
    Ct.NEW: (NEW, False), Ct.ESTABLISHED: (ESTABLISHED, False), Ct.RELATED: (RELATED, False),
    Ct.ESTABLISHED_REPLY: (ESTABLISHED, True), Ct.RELATED_REPLY: (RELATED, True), Ct.INVALID: (INVALID, False),
    Ct.UNTRACKED: (UNTRACKED, False),
}  # fmt: skip


def formula(boxes: Boxes, packet: Unknowns) -> z3.BoolRef:
    """A union of boxes as a formula."""
    variables = {
        Field.IIF: packet.iif, Field.OIF: packet.oif, Field.SADDR: packet.saddr, Field.DADDR: packet.daddr,
        Field.PROTO: packet.proto, Field.SPORT: packet.sport, Field.DPORT: packet.dport,
        Field.ORIG_DADDR: packet.began, Field.ORIG_DPORT: packet.began_port, Field.TCP_FLAGS: packet.flags,
    }  # fmt: skip
    full = Boxes.full(4)
    found = []
    for low, high in zip(boxes.low.tolist(), boxes.high.tolist(), strict=True):
        parts = [
            z3.And(packet.state == state, packet.reply == reply)
            for ct, (state, reply) in STATES.items()
            if low[Field.CT] <= ct <= high[Field.CT]
        ]
        inner = [z3.Or(parts)]
        for field, variable in variables.items():
            least, most = low[field], min(high[field], (1 << variable.size()) - 1)
            if (low[field], high[field]) != (full.low[0][field], full.high[0][field]):
                inner += [z3.UGE(variable, least), z3.ULE(variable, most)]
        found.append(z3.And(inner))
    return z3.Or(found)


@pytest.mark.parametrize("seed", range(amount(short=16, long=400)))
def test_no_packet_tells_the_two_apart(seed: int) -> None:
    random = Random(1000 + seed)
    text = dice.rules(random)
    host = dice.router(text)
    regions = Regions(host)
    (table,) = host.tables
    protocol = (TCP, UDP, ICMP)[seed % 3]
    accepted = regions.run(table, table.chains["forward"], Boxes.of(4, {Field.PROTO: protocol}), "may").accepted
    if len(accepted) > MOST_BOXES:
        pytest.skip(f"{len(accepted)} boxes")
    packet = Unknowns()
    solver = z3.Solver()
    solver.set("timeout", 60_000)
    solver.add(packet.possible, packet.proto == protocol)
    solver.add(z3.Xor(formula(accepted, packet), Opinion(text).accepts("forward", packet)))
    answer = solver.check()
    assert answer == z3.unsat, f"{answer}: {solver.model() if answer == z3.sat else ''}\n{text}"
