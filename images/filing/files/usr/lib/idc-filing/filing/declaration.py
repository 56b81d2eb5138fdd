"""What a declaration is and when it is valid. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

KINDS = {"value-added": "Value-added tax", "income": "Enterprise income tax", "property": "Property tax"}

_TAXPAYER = re.compile(r"[0-9A-HJ-NPQRTUWXY]{18}")  # the form of a unified social credit code
_PERIOD = re.compile(r"(\d{4})-Q([1-4])")
_AMOUNT = re.compile(r"\d{1,12}(\.\d{1,2})?")
_SUBMISSION = re.compile(r"[A-Za-z0-9_-]{16,64}")
_LONGEST_NAME = 120
_YEARS_BACK = 5


@dataclass(frozen=True)
class Declaration:
    """One declaration as filed. ``submission`` is the form's own token: sent twice, it is one filing."""

    submission: str
    taxpayer: str
    name: str
    period: str  # "2026-Q3"
    kind: str  # a key of KINDS
    amount: Decimal


def periods(today: date) -> list[str]:
    """The quarters that can be filed, the latest first: those that have ended within the last five years."""
    this = today.year * 4 + (today.month - 1) // 3
    return [f"{quarter // 4}-Q{quarter % 4 + 1}" for quarter in range(this - 1, this - 1 - _YEARS_BACK * 4, -1)]


def read(form: Mapping[str, str], today: date) -> tuple[Declaration | None, dict[str, str]]:
    """A declaration from a form, or what is wrong: field -> what to write instead."""
    value = {key: form.get(key, "").strip() for key in ("submission", "taxpayer", "name", "period", "kind", "amount")}
    value["taxpayer"] = value["taxpayer"].upper()
    wrong: dict[str, str] = {}
    if not _SUBMISSION.fullmatch(value["submission"]):
        wrong["submission"] = "The form is incomplete. Please load it again."
    if not _TAXPAYER.fullmatch(value["taxpayer"]):
        wrong["taxpayer"] = "Enter the 18 digits and letters of the taxpayer number, such as 91350100M000100Y43."
    if not value["name"] or len(value["name"]) > _LONGEST_NAME or not value["name"].isprintable():
        wrong["name"] = f"Enter the taxpayer's name in at most {_LONGEST_NAME} characters."
    if not _PERIOD.fullmatch(value["period"]) or value["period"] not in periods(today):
        wrong["period"] = "Choose a quarter that has ended, within the last five years."
    if value["kind"] not in KINDS:
        wrong["kind"] = "Choose the tax that you declare."
    amount = _amount(value["amount"])
    if amount is None:
        wrong["amount"] = "Enter the taxable amount in yuan, such as 12000 or 12000.50."
    if form.get("truthful") != "yes":
        wrong["truthful"] = "Confirm that the declaration is complete and true."
    if wrong or amount is None:
        return None, wrong
    return Declaration(amount=amount, **{key: text for key, text in value.items() if key != "amount"}), {}


def _amount(text: str) -> Decimal | None:
    text = text.replace(",", "").replace(" ", "")
    if not _AMOUNT.fullmatch(text):
        return None
    try:
        return Decimal(text).quantize(Decimal("0.01"))
    except InvalidOperation:
        return None
