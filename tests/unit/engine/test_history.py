"""No older declaration, no vanished tenant."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from idc.engine import history
from idc.errors import EngineError, RefusedError


@dataclass(frozen=True)
class Folder:
    """As much of a declaration and its locks as history looks at."""

    folder: Path
    digest: str
    serial: int
    names: tuple[str, ...] = ("tax",)

    @property
    def tenants(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(tenant=name) for name in self.names]

    def check(self, station: Path, *, deliberate: bool = False) -> None:
        history.check_not_older(station, cast("Any", self), cast("Any", self), deliberate=deliberate)
        history.check_none_vanished(station, cast("Any", self))

    def apply(self, station: Path) -> None:
        self.check(station)
        text = '{"tenants": [' + ", ".join(f'{{"id": "{name}"}}' for name in self.names) + "]}"
        history.record(station, text, self.digest, self.serial, self.folder)


@pytest.fixture
def station(tmp_path: Path) -> Path:
    (tmp_path / "station" / "locks").mkdir(parents=True)
    return tmp_path / "station"


@pytest.fixture
def first(tmp_path: Path) -> Folder:
    (tmp_path / "centre").mkdir()
    return Folder(tmp_path / "centre", "digest-1", 1)


def test_anything_is_new_to_an_empty_station(station: Path, first: Folder) -> None:
    replace(first, serial=7).check(station)


def test_the_same_again_and_something_newer_pass(station: Path, first: Folder) -> None:
    first.apply(station)
    first.apply(station)
    replace(first, digest="digest-2", serial=2).apply(station)
    assert [entry.declaration for entry in history.read(station)] == ["digest-1", "digest-2"]


def test_an_older_copy_of_the_folder_is_refused(station: Path, first: Folder) -> None:
    first.apply(station)
    replace(first, digest="digest-2", serial=2).apply(station)
    with pytest.raises(RefusedError, match="locks have serial 1, the station has 2"):
        first.check(station)


def test_earlier_content_with_present_locks_is_refused_unless_meant(station: Path, first: Folder) -> None:
    first.apply(station)
    replace(first, digest="digest-2", serial=2).apply(station)
    with pytest.raises(RefusedError, match="something newer was since"):
        replace(first, serial=2).check(station)
    replace(first, serial=2).check(station, deliberate=True)


def test_missing_locks_are_refused_with_the_way_to_bring_them_back(station: Path, first: Folder) -> None:
    replace(first, serial=3).apply(station)
    with pytest.raises(RefusedError, match="is missing") as raised:
        replace(first, serial=0, digest="digest-2").check(station)
    assert str(station / "locks") in raised.value.hint


# -- git ---------------------------------------------------------------------------------------------------------------


def _commit(folder: Path, text: str) -> None:
    if not (folder / ".git").exists():
        subprocess.run(["git", "-C", folder, "init", "-q"], check=True)
    (folder / "centre.yaml").write_text(text)
    subprocess.run(["git", "-C", folder, "add", "."], check=True)
    who = ["-c", "user.name=t", "-c", "user.email=t@example"]
    subprocess.run(["git", "-C", folder, *who, "commit", "-qm", text], check=True)


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not needed to use idc")
def test_git_tells_a_revert_from_an_old_checkout(station: Path, first: Folder) -> None:
    _commit(first.folder, "one")
    first.apply(station)
    _commit(first.folder, "two")
    replace(first, digest="digest-2").apply(station)
    _commit(first.folder, "one again, on purpose")
    first.check(station)
    subprocess.run(["git", "-C", first.folder, "checkout", "-q", "HEAD~2"], check=True)
    with pytest.raises(RefusedError, match="at a commit before the one last applied"):
        replace(first, digest="never-applied").check(station)


# -- vanished tenants --------------------------------------------------------------------------------------------------


def test_a_vanished_tenant_is_refused_by_its_file(station: Path, first: Folder) -> None:
    replace(first, names=("parks", "tax")).apply(station)
    with pytest.raises(RefusedError, match=r"tenants/parks\.yaml has vanished") as raised:
        first.check(station)
    assert "state: retiring" in raised.value.hint


def test_a_tenant_of_a_run_that_died_counts_too(station: Path, first: Folder) -> None:
    (station / "locks" / "tenants").mkdir()
    (station / "locks" / "tenants" / "parks.yaml").write_text("")
    (station / "locks" / "platform.yaml").write_text("")
    with pytest.raises(RefusedError, match=r"parks\.yaml has vanished"):
        first.check(station)


def test_a_retired_tenant_may_go(station: Path, first: Folder) -> None:
    replace(first, names=("parks", "tax")).apply(station)
    (station / "retired.json").write_text('{"parks": {"kept": []}}')
    first.check(station)


def test_a_damaged_history_is_an_error_with_its_name(station: Path, first: Folder) -> None:
    first.apply(station)
    (station / "applied" / "history.json").write_text("[{")
    with pytest.raises(EngineError, match=r"history\.json is damaged"):
        first.check(station)
