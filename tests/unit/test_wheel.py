"""The wheel carries all that an installed idc needs, and works without the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

FOLDERS = ("images", "policies", "profiles", "roles", "stacks", "templates", "tools")


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


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_travels_whole(root: Path, installed: Path, folder: str) -> None:
    kept = subprocess.run(
        ["git", "-C", str(root), "ls-files", folder], capture_output=True, text=True, check=True
    ).stdout.split("\n")
    there = [name for name in kept if name and (root / name).is_file()]
    assert there
    assert [name for name in there if not (installed / "idc" / "_data" / name).is_file()] == []


def test_its_own_files_are_found_in_it(installed: Path) -> None:
    done = _run(installed, "-c", "from idc import paths; print(paths.resources(), paths.in_checkout())")
    assert done.stdout == f"{installed / 'idc' / '_data'} False\n", done.stderr


def test_the_reference_centre_is_planned_without_the_checkout(installed: Path) -> None:
    done = _run(installed, "-m", "idc", "plan")
    assert done.returncode == 0, done.stderr
    assert "Capacity" in done.stdout


def test_its_toolchain_is_that_of_the_checkout(root: Path, installed: Path) -> None:
    program = "from idc.engine import toolchain as t; print(t.PULUMI.digest(), t.DOCKER_PLUGIN.digest())"
    here = subprocess.run([sys.executable, "-P", "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert _run(installed, "-c", program).stdout == here.stdout


def test_the_stacks_are_found_in_it(installed: Path) -> None:
    program = "from idc.engine import forkserver; forkserver.preload(); import stacks.tenant; print(stacks.__path__)"
    done = _run(installed, "-c", program)
    assert str(installed / "idc" / "_data" / "stacks") in done.stdout, done.stderr
