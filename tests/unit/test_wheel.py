"""The wheel carries all that an installed idc needs, and works without the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

KEPT = (
    "Pulumi.yaml",
    "centres/reference",
    "controls",
    "images",
    "policies",
    "profiles",
    "roles",
    "stacks",
    "templates",
    "tests/live/verify",
    "tools",
)

pytestmark = pytest.mark.live  # builds and installs for seconds


@pytest.fixture(scope="module")
def installed(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's content, as an installation puts it beside its dependencies."""
    out = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(root)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = out.glob("*.whl")
    place = out / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place)
    return place


def _run(installed: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(installed), "IDC_STATIONS": str(installed / "stations")}
    return subprocess.run(
        [sys.executable, "-P", *words], cwd=installed, env=environment, capture_output=True, text=True, check=False
    )


def _files(root: Path, place: str) -> list[str]:
    """What git knows or would take on: nothing that is made on the way."""
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files", "--cached", "--others", "--exclude-standard", place],
        capture_output=True, text=True, check=True,
    ).stdout.split("\n")  # fmt: skip
    return [name for name in listed if name and (root / name).is_file()]


@pytest.mark.parametrize("place", KEPT)
def test_what_an_installed_idc_needs_travels_whole(root: Path, installed: Path, place: str) -> None:
    there = _files(root, place)
    assert there
    assert [name for name in there if not (installed / "idc" / "_data" / name).is_file()] == []


def test_nothing_else_travels(root: Path, installed: Path) -> None:
    data = installed / "idc" / "_data"
    files = (file for file in data.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
    found = {str(file.relative_to(data)) for file in files}
    wanted = {name for place in KEPT for name in _files(root, place)}
    made = {"tools/pulumi-resource-docker/generated/schema.json"}  # by the toolchain's build, in a checkout
    assert found - wanted - made == set()


def test_the_two_lists_of_what_is_needed_are_one(root: Path) -> None:
    written = (line.partition("#")[0].strip() for line in (root / "requirements.in").read_text().splitlines())
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert sorted(project["dependencies"]) == sorted(line for line in written if line)


def test_its_own_files_are_found_in_it(installed: Path) -> None:
    done = _run(installed, "-c", "from idc import paths; print(paths.resources(), paths.in_checkout())")
    assert done.stdout == f"{installed / 'idc' / '_data'} False\n", done.stderr


def test_the_reference_centre_is_planned_without_the_checkout(installed: Path) -> None:
    done = _run(installed, "-m", "idc", "plan")
    assert done.returncode == 0, done.stderr
    assert "Capacity" in done.stdout


def test_the_reference_centre_is_drawn_without_the_checkout(installed: Path, tmp_path: Path) -> None:
    picture = tmp_path / "map.svg"
    centre = installed / "idc" / "_data" / "centres" / "reference" / "extranet"
    done = _run(installed, "-m", "idc", "graph", str(centre), "-o", str(picture))
    assert done.returncode == 0, done.stderr
    assert "office-intranet" in picture.read_text(encoding="utf-8")


def test_a_new_centre_is_written_and_planned_without_the_checkout(installed: Path, tmp_path: Path) -> None:
    for verb in ("init", "plan"):
        done = _run(installed, "-m", "idc", verb, str(tmp_path / "my-city"))
        assert done.returncode == 0, done.stderr


def test_the_tests_that_verify_runs_can_be_imported_from_it(installed: Path) -> None:
    program = (
        "import runpy; from idc import paths; from idc.live.verify import SUITE\n"
        "for file in sorted((paths.resources() / SUITE).glob('test_*.py')): runpy.run_path(str(file)); print(file)"
    )
    done = _run(installed, "-c", program)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if not line.startswith(str(installed))] == []
    assert len(done.stdout.splitlines()) == len(list((installed / "idc/_data/tests/live/verify").glob("test_*.py"))) > 3


def test_its_toolchain_is_that_of_the_checkout(root: Path, installed: Path) -> None:
    program = "from idc.engine import toolchain as t; print(t.PULUMI.digest(), t.DOCKER_PLUGIN.digest())"
    here = subprocess.run([sys.executable, "-P", "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert _run(installed, "-c", program).stdout == here.stdout


def test_the_stacks_are_found_in_it(installed: Path) -> None:
    program = "from idc.engine import forkserver; forkserver.preload(); import stacks.tenant; print(stacks.__path__)"
    done = _run(installed, "-c", program)
    assert str(installed / "idc" / "_data" / "stacks") in done.stdout, done.stderr
