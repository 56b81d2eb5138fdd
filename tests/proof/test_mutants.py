"""Whatever is spoiled is found, and each packet that is shown for it really passes where it must not, or is stopped."""

from __future__ import annotations

import pytest

from idc.proof import Proof, prove_plan
from tests.proof.mutants_of_law import LAW
from tests.proof.mutants_of_rules import PROMISES, RULES, UNKNOWN
from tests.proof.spoil import Mutant, centre

ALL = (*RULES, *PROMISES, *UNKNOWN, *LAW)

INCLUSIONS = {"passes": "real in declared", "stopped": "real in declared", "promise": "declared in real",
              "law": "declared in law"}  # fmt: skip


def judge(mutant: Mutant) -> Proof:
    """The proof of the spoiled town."""
    town = centre()
    mutant.spoil(town)
    return prove_plan(town.plan, town.rules, town.routes)


@pytest.mark.parametrize("mutant", ALL, ids=lambda mutant: mutant.name)
def test_the_proof_finds(mutant: Mutant) -> None:
    proof = judge(mutant)
    assert not proof.holds
    if mutant.outcome == "unknown":
        assert any(mutant.says in str(unknown) for unknown in proof.unknown), [str(u) for u in proof.unknown]
        return
    said = [v for v in proof.violations if v.inclusion == INCLUSIONS[mutant.outcome] and mutant.says in str(v)]
    assert said, [str(violation) for violation in proof.violations]
    for violation in said:
        if mutant.outcome == "passes":
            assert violation.witness is not None
            assert violation.witness.passes, violation
        elif mutant.outcome in ("stopped", "promise"):
            assert violation.witness is not None
            stopped = not (violation.witness.passes and violation.witness.arrives)
            assert stopped or mutant.outcome == "promise", violation


def test_there_are_enough_mutants_and_each_has_a_name_of_its_own() -> None:
    names = [mutant.name for mutant in ALL]
    assert len(set(names)) == len(names) >= 60
