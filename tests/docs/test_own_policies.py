"""The policy that the guide shows does in a centre's `policies/` what the guide says; no page shows what is refused."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from idc import plan as planning
from idc.engine import own_policies
from idc.model import load
from idc.plan.lock import Lock
from idc.policy import judge, pack
from tests.conftest import ROOT
from tests.docs.pages import Block, blocks
from tests.docs.test_examples import EXAMPLES, loaded
from tests.policies.reference import IDS, TODAY, good

PAGE = "docs/guides/policies.md"
(EXAMPLE,) = [block for block in blocks("python") if block.page == PAGE and "custom." in block.text]


@pytest.fixture
def centre(tmp_path: Path) -> Path:
    copy = tmp_path / "centre"
    shutil.copytree(ROOT / "centres" / "reference" / "extranet", copy)
    (copy / "policies").mkdir()
    (copy / "policies" / "contacts.py").write_text(EXAMPLE.text)
    return copy


def judged(centre: Path) -> own_policies.Judged:
    (only,) = own_policies.judge(centre, replace(good(), declaration=load(centre, today=TODAY)))
    return only


def test_the_guides_policy_finds_what_it_is_for(centre: Path) -> None:
    assert [str(finding) for finding in judged(centre).findings] == [
        "[custom.two-contacts] tenant/portal names one contact only (tenants/portal.yaml)"
    ]


def test_the_guides_policy_passes_and_says_what_it_looked_at(centre: Path) -> None:
    file = centre / "tenants" / "portal.yaml"
    second = "editors@city.example}, {name: Web officer, email: web@city.example}"
    file.write_text(file.read_text().replace("editors@city.example}", second))
    only = judged(centre)
    assert (only.findings, only.looked_at, only.control) == ((), "4 tenants' files", "8.1.10.13 c")


@pytest.mark.parametrize("block", EXAMPLES, ids=str)
def test_the_policies_let_every_example_pass(block: Block, tmp_path: Path) -> None:
    declaration = loaded(block, tmp_path)
    pack.load()
    plan, _ = planning.make(declaration, Lock(), IDS, today=TODAY)
    found = judge(pack.view(plan, declaration, TODAY)).findings
    # The hosts of the guide to a new centre come before its people.
    borne = {"people.held"} if "address: 192.168.40.1" in block.text else set()
    assert [str(finding) for finding in found if finding.policy not in borne] == []
