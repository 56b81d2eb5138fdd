"""The proof: what is declared is within the law, nothing passes but what is declared, and what is declared passes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from idc.live.snapshot import Snapshot
from idc.model.profiles import load_profile
from idc.plan.types import Plan
from idc.proof import from_plan, from_snapshot, law, structure
from idc.proof.contract import Contracts
from idc.proof.fields import FAMILIES
from idc.proof.forwarding import Fabric, NotUnderstood
from idc.proof.ground import Ground
from idc.proof.hosts import HostProof
from idc.proof.regions import Regions
from idc.proof.verdict import Proof, Violation


def prove_plan(plan: Plan, rules: Mapping[str, str] | None = None, routes: Mapping[str, str] | None = None) -> Proof:
    """The proof of a plan; ``rules`` and ``routes`` are each host's, rendered from it unless given."""
    return prove(plan, from_plan.fabric(plan, rules, routes))


def prove_snapshots(plan: Plan, snapshots: Mapping[str, Snapshot]) -> Proof:
    """The same proof of live hosts, against what the plan declares. A host without a snapshot is unknown."""
    return prove(plan, from_snapshot.fabric(plan, snapshots))


def lawful(plan: Plan) -> list[Violation]:
    """Where what is declared breaks the law of its profile and zones."""
    ground = Ground(plan)
    return [
        *law.flows(ground),
        *law.host_rules(plan),
        *structure.addresses(plan, ground),
        *structure.vhosts(plan, ground),
        *structure.fabrics(plan, load_profile(plan.profile)),
        *structure.pivots(ground),
    ]


def joined(plan: Plan, fabric: Fabric) -> Iterator[Violation]:
    """Containers on a bridge that is not their segment's, or on several: they join what the rules keep apart."""
    own: dict[str, set[str]] = {}
    for container in plan.containers:
        names = {container.name, container.docker_name("a"), container.docker_name("b")}
        own.setdefault(container.segment, set()).update(names)
    for host in fabric.hosts.values():
        homes: dict[str, list[str]] = {}
        for link in host.links.values():
            for member in link.members:
                homes.setdefault(member, []).append(link.name)
                if link.segment and member not in own.get(link.segment, ()):
                    what = f"container {member} is on the bridge of segment {link.segment}, which is not its own"
                    yield Violation("real in declared", host.name, what)
        for member, bridges in homes.items():
            if len(bridges) > 1:
                what = f"container {member} joins the bridges {' and '.join(sorted(bridges))}"
                yield Violation("real in declared", host.name, what)


def prove(plan: Plan, fabric: Fabric) -> Proof:
    """The proof of a plan over a normal form, wherever that comes from."""
    violations: list[Violation] = []
    unknown: list[NotUnderstood] = list(fabric.unknown)
    violations += lawful(plan)
    violations += joined(plan, fabric)
    contracts = Contracts(plan)
    counts = dict.fromkeys(("hosts", "rules", "set elements", "flows", "routes"), 0)
    counts["flows"] = len(plan.flows)
    for host in plan.hosts:
        real = fabric.hosts.get(host.name)
        if real is None:
            unknown.append(NotUnderstood(host.name, "nothing is known of it"))
            continue
        unknown += real.unknown
        if not real.readable:
            continue
        counts["hosts"] += 1
        counts["routes"] += len(real.routes)
        for table in real.tables:
            for chain in table.chains.values():
                counts["rules"] += len(chain.rules)
                counts["set elements"] += sum(len(m.values.low) for rule in chain.rules for m in rule.matches)
        regions = Regions(real)
        for family in FAMILIES:
            one = HostProof(fabric, regions, contracts.of(host, family, real.number))
            for violation in (*one.undeclared(), *one.broken_promises()):
                witness = violation.witness
                if witness is not None and any(walk.outcome == "unknown" for walk in witness.walks):
                    unknown.append(NotUnderstood(violation.where, f"whether it {violation.what}: {witness.packet}"))
                else:
                    violations.append(violation)
    return Proof(tuple(violations), tuple(unknown), counts, fabric.notes)
