"""The gate: what is about to be applied is judged by the policies and proven before anything is applied.

What only closes (isolate, retire, destroy) never comes here: closing is always allowed.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from idc.collector import without_collector
from idc.engine import files, own_policies
from idc.errors import InputError, RefusedError
from idc.model import Declaration
from idc.model.folder import WAIVERS_FILE
from idc.model.text import did_you_mean
from idc.operate import narrow
from idc.operate.context import DryWork, Work
from idc.plan.codec import digest, encode
from idc.plan.types import Plan
from idc.policy import REGISTRY, Level, Verdict, judge, pack
from idc.policy.decision import Before, Decision, decide
from idc.proof import Proof, prove_between, prove_plan

SHOWN: Final = 20  # findings in a message
_UNBUILT: Final = re.compile(r"unbuilt:([0-9a-f]+)")


def foresee(work: Work | DryWork) -> Decision:
    """Decide before the images are built: `up` builds them, and judges their contents then."""
    plan = _whole(work)
    unbuilt = {c.image for c in plan.containers if _UNBUILT.match(c.image_id)}
    containers = tuple(replace(c, image_id=_foreseen(c.image_id)) for c in plan.containers)
    decision = _decide(work, replace(plan, containers=containers))
    return replace(decision, yet_to_be_built=tuple(sorted(unbuilt)))


def refuse_findings(work: Work) -> Decision:
    """Raises RefusedError with what stops the change, before anything is changed."""
    decision = _decide(work, work.whole)
    if not decision.ok:
        lines = [str(finding) for finding in decision.blocking]
        more = [f"… and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
        count = f"{len(lines)} finding{'s' if len(lines) != 1 else ''}"
        raise RefusedError(
            "\n  ".join([f"{count} of policies; nothing was changed", *lines[:SHOWN], *more]),
            hint=f"mend it, or have it waived in {WAIVERS_FILE}; `idc plan` shows all of them",
        )
    return decision


def record(work: Work) -> None:
    """Remember what was found of a plan that stands now, so that the next change answers only for itself."""
    verdict = _judge(work.whole, work.declaration, work.folder)
    document = {
        "findings": [finding.key for finding in verdict.findings],
        "policies": sorted(policy.id for policy in REGISTRY),
        "scopes": _scopes(work.whole, work.declaration),
    }
    files.write_atomic(_record_file(work), json.dumps(document, indent=1, sort_keys=True) + "\n")


def _whole(work: Work | DryWork) -> Plan:
    """The plan with nobody shut: shutting a tenant must not look like a change of what it has."""
    return work.whole if isinstance(work, Work) else work.plan


def _judge(plan: Plan, declaration: Declaration | None, folder: Path | None = None) -> Verdict:
    """By the pack; and where a centre folder is given, by its own policies too."""
    pack.load()
    rules = [rule for rule in REGISTRY if declaration is not None or rule.level is Level.PLANNED]
    with without_collector():
        view = pack.view(plan, declaration, _today())
        verdict = judge(view, rules)
        return verdict if folder is None else verdict.beside(own_policies.verdict(own_policies.judge(folder, view)))


def _decide(work: Work | DryWork, plan: Plan) -> Decision:
    verdict = _judge(plan, work.declaration, work.folder)
    _refuse_unknown_policies(work.declaration)
    return decide(verdict, _before(work), work.declaration.waivers, _today())


def _before(work: Work | DryWork) -> Before:
    """What stands: the applied plan judged anew by today's policies, and what was found of its declaration."""
    if not isinstance(work, Work) or work.recorded.applied is None or not _record_file(work).exists():
        return Before()
    known: dict[str, Any] = files.read_json(_record_file(work), dict)
    if not {"findings", "policies", "scopes"} <= set(known):
        raise files.damaged(_record_file(work), "it should hold findings, policies and scopes")
    scopes = _scopes(work.whole, work.declaration)
    untouched = frozenset(name for name, value in scopes.items() if known["scopes"].get(name) == value)
    found = {(str(a), str(b), str(c), str(d)) for a, b, c, d in known["findings"]}
    found |= {finding.key for finding in _judge(work.recorded.applied, None).findings}
    if "centre" in untouched:
        # A policy that came with a newer idc: where nothing was changed, the change has not brought its finding.
        fresh = {rule.id for rule in REGISTRY} - set(known["policies"])
        verdict = _judge(work.whole, work.declaration)
        found |= {f.key for f in verdict.findings if f.policy in fresh and f.scope in untouched}
    return Before(frozenset(found), untouched)


