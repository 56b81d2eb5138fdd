"""The kill matrix: every mutation is found, by the policy that names it, and every policy is needed."""

from __future__ import annotations

import pytest

from idc.policy import REGISTRY, View, judge, pack
from tests.policies.matrix import alone, kills
from tests.policies.mutations import all_mutations
from tests.policies.reference import plan, resources, view

pack.load()


@pytest.mark.parametrize("name", ["extranet", "intranet"])
def test_the_reference_centres_are_good(name: str) -> None:
    verdict = judge(View(resources(name), plan(name).prefix))
    assert verdict.findings == ()
    assert verdict.judged == len(REGISTRY) == len(verdict.passed)


@pytest.mark.parametrize("words", all_mutations())
def test_a_mutation_is_killed_by_the_policies_that_name_it(words: str) -> None:
    assert set(all_mutations()[words].kills) <= kills()[words]


@pytest.mark.parametrize("policy", [policy.id for policy in REGISTRY])
def test_each_policy_kills_a_mutation_that_no_other_does(policy: str) -> None:
    assert alone().get(policy), f"{policy} kills nothing that others would not"


def test_a_pass_says_what_was_looked_at() -> None:
    looked = {passed.policy: passed.looked_at for passed in judge(view()).passed}
    assert looked["hardening.privileged"] == "7 containers"
    assert looked["networks.overlap"] == "7 networks"
    assert looked["ownership.labels"] == "19 containers and networks and volumes"


def test_judging_nothing_is_no_pass() -> None:
    assert not judge(view(), []).ok
