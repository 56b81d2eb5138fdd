"""What a loaded declaration offers: places, a digest, tolerance for what only closes; and init and generate."""

from __future__ import annotations

import gc
import shutil
from pathlib import Path

import pytest

from idc.errors import InputError, UsageError
from idc.model import init, load
from idc.model.generate import generate
from tests.bad_input import cases


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the base centre."""
    copy = tmp_path / "centre"
    shutil.copytree(cases.BASE, copy)
    return copy


def test_a_place_is_shown_with_the_folder_and_kept_without(folder: Path) -> None:
    place = load(folder).where("tenants/tax.yaml", "egress", 0, "to")
    assert (place.file, place.at, place.column) == (f"{folder}/tenants/tax.yaml", "tenants/tax.yaml:23", 10)
    assert place.source == "  - {to: 172.16.4.0/24, port: 443/tcp, why: the register of companies}"
    problem = place.problem("closed", "open it")
    assert (problem.line, problem.column, problem.hint, problem.source) == (23, 10, "open it", place.source)


@pytest.mark.parametrize(
    ("path", "line", "column"),
    [
        ((), 1, 1),
        (("tenant",), 1, 9),
        (("contacts",), 3, 1),  # the value begins a line below: the key says better where
        (("contacts", 0), 4, 5),
        (("contacts", 0, "email"), 4, 30),
        (("quota", "bandwidth"), 6, 56),
        (("sites", 1), 13, 5),
        (("sites", 1, "names", 0), 15, 13),
        (("sites", 1, "content"), 13, 5),  # not there: the nearest that is
        (("sites", 7), 7, 1),
        (("nothing", "at", "all"), 1, 1),
    ],
)
def test_each_value_has_its_place(path: tuple[str | int, ...], line: int, column: int) -> None:
    place = load(cases.BASE).where("tenants/tax.yaml", *path)
    assert (place.line, place.column) == (line, column)


def test_tenants_come_in_order_of_their_ids(folder: Path) -> None:
    assert [tenant.tenant for tenant in load(folder).tenants] == ["parks", "tax"]


def test_the_digest_is_of_what_is_said_not_of_how(folder: Path) -> None:
    before = load(folder).digest
    file = folder / "tenants" / "parks.yaml"
    file.write_text(
        "# Parks\ndepartment: 'Parks and Gardens'\ntenant: parks\n" + "\n".join(file.read_text().split("\n")[2:])
    )
    assert load(folder).digest == before
    file.write_text(file.read_text().replace("Gardens", "Garden"))
    assert load(folder).digest != before


def test_the_digest_does_not_depend_on_where_the_folder_lies(folder: Path) -> None:
    assert load(folder).digest == load(cases.BASE).digest


def test_the_collector_runs_again_after_a_failure(folder: Path) -> None:
    (folder / "centre.yaml").write_text("format: 2\n")
    with pytest.raises(InputError):
        load(folder)
    assert gc.isenabled()


def test_five_lines_make_a_tenant(folder: Path) -> None:
    parks = next(tenant for tenant in load(folder).tenants if tenant.tenant == "parks")
    assert len((folder / "tenants" / "parks.yaml").read_text().splitlines()) == 5
    assert (parks.sites[0].kind, parks.sites[0].visibility, parks.protection_level) == ("static", "fabric", 2)


def test_hidden_files_and_documents_are_no_strangers(folder: Path) -> None:
    for name in (".gitignore", ".editor.swp", "README.md", "tenants/README.md", "tenants/.tax.yaml.swp"):
        (folder / name).write_text("x")
    for name in ("locks", "policies", "tests", ".git"):
        (folder / name).mkdir()
    assert cases.problems_of(folder) == ()


@pytest.mark.parametrize(
    ("profile", "fabric", "public"),
    [
        ("local-government", "government-extranet", True),
        ("local-government", "office-intranet", False),
        ("national", "government-intranet", False),
        ("three-nets", "public-service-net", True),
        ("three-nets", "office-lan", False),
    ],
)
def test_a_new_centre_loads_as_it_is(tmp_path: Path, profile: str, fabric: str, public: bool) -> None:
    written = init.create(tmp_path / "new", name="my-city", profile=profile, fabric=fabric)
    declaration = load(tmp_path / "new")
    assert all(file.is_file() for file in written)
    assert declaration.centre.centre == "my-city"
    assert ("internet" in declaration.centre.listeners) is public
    assert [tenant.tenant for tenant in declaration.tenants] == ["town-hall"]


def test_a_new_centre_never_overwrites(tmp_path: Path) -> None:
    init.create(tmp_path / "new", name="my-city")
    before = {path: path.read_bytes() for path in (tmp_path / "new").rglob("*") if path.is_file()}
    with pytest.raises(UsageError, match="problem"):
        init.create(tmp_path / "new", name="other")
    assert {path: path.read_bytes() for path in (tmp_path / "new").rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "My City"},
        {"name": "x"},
        {"name": "ok", "domain": "city"},
        {"name": "ok", "profile": "provincial"},
        {"name": "ok", "fabric": "internet"},
        {"name": "ok", "fabric": "nowhere"},
    ],
)
def test_a_new_centre_with_a_wrong_word_writes_nothing(tmp_path: Path, wrong: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        init.create(tmp_path / "new", **wrong)
    assert not (tmp_path / "new").exists()


def test_generated_centres_load_and_are_the_same_each_time(tmp_path: Path) -> None:
    generate(tmp_path / "one", 160)
    generate(tmp_path / "two", 160)
    one, two = load(tmp_path / "one"), load(tmp_path / "two")
    assert one.digest == two.digest
    assert len(one.tenants) == 160
    assert len([name for name in one.centre.hosts if name.startswith("web-")]) == 2
