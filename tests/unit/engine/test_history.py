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
from idc.errors import EngineError, InputError, RefusedError
from idc.plan.lock import Lock
from tests.unit.plan import build


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
    with pytest.raises(InputError) as raised:
        first.check(station)
    (problem,) = raised.value.problems
    assert problem.file == str(first.folder / "tenants" / "parks.yaml")
    assert "state: retiring" in problem.hint


def test_a_tenant_of_a_run_that_died_counts_too(station: Path, first: Folder) -> None:
    (station / "locks" / "tenants").mkdir()
    (station / "locks" / "tenants" / "parks.yaml").write_text("")
    (station / "locks" / "platform.yaml").write_text("")
    with pytest.raises(InputError) as raised:
        first.check(station)
    assert raised.value.problems[0].file.endswith("tenants/parks.yaml")


def test_a_retired_tenant_may_go(station: Path, first: Folder) -> None:
    replace(first, names=("parks", "tax")).apply(station)
    (station / "retired.json").write_text('{"parks": {"kept": []}}')
    first.check(station)


def test_a_damaged_history_is_an_error_with_its_name(station: Path, first: Folder) -> None:
    first.apply(station)
    (station / "applied" / "history.json").write_text("[{")
    with pytest.raises(EngineError, match=r"history\.json is damaged"):
        first.check(station)


@pytest.mark.parametrize("content", ["garbage", "5", '{"tax": 1}', '"tax"', "[1]", '["../x"]', "null"])
def test_a_damaged_list_of_shut_tenants_opens_nobody(station: Path, content: str) -> None:
    """A mapping or a text read as a list would come to names that are not meant, and open the ones that are."""
    (station / "isolated.json").write_text(content)
    with pytest.raises(EngineError, match=r"isolated\.json is damaged"):
        history.isolated_tenants(station)
    (station / "isolated.json").write_text('["tax"]')
    assert history.isolated_tenants(station) == {"tax"}


# -- the station's copy of the locks -----------------------------------------------------------------------------------


@pytest.fixture
def lock(station: Path, first: Folder) -> Lock:
    """The lock of two tenants, in the centre folder and in the station."""
    _, made = build.plan(build.declare(build.tenant("parks"), build.tenant("tax")))
    made.write(first.folder / "locks")
    made.write(station / "locks")
    return made


def _refused(station: Path, folder: Path, lock: Lock) -> list[str]:
    lock.write(folder / "locks")
    with pytest.raises(InputError) as raised:
        history.check_same_allocation(station, folder, Lock.read(folder / "locks"))
    assert all(str(station / "locks") in problem.hint for problem in raised.value.problems)
    return [problem.file.removeprefix(f"{folder}/locks/") for problem in raised.value.problems]


def _without(lock: Lock, *names: str) -> Lock:
    return replace(lock, tenants={name: entry for name, entry in lock.tenants.items() if name not in names})


def _numbered(lock: Lock, name: str, number: int) -> Lock:
    return replace(lock, tenants={**lock.tenants, name: replace(lock.tenants[name], number=number)})


def test_locks_as_the_station_has_them_pass(station: Path, first: Folder, lock: Lock) -> None:
    history.check_same_allocation(station, first.folder, lock)


def test_locks_of_the_same_serial_are_the_same(station: Path, first: Folder, lock: Lock) -> None:
    """Whoever rewrites a tenant's file together with the digests is found out by the station."""
    assert _refused(station, first.folder, _numbered(lock, "parks", 9)) == ["tenants/parks.yaml"]
    assert _refused(station, first.folder, _without(lock, "tax")) == ["tenants/tax.yaml"]
    hosts = {**lock.hosts, "web-1": replace(lock.hosts["web-1"], number=77)}
    assert _refused(station, first.folder, replace(lock, hosts=hosts)) == ["platform.yaml"]


def test_locks_of_a_later_serial_add_and_never_move(station: Path, first: Folder, lock: Lock) -> None:
    specs = [build.tenant("parks", build.site(), build.site("maps")), build.tenant("roads"), build.tenant("tax")]
    _, later = build.plan(build.declare(*specs), lock)
    later.write(first.folder / "locks")
    history.check_same_allocation(station, first.folder, later)
    assert _refused(station, first.folder, _numbered(later, "parks", 9)) == ["tenants/parks.yaml"]
    assert _refused(station, first.folder, _without(later, "tax")) == ["tenants/tax.yaml"]


def test_older_or_missing_locks_are_refused_though_nothing_was_applied_whole(
    station: Path, first: Folder, lock: Lock
) -> None:
    replace(lock, serial=5).write(station / "locks")
    with pytest.raises(RefusedError, match="serial 1, older than the station's 5"):
        history.check_same_allocation(station, first.folder, lock)
    with pytest.raises(RefusedError, match="is missing"):
        history.check_same_allocation(station, first.folder, Lock())
