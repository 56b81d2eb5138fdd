"""Control catalogues say nothing that is not there."""

from __future__ import annotations

import importlib.util

import pytest
from pydantic import ValidationError

from idc.policy import REGISTRY, pack
from idc.report.controls import Catalogue, Control, controls_markdown, load_all
from tests.conftest import ROOT

CATALOGUES = load_all()
pack.load()


def exists(reference: str) -> bool:
    kind, name = reference.split(":", 1)
    if kind == "policy":
        return name in {policy.id for policy in REGISTRY}
    if kind == "code":
        return importlib.util.find_spec(name) is not None
    folder = {"role": "roles", "image": "images", "test": "."}[kind]
    return (ROOT / folder / name).exists()


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda catalogue: catalogue.catalogue)
def test_what_meets_a_control_exists(catalogue: Catalogue) -> None:
    missing = [
        f"{control.id}: {reference}"
        for control in catalogue.controls
        for reference in control.met_by
        if not exists(reference)
    ]
    assert missing == []


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda catalogue: catalogue.catalogue)
def test_controls_that_code_names_are_in_the_catalogue(catalogue: Catalogue) -> None:
    known = {control.id for control in catalogue.controls}
    clauses = {part for control in catalogue.controls for part in (control.id, control.id.split()[0])}
    named = {control for policy in REGISTRY for control in policy.controls}
    assert {name for name in named if name not in known and name.split()[0] not in clauses} == set()


def test_a_partial_control_says_what_is_left() -> None:
    with pytest.raises(ValidationError, match="say what is left"):
        Control(id="8.1.3.2 a", title="Default deny", state="partial", met_by=("role:firewall",))


def test_a_manual_control_claims_nothing() -> None:
    with pytest.raises(ValidationError, match="a manual control is met by nothing"):
        Control(id="8.1.3.2 a", title="Default deny", state="manual", met_by=("role:firewall",), reason="not yet done")


def test_the_page_counts_and_warns() -> None:
    page = controls_markdown(CATALOGUES[0])
    assert "**Unverified**" in page
    assert "never a" in page
    assert page.count("\n| 8.") == len(CATALOGUES[0].controls)
