"""A lock, and its files."""

from __future__ import annotations

from pathlib import Path

import pytest

from idc.plan.lock import Lock
from tests.unit.plan import build


@pytest.fixture
def lock() -> Lock:
    """The lock of two tenants."""
    _, made = build.plan(build.declare(build.tenant("parks"), build.tenant("tax", build.site(), build.app())))
    return made


@pytest.fixture
def folder(lock: Lock, tmp_path: Path) -> Path:
    """Its files."""
    lock.write(tmp_path / "locks")
    return tmp_path / "locks"
