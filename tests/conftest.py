"""Shared by all tests: where the checkout is."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout's root."""
    return ROOT


def pytest_collection_finish(session: pytest.Session) -> None:
    """Tests of one group share a centre and so a worker; where pytest-xdist does not group them, nothing may run."""
    if not getattr(session.config.option, "loadgroup", False):  # only a worker of --dist loadgroup has it
        return
    loose = [item.nodeid for item in session.items if item.get_closest_marker("xdist_group") and "@" not in item.nodeid]
    if loose:
        raise pytest.UsageError(
            f"pytest-xdist does not group tests with this pytest: {loose[0]} and {len(loose) - 1} more"
        )
