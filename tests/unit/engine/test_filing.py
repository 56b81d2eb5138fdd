"""The filing application's own rules: what a declaration must be. Pure; the pages and the database are tested live."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from types import ModuleType

import pytest

from tests.conftest import ROOT

TODAY = date(2026, 11, 23)
GOOD = {
    "submission": "0123456789abcdef",
    "taxpayer": "91350100M000100Y43",
    "name": "Harbour Tea Company",
    "period": "2026-Q3",
    "kind": "income",
    "amount": "12000.50",
    "truthful": "yes",
}


@pytest.fixture
def rules(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The application's module, from the image's folder."""
    monkeypatch.syspath_prepend(str(ROOT / "images/filing/files/usr/lib/idc-filing"))
    yield importlib.import_module("filing.declaration")
    for name in [name for name in sys.modules if name.split(".")[0] == "filing"]:
        del sys.modules[name]


def test_a_good_declaration_is_read(rules: ModuleType) -> None:
    declaration, wrong = rules.read(GOOD, TODAY)
    assert wrong == {}
    assert declaration.amount == Decimal("12000.50")
    assert declaration.taxpayer == "91350100M000100Y43"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("submission", ""),
        ("submission", "short"),
        ("submission", "x" * 65),
        ("taxpayer", ""),
        ("taxpayer", "91350100M000100Y4"),
        ("taxpayer", "91350100I000100Y43"),  # no I, O, S, V, Z in these numbers
        ("name", ""),
        ("name", "   "),
        ("name", "x" * 121),
        ("name", "a\x00b"),
        ("name", "two\nlines"),
        ("period", "2026-Q4"),  # has not ended
        ("period", "2026-Q5"),
        ("period", "2020-Q3"),
        ("period", "' OR 1=1"),
        ("kind", ""),
        ("kind", "<script>"),
        ("amount", ""),
        ("amount", "-1"),
        ("amount", "1e9"),
        ("amount", "NaN"),
        ("amount", "1.234"),
        ("amount", "1" * 13),
        ("truthful", ""),
        ("truthful", "no"),
    ],
)
def test_a_wrong_entry_is_the_only_one_complained_of(rules: ModuleType, field: str, value: str) -> None:
    declaration, wrong = rules.read({**GOOD, field: value}, TODAY)
    assert declaration is None
    assert set(wrong) == {field}


def test_an_empty_form_names_every_field(rules: ModuleType) -> None:
    assert set(rules.read({}, TODAY)[1]) == set(GOOD)


@pytest.mark.parametrize(("typed", "kept"), [("0", "0.00"), ("12,000", "12000.00"), ("12 000.5", "12000.50")])
def test_amounts_are_read_as_people_write_them(rules: ModuleType, typed: str, kept: str) -> None:
    assert str(rules.read({**GOOD, "amount": typed}, TODAY)[0].amount) == kept


def test_the_quarters_that_can_be_filed_are_those_that_ended(rules: ModuleType) -> None:
    periods = rules.periods(TODAY)
    assert periods[0] == "2026-Q3"
    assert periods[-1] == "2021-Q4"
    assert len(periods) == 20
    assert rules.periods(date(2026, 1, 1))[0] == "2025-Q4"
