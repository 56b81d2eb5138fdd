"""How many random cases are tried: few by default, many with IDC_PROOF_CASES=long."""

from __future__ import annotations

import os


def amount(*, short: int, long: int) -> int:
    """The number of cases of this run."""
    return long if os.environ.get("IDC_PROOF_CASES") == "long" else short