def _scopes(plan: Plan, declaration: Declaration) -> dict[str, str]:
    """Scope -> hash of all that is declared and planned in it."""
    data = {name: source.data for name, source in declaration.sources.items()}
    whole = {"files": {name: value for name, value in data.items() if not name.startswith("tenants/")}}
    hashes = {
        "centre": digest(_text(whole)),
        "platform": digest([encode(plan.stack_content("platform")), encode(plan.listeners), encode(plan.hosts)]),
    }
    for tenant in plan.tenants:
        ref = f"tenant/{tenant.id}"
        mine = [
            encode(tenant),
            encode(plan.stack_content(f"tenant-{tenant.id}")) if f"tenant-{tenant.id}" in plan.stack_by_name else None,
            [encode(flow) for flow in plan.flows if _of(ref, flow.source.ref, flow.destination.ref)],
            [encode(vhost) for vhost in plan.vhosts if vhost.tenant == tenant.id],
            _text(data.get(f"tenants/{tenant.id}.yaml")),
        ]
        hashes[ref] = digest(mine)
    return hashes


def _text(value: Any) -> str:
    """YAML data as text; dates as they are written."""
    return json.dumps(value, sort_keys=True, default=str)


def _of(ref: str, *ends: str) -> bool:
    return any(end == ref or end.startswith(f"{ref}/") for end in ends)


def _refuse_unknown_policies(declaration: Declaration) -> None:
    known = {rule.id for rule in REGISTRY}
    problems = [
        declaration.where(WAIVERS_FILE, "waivers", number, "policy").problem(
            f"there is no policy `{waiver.policy}`", did_you_mean(waiver.policy, known, what="policies")
        )
        for number, waiver in enumerate(declaration.waivers)
        if waiver.policy not in known and not waiver.policy.startswith("custom.")
    ]
    if problems:
        raise InputError(problems)


def _record_file(work: Work) -> Path:
    return work.station.folder / "applied" / "judged.json"


def _foreseen(image_id: str) -> str:
    return f"sha256:{hashlib.sha256(image_id.encode()).hexdigest()}" if _UNBUILT.match(image_id) else image_id


def _today() -> datetime.date:
    return datetime.datetime.now().astimezone().date()


def prove_change(plan: Plan, standing: Iterable[Plan] = ()) -> Proof:
    """The isolation proof of a plan, and of every state on the way to it from the plans that may stand now."""
    proof = prove_plan(plan)
    for old in standing:
        proof = proof.beside(prove_between(old, narrow.narrowed(old, plan), plan))
    return proof


def standing(work: Work | DryWork) -> tuple[Plan, ...]:
    """The plans that may stand now, without the tenants that are shut."""
    if isinstance(work, DryWork):
        return ()
    return tuple(narrow.without(plan, work.isolated) for plan in work.recorded.plans)


def refuse_unproven(plan: Plan, standing: Iterable[Plan] = ()) -> Proof:
    """The isolation proof of a plan and of the way to it. Raises RefusedError with each violation and its packet."""
    proof = prove_change(plan, standing)
    if not proof.holds:
        lines = [str(broken) for broken in proof.violations[:SHOWN]]
        lines += [f"not understood: {what}" for what in proof.unknown[:SHOWN]]
        raise RefusedError(
            "\n  ".join([f"the isolation proof fails; nothing was changed ({proof.summary})", *lines]),
            hint="`idc plan` shows the proof; what is not understood counts as broken",
        )
    return proof
