"""The isolation proof over the hosts as they are now, as checks of a verification: one an inclusion."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Final, get_args

from idc.live.probe import Verdict
from idc.live.report import Check
from idc.live.snapshot import Snapshot
from idc.plan.types import Plan
from idc.proof import Proof, prove_snapshots
from idc.proof.verdict import Inclusion

FAMILY: Final = "Isolation proof over the live rules, routes and links"
CONTROL: Final = "8.1.3.2 c"
TITLES: Final[dict[Inclusion, str]] = {
    "declared in law": "what is declared is within the law of profile and zones",
    "real in declared": "nothing passes but what is declared, over all headers",
    "declared in real": "everything declared passes",
}


def checks(plan: Plan, snapshots: Mapping[str, Snapshot]) -> Iterator[Check]:
    """A check for each inclusion, and one for what was not understood: until that is empty, nothing is proven."""
    began = time.monotonic()
    proof = prove_snapshots(plan, snapshots)
    seconds = time.monotonic() - began
    looked = proof.looked_at["rules"] + proof.looked_at["set elements"] + proof.looked_at["routes"]
    for inclusion in get_args(Inclusion):
        yield _inclusion(proof, inclusion, looked, seconds / 3)
    yield Check(
        id="proof/understood", family=FAMILY, title="every rule, route and link is understood", host="",
        verdict=Verdict.UNKNOWN if proof.unknown else Verdict.HELD, looked=looked, words=proof.summary,
        findings=tuple((entry.where, f"not understood, and so not proven: {entry.what}") for entry in proof.unknown),
        control=CONTROL,
    )  # fmt: skip


def _inclusion(proof: Proof, inclusion: Inclusion, looked: int, seconds: float) -> Check:
    broken = [entry for entry in proof.violations if entry.inclusion == inclusion]
    verdict = Verdict.BROKEN if broken else Verdict.UNKNOWN if proof.unknown else Verdict.HELD
    words = proof.summary if not proof.unknown or broken else f"{len(proof.unknown)} things were not understood"
    return Check(
        id=f"proof/{inclusion.replace(' ', '-')}", family=FAMILY, title=TITLES[inclusion], host="", verdict=verdict,
        looked=looked, words=words, findings=tuple((entry.where, str(entry)) for entry in broken), control=CONTROL,
        seconds=seconds,
    )  # fmt: skip
