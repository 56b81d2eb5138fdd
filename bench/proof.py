"""How long the proof takes, by number of tenants: `python bench/proof.py [TENANTS ...]`.

A generated centre; seconds for rendering its rule sets, reading them back, and proving them; then one leak is put into
the rules of one host, and what is found is named. Beside it, on the same rule set of the edge (the largest): every pair
of container addresses through the interpreter of single packets, and z3 alone on the same question. Whatever takes
longer than twenty seconds is not waited for. Goal: a proof under 1 s at 10,000 tenants.
"""

from __future__ import annotations

import datetime
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import z3

from idc import model
from idc.model.generate import generate
from idc.plan import make
from idc.plan.lock import Lock
from idc.plan.types import Plan
from idc.proof import Proof
from idc.proof.fields import TCP, Field
from idc.proof.forwarding import Fabric, HostForwarding, Values
from idc.proof.from_plan import fabric, rendered
from idc.proof.prove import prove
from idc.proof.walk import Packet, walk

SIZES = (10, 100, 1_000, 10_000)
TODAY = datetime.date(2026, 6, 1)
IMAGES = {name: f"sha256:{name}" for name in ("client", "edge", "filing", "lab-host", "nginx-static", "postgresql")}
PATIENCE = 20.0  # seconds
RUNS = 3


def centre(tenants: int) -> Plan:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "centre"
        generate(folder, tenants)
        return make(model.load(folder, today=TODAY), Lock(), IMAGES, today=TODAY)[0]


def leaking(plan: Plan, rules: dict[str, str]) -> dict[str, str]:
    """The rule sets with one flow too many on one host: from one tenant's site to another's."""
    sites = [c for c in plan.containers if c.tenant and c.host == "web-1" and c.port == 8080]
    one, other = next((a, b) for a in sites for b in sites if a.tenant != b.tenant)
    text = rules["web-1"]
    at = text.index("elements = {\n", text.index("set flows {")) + len("elements = {\n")
    element = f"\t\t\t{one.address()} . {other.address()} . tcp . 8080,\n"
    return {**rules, "web-1": text[:at] + element + text[at:]}


def timed(plan: Plan, real: Fabric) -> tuple[float, Proof]:
    began = time.perf_counter()
    proof = prove(plan, real)
    return time.perf_counter() - began, proof


def flows_of(host: HostForwarding) -> Values:
    """The set of flows as the edge's own rules have it."""
    chain = host.tables[0].chains["forward"]
    tuples = (Field.SADDR, Field.DADDR, Field.PROTO, Field.DPORT)
    return next(m.values for rule in chain.rules for m in rule.matches if m.values.fields == tuples)


def brute_force(plan: Plan, host: HostForwarding) -> str:
    """Every pair of containers, at one port each: far from all headers, and yet too many."""
    addresses = [int(container.address()) for container in plan.containers]
    began, tried = time.perf_counter(), 0
    for source in addresses:
        for destination in addresses:
            walk(host, Packet(4, source, destination, TCP, 40000, 8080, "uplink"))
            tried += 1
            if time.perf_counter() - began > PATIENCE:
                total = PATIENCE * len(addresses) ** 2 / tried
                return f"> {PATIENCE:.0f} s ({total:,.0f} s for all pairs)"
    return f"{time.perf_counter() - began:.2f} s"


def solver(plan: Plan, host: HostForwarding) -> str:
    """z3 alone: is there a packet in the edge's flow set that no declared flow of the plan has?"""
    source, destination = z3.BitVec("source", 32), z3.BitVec("destination", 32)
    port, protocol = z3.BitVec("port", 16), z3.BitVec("protocol", 8)

    def between(variable: z3.BitVecRef, low: int, high: int) -> z3.BoolRef:
        return z3.And(z3.UGE(variable, low), z3.ULE(variable, high))

    began = time.perf_counter()
    ends = (source, destination, protocol, port)
    found = flows_of(host)
    real = z3.Or([
        z3.And(*(between(v, low, high) for v, low, high in zip(ends, lows, highs, strict=True)))
        for lows, highs in zip(found.low.tolist(), found.high.tolist(), strict=True)
    ])  # fmt: skip
    declared = z3.Or([
        z3.And(between(source, int(one[0]), int(one[-1])), between(destination, int(two[0]), int(two[-1])),
               protocol == TCP, port == flow.port)
        for flow in plan.flows if flow.source.host
        for one in flow.source.networks for two in flow.destination.networks
    ])  # fmt: skip
    question = z3.Solver()
    question.set("timeout", int(PATIENCE * 1000))
    question.add(real, z3.Not(declared))
    answer = question.check()
    seconds = time.perf_counter() - began
    return f"{seconds:.2f} s" if answer == z3.unsat else f"> {PATIENCE:.0f} s" if answer == z3.unknown else "a leak?"


def main(sizes: list[int]) -> None:
    print(f"{'tenants':>8} {'hosts':>6} {'flows':>7} {'rendered':>9} {'read':>8} {'proof':>8} {'with a leak':>12}"
          f"  {'single packets':<34} {'z3 alone':<10}")  # fmt: skip
    for size in sizes:
        plan = centre(size)
        began = time.perf_counter()
        rules = rendered(plan)
        shown = time.perf_counter()
        real = fabric(plan, rules)
        read = time.perf_counter()
        # Reading anew each time: what one proof has worked out, the next must not find.
        proofs = [timed(plan, real if run == 0 else fabric(plan, rules)) for run in range(RUNS)]
        assert all(proof.holds for _, proof in proofs), proofs[0][1].summary
        leak, broken = timed(plan, fabric(plan, leaking(plan, rules)))
        assert {v.where for v in broken.violations} == {"web-1"}, broken.summary  # the request, and its reply
        edge = real.hosts["edge-1"]
        print(f"{size:>8,} {len(plan.hosts):>6} {len(plan.flows):>7,} {shown - began:>7.2f} s {read - shown:>6.2f} s"
              f" {min(seconds for seconds, _ in proofs):>6.2f} s {leak:>10.2f} s  {brute_force(plan, edge):<34}"
              f" {solver(plan, edge):<10}", flush=True)  # fmt: skip
        witness = broken.violations[0].witness
        assert witness is not None
        print(f"{'':>9}leak: {witness.packet}")


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or list(SIZES))
