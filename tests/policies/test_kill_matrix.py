"""The kill matrix: every mutation is found, by the policy that names it, and every policy is needed."""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path

import pytest

from idc.model import init
from idc.model.enums import Role
from idc.model.generate import generate
from idc.model.profiles import load_profile, names
from idc.policy import REGISTRY, judge, pack
from tests.conftest import ROOT
from tests.policies.matrix import alone, kills
from tests.policies.mutations import all_mutations
from tests.policies.mutations_declared import administered, egress
from tests.policies.reference import TODAY, as_planned, good, view

pack.load()


@pytest.mark.parametrize("name", ["extranet", "intranet"])
def test_the_reference_centres_are_good(name: str) -> None:
    verdict = judge(good(name))
    assert verdict.findings == ()
    assert verdict.judged == len(REGISTRY) == len(verdict.passed)


@pytest.mark.parametrize("profile", names())
def test_a_new_centre_is_good_in_each_fabric_that_may_be_built(profile: str, tmp_path: Path) -> None:
    for fabric in load_profile(profile).managed:
        folder = tmp_path / fabric
        init.create(folder, name="town", profile=profile, fabric=fabric)
        assert [str(finding) for finding in judge(as_planned(folder)).findings] == []


def test_a_generated_centre_is_good(tmp_path: Path) -> None:
    generate(tmp_path / "bench", 20, today=TODAY)
    assert judge(as_planned(tmp_path / "bench")).findings == ()


def test_the_small_centre_is_good() -> None:
    assert judge(as_planned(ROOT / "centres" / "small" / "extranet")).findings == ()


def test_a_centre_with_machines_and_people_is_good() -> None:
    assert judge(administered()).findings == ()


@pytest.mark.parametrize("words", all_mutations())
def test_a_mutation_is_killed_by_the_policies_that_name_it(words: str) -> None:
    assert set(all_mutations()[words].kills) <= kills()[words]


@pytest.mark.parametrize("policy", [policy.id for policy in REGISTRY])
def test_each_policy_kills_a_mutation_that_no_other_does(policy: str) -> None:
    assert alone().get(policy), f"{policy} kills nothing that others would not"


@pytest.mark.parametrize("words", [words for words in all_mutations() if words != "no recipes are known"])
def test_a_mutation_is_found_by_what_it_breaks_and_not_by_a_rule_that_fails(words: str) -> None:
    assert [str(each) for each in judge(all_mutations()[words].make()).findings if "cannot judge" in each.words] == []


def test_a_pass_says_what_was_looked_at() -> None:
    looked = {passed.policy: passed.looked_at for passed in judge(view()).passed}
    assert looked["hardening.privileged"] == "7 containers"
    assert looked["networks.overlap"] == "7 networks"
    assert looked["ownership.labels"] == "19 containers and networks and volumes"


def test_what_ends_within_a_month_is_told_of_and_stops_nothing() -> None:
    near = egress("an egress that ends in three weeks", until="2026-01-22").make()
    verdict = judge(near)
    assert verdict.ok
    (due,) = verdict.due
    assert (due.policy, due.scope, due.where) == ("flows.until", "tenant/tax", "tenants/tax.yaml:10")
    assert due.words == "ends in 21 days, on 2026-01-22"


def test_the_last_month_of_an_only_administrator_is_told_of() -> None:
    view = replace(administered(), today=datetime.date(2026, 12, 15))
    assert [due.subject for due in judge(view).due] == [f"the {role} administrator's role" for role in sorted(Role)]


def test_a_lab_needs_no_people() -> None:
    assert "people.held" in {passed.policy for passed in judge(good()).passed}


def test_judging_nothing_is_no_pass() -> None:
    assert not judge(view(), []).ok
