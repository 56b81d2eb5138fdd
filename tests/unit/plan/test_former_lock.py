"""A lock that an earlier idc wrote is told from one that was altered, and its refusal says what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from idc.errors import InputError
from idc.plan.lock import Lock


def test_a_lock_from_before_the_list_of_tenants_says_what_to_do(folder: Path) -> None:
    """To restore it, as for any other, may bring the same back."""
    file = folder / "platform.yaml"
    header, _, text = file.read_text().partition("\n")
    document = json.loads(text)
    del document["tenants"]
    file.write_text(f"{header}\n{json.dumps(document, indent=1)}\n")
    with pytest.raises(InputError) as caught:
        Lock.read(folder)
    (problem,) = caught.value.problems
    assert problem.file == str(file)
    assert "earlier idc" in problem.message
    assert "idc destroy" in problem.hint
