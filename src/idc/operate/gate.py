"""The gate: what is about to be applied is judged by the policies and proven before anything is applied."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import Final

from idc import plan as planning
from idc.errors import RefusedError
from idc.operate.context import Work
from idc.plan.types import Plan
from idc.policy import Verdict, pack
from idc.proof import Proof, prove_plan

SHOWN: Final = 20  # findings in a message
_UNBUILT: Final = re.compile(r"unbuilt:([0-9a-f]+)")


def judge(plan: Plan) -> Verdict:
    """The planned policies over the inputs of all stacks of a plan."""
    documents = [planning.stack_input(plan, stack.name) for stack in plan.stacks if stack.kind != "lab"]
    return pack.judge_inputs(documents, plan.prefix)


def foresee(plan: Plan) -> tuple[Verdict, tuple[str, ...]]:
    """The same before the images are built (`up` builds them and judges their contents), and those images' names."""
    unbuilt = {c.image for c in plan.containers if _UNBUILT.match(c.image_id)}
    containers = tuple(replace(c, image_id=_foreseen(c.image_id)) for c in plan.containers)
    return judge(replace(plan, containers=containers)), tuple(sorted(unbuilt))


def _foreseen(image_id: str) -> str:
    return f"sha256:{hashlib.sha256(image_id.encode()).hexdigest()}" if _UNBUILT.match(image_id) else image_id


def refuse_findings(work: Work) -> Verdict:
    """Raises RefusedError with the findings, before anything is changed."""
    verdict = judge(work.plan)
    if not verdict.ok:
        lines = [str(finding) for finding in verdict.findings]
        more = [f"… and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
        count = f"{len(lines)} finding{'s' if len(lines) != 1 else ''}"
        raise RefusedError(
            "\n  ".join([f"{count} of policies; nothing was changed", *lines[:SHOWN], *more]),
            hint="`idc plan` shows all of them",
        )
    return verdict


def refuse_unproven(plan: Plan) -> Proof:
    """The isolation proof of a plan. Raises RefusedError with each violation and its packet."""
    proof = prove_plan(plan)
    if not proof.holds:
        lines = [str(broken) for broken in proof.violations[:SHOWN]]
        lines += [f"not understood: {what}" for what in proof.unknown[:SHOWN]]
        raise RefusedError(
            "\n  ".join([f"the isolation proof fails; nothing was changed ({proof.summary})", *lines]),
            hint="`idc plan` shows the proof; what is not understood counts as broken",
        )
    return proof
