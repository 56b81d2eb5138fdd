"""Shared by all tests: where the checkout is."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
RUNTIME = pytest.StashKey[str]()


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout's root."""
    return ROOT


def pytest_configure(config: pytest.Config) -> None:
    """A runtime folder for all tests of this process, with a short path: a socket's holds at most 107 bytes."""
    folder = tempfile.mkdtemp(prefix="idc-run-")
    config.stash[RUNTIME] = folder
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, bool | None, bool | None]:
    """No test leaves anything in the machine's own runtime folder, but for those that use its engine."""
    if item.get_closest_marker("live"):
        return (yield)
    os.environ["IDC_RUNTIME"] = item.config.stash[RUNTIME]
    try:
        return (yield)
    finally:
        del os.environ["IDC_RUNTIME"]


def pytest_collection_finish(session: pytest.Session) -> None:
    """Tests of one group share a centre and so a worker; where pytest-xdist does not group them, nothing may run."""
    if not getattr(session.config.option, "loadgroup", False):  # only a worker of --dist loadgroup has it
        return
    loose = [item.nodeid for item in session.items if item.get_closest_marker("xdist_group") and "@" not in item.nodeid]
    if loose:
        raise pytest.UsageError(
            f"pytest-xdist does not group tests with this pytest: {loose[0]} and {len(loose) - 1} more"
        )
