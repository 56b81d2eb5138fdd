"""The lock: what it holds never moves, and its files are read with suspicion."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from idc.errors import InputError, Problem
from idc.plan.lock import Lock
from idc.plan.lockfiles import digest
from tests.unit.plan import build


def test_no_folder_is_an_empty_lock(tmp_path: Path) -> None:
    assert Lock.read(tmp_path / "locks") == Lock()


def test_what_is_written_is_read(lock: Lock, folder: Path) -> None:
    assert Lock.read(folder) == lock
    assert sorted(path.name for path in (folder / "tenants").iterdir()) == ["parks.yaml", "tax.yaml"]


def test_an_unchanged_lock_writes_no_file(lock: Lock, folder: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.yaml")}
    assert not lock.write(folder)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.yaml")} == before


def test_one_more_tenant_touches_its_own_file_and_the_platform(lock: Lock, folder: Path) -> None:
    untouched = {path: path.read_bytes() for path in (folder / "tenants").iterdir()}
    specs = [build.tenant("parks"), build.tenant("tax", build.site(), build.app()), build.tenant("roads")]
    _, later = build.plan(build.declare(*specs), lock)
    assert later.write(folder)
    assert {path: path.read_bytes() for path in untouched} == untouched
    assert (folder / "tenants" / "roads.yaml").exists()
    assert later.serial == lock.serial + 1


def test_the_serial_stands_still_while_nothing_changes(lock: Lock) -> None:
    declaration = build.declare(build.tenant("parks"), build.tenant("tax", build.site(), build.app()))
    _, again = build.plan(declaration, lock)
    assert again is lock


def test_a_freed_tenant_leaves_no_file_and_its_number_is_given_again(lock: Lock, folder: Path) -> None:
    freed = lock.free("parks")
    assert freed.write(folder)
    assert not (folder / "tenants" / "parks.yaml").exists()
    tax = build.tenant("tax", build.site(), build.app())
    _, later = build.plan(build.declare(tax, build.tenant("roads")), freed)
    assert later.tenants["roads"].number == lock.tenants["parks"].number


def test_a_tenant_that_vanished_is_refused_by_its_file(lock: Lock) -> None:
    with pytest.raises(InputError) as caught:
        build.plan(build.declare(build.tenant("tax", build.site(), build.app())), lock)
    (problem,) = caught.value.problems
    assert problem.file == "/centre/tenants/parks.yaml"
    assert "retiring" in problem.hint


def test_an_allocation_may_be_written_before_its_slots(lock: Lock) -> None:
    declaration = build.declare(build.tenant("parks"), build.tenant("tax", build.site(), build.app()))
    _, after = build.plan(declaration, lock, images=build.IMAGES | {"filing": "sha256:new"})
    assert after.tenants["tax"].sites["file"].slots["tax-file-app"].slot == "b"
    assert after.with_slots_of(lock) is lock


def only(folder: Path) -> Problem:
    with pytest.raises(InputError) as caught:
        Lock.read(folder)
    assert len(caught.value.problems) == 1, caught.value.render()
    return caught.value.problems[0]


def edit(path: Path, change: Callable[[dict[str, object]], object], *, restamp: bool = True) -> None:
    """Change a lock file as someone with an editor would, who (``restamp``) knows of the digests too."""
    header, _, body = path.read_text().partition("\n")
    data = json.loads(body)
    change(data)
    path.write_text(f"{header}\n{json.dumps(data, indent=1)}\n")
    if restamp and path.parent.name == "tenants":
        stamp = digest(path.read_bytes())
        edit(path.parents[1] / "platform.yaml", lambda data: data["tenants"].update({path.stem: stamp}))  # type: ignore[attr-defined]


def test_overlapping_subnets_are_refused_with_their_line(lock: Lock, folder: Path) -> None:
    taken = str(lock.tenants["parks"].sites["www"].segments["web"])
    host = lock.tenants["parks"].sites["www"].host

    def change(data: dict[str, dict[str, dict[str, object]]]) -> None:
        data["sites"]["www"]["segments"] = {"web": taken}
        data["sites"]["www"]["host"] = host

    edit(folder / "tenants" / "tax.yaml", change)  # type: ignore[arg-type]
    problem = only(folder)
    assert problem.file == str(folder / "tenants" / "tax.yaml")
    assert taken in problem.source
    assert "overlaps one of tenant/parks/site/www" in problem.message


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("tenants/tax.yaml", lambda data: data.update(number=1), "number 1 is tenant parks's"),
        ("tenants/tax.yaml", lambda data: data.update(number=0), "out of range"),
        ("tenants/tax.yaml", lambda data: data.update(number="2"), "not of type int"),
        ("tenants/tax.yaml", lambda data: data.update(tenant="parks"), "says that it is tenant parks's"),
        ("tenants/tax.yaml", lambda data: data.pop("sites"), "`sites` is missing"),
        ("tenants/tax.yaml", lambda data: data["sites"]["www"].update(host="web-9"), "does not know"),
        (
            "tenants/tax.yaml",
            lambda data: data["sites"]["www"]["segments"].update(web="192.168.0.0/28"),
            "is in no block of host",
        ),
        (
            "tenants/tax.yaml",
            lambda data: data["sites"]["www"]["segments"].update(web="10.64.32.64/27"),
            "is in no block of host",
        ),
        (
            "tenants/tax.yaml",
            lambda data: data["sites"]["www"]["segments"].update(web="10.64.16.1/28"),
            "host bits set",
        ),
        (
            "tenants/tax.yaml",
            lambda data: data["sites"]["www"]["slots"]["tax-www-web"].update(slot="c"),
            "'c' is none of",
        ),
        (
            "tenants/tax.yaml",
            lambda data: data["sites"]["www"].update(volumes={"parks-www-content": "content"}),
            "'parks-www-content' is no volume of site www",
        ),
        (
            "tenants/tax.yaml",
            lambda data: data["sites"]["www"].update(volumes={"../../etc": "content"}),
            "'../../etc' is no volume",
        ),
        (
            "tenants/tax.yaml",
            lambda data: data["sites"]["www"].update(volumes={"tax-www-content": "database"}),
            "is not for 'database'",
        ),
        (
            "tenants/tax.yaml",
            lambda data: data["sites"].update({"../x": {"host": "web-1", "segments": {}}}),
            "is no site's name",
        ),
        (
            "tenants/tax.yaml",
            lambda data: data["sites"]["www"]["segments"].update(edge="10.64.32.240/28"),
            "has no segment 'edge'",
        ),
        (
            "tenants/tax.yaml",
            lambda data: data["sites"]["www"]["slots"].update({"parks-www-web": {"slot": "a", "digest": "0" * 16}}),
            "'parks-www-web' is no container of site www",
        ),
        (
            "tenants/tax.yaml",
            lambda data: data["sites"]["www"]["slots"]["tax-www-web"].update(digest="x"),
            "'x' is no digest",
        ),
        ("platform.yaml", lambda data: data.update(serial=-1), "serial -1 is out of range"),
        (
            "platform.yaml",
            lambda data: data["services"].update(rogue={"host": "web-1", "segments": {}}),
            "no service 'rogue'",
        ),
        ("platform.yaml", lambda data: data["hosts"].update({"../x": {"number": 9, "blocks": []}}), "no host's name"),
        ("platform.yaml", lambda data: data["tenants"].update({"../x": "0"}), "is no tenant's name"),
        ("platform.yaml", lambda data: data.pop("tenants"), "`tenants` is missing"),
        ("platform.yaml", lambda data: data.update(format=2), "format 2 is not known"),
        ("platform.yaml", lambda data: data["hosts"]["web-1"].update(number=1), "is host core-1's"),
        ("platform.yaml", lambda data: data["hosts"]["web-1"].update(number=254), "out of range"),
        (
            "platform.yaml",
            lambda data: data["hosts"]["core-1"].update(blocks=["10.71.240.0/20"]),
            "is no block of the prefix",
        ),
    ],
)
def test_tampering_is_refused(
    folder: Path, file: str, change: Callable[[dict[str, object]], object], message: str
) -> None:
    edit(folder / file, change)
    problem = only(folder)
    assert problem.file == str(folder / file)
    assert message in problem.message
    assert "version control" in problem.hint


def test_a_block_of_two_hosts_is_refused(lock: Lock, folder: Path) -> None:
    block = str(lock.hosts["web-1"].blocks[0])

    def change(data: dict[str, dict[str, dict[str, object]]]) -> None:
        data["hosts"]["core-1"]["blocks"] = [block]

    edit(folder / "platform.yaml", change)  # type: ignore[arg-type]
    assert "is host core-1's" in only(folder).message


def test_broken_text_is_refused_at_its_line(folder: Path) -> None:
    path = folder / "tenants" / "tax.yaml"
    path.write_text(path.read_text().replace('"number": 2,', '"number": ,'))
    problem = only(folder)
    assert problem.line == 3
    assert '"number": ,' in problem.source


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[" * 100_000,
        b"# anchors\na: &a [1]\nb: [*a, *a]\n",
        b'{"number": 1, "number": 2, "tenant": "tax", "sites": {}}',
        b"[]",
        b"null",
        b'{"number": 1e99, "tenant": "tax", "sites": {}}',
        b"x" * (1 << 21),
    ],
)
def test_whatever_a_file_holds_is_refused_without_a_traceback(folder: Path, content: bytes) -> None:
    (folder / "tenants" / "tax.yaml").write_bytes(content)
    assert only(folder).file == str(folder / "tenants" / "tax.yaml")


def test_symlinks_and_pipes_are_refused(folder: Path, tmp_path: Path) -> None:
    real = folder / "tenants" / "tax.yaml"
    real.rename(tmp_path / "elsewhere")
    real.symlink_to(tmp_path / "elsewhere")
    assert "not a regular file" in only(folder).message
    real.unlink()
    os.mkfifo(real)
    assert "not a regular file" in only(folder).message


@pytest.mark.parametrize("name", ["tenants/..%2f.yaml", "tenants/notes.txt", "notes.txt", "platform.yaml.orig"])
def test_strangers_are_refused(folder: Path, name: str) -> None:
    (folder / name).write_text("{}")
    assert only(folder).file == str(folder / name)


def test_plain_files_in_place_of_the_folders_are_refused(folder: Path, tmp_path: Path) -> None:
    shutil.rmtree(folder / "tenants")
    (folder / "tenants").write_text("")
    assert only(folder).file == str(folder / "tenants")
    (tmp_path / "file").write_text("")
    assert "no folder" in only(tmp_path / "file").message


def test_a_lost_file_of_a_tenant_is_refused_whatever_else_is_there(folder: Path) -> None:
    """Without it the next new tenant would get its number, and every address after it would move."""
    (folder / "tenants" / "parks.yaml").unlink()
    problem = only(folder)
    assert problem.file == str(folder / "tenants" / "parks.yaml")
    assert "is missing" in problem.message
    assert "station" in problem.hint


def test_an_extra_file_of_a_tenant_is_refused(folder: Path) -> None:
    (folder / "tenants" / "roads.yaml").write_text((folder / "tenants" / "parks.yaml").read_text())
    assert "is not one of the tenants" in only(folder).message


def test_an_altered_file_of_a_tenant_is_refused(lock: Lock, folder: Path) -> None:
    edit(folder / "tenants" / "parks.yaml", lambda data: data.update(number=9), restamp=False)
    assert "was altered" in only(folder).message


def test_a_missing_platform_file_is_refused(folder: Path) -> None:
    (folder / "platform.yaml").unlink()
    assert only(folder).file == str(folder / "platform.yaml")


def test_another_prefix_than_the_allocated_one_is_refused(lock: Lock) -> None:
    declaration = build.declare(
        build.tenant("parks"), build.tenant("tax", build.site(), build.app()), prefix="10.80.0.0/13"
    )
    with pytest.raises(InputError) as caught:
        build.plan(declaration, lock)
    assert "10.64.0.0/13" in caught.value.problems[0].message


def test_a_host_that_has_gone_keeps_its_number(lock: Lock) -> None:
    """A later host must never get the addresses by which others still know the old one."""
    hosts = {name: entry for name, entry in build.HOSTS.items() if name != "core-1"} | {
        "mgr-1": build.host("management")
    }
    declaration = build.declare(build.tenant("parks"), build.tenant("tax", build.site(), build.app()), hosts=hosts)
    _, later = build.plan(declaration, lock)
    assert later.hosts["core-1"] == lock.hosts["core-1"]
    assert later.hosts["mgr-1"].number not in {entry.number for entry in lock.hosts.values()}


def test_locks_compare_by_content() -> None:
    assert Lock(serial=3).after(Lock(serial=3)) == Lock(serial=3)
    assert replace(Lock(), tenants={}).after(Lock(serial=7)).serial == 7
