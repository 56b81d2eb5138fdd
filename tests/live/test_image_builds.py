"""Building images for real: once, in parallel, after a kill, and nothing of this machine in them."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from idc.engine import images
from tests.conftest import ROOT
from tests.live.playground import docker, until

NAME = "client"
ENSURE = f"""
from idc.engine import images
print(images.ensure(["{NAME}"], lambda words, _: print(words, flush=True)).ids["{NAME}"])
"""


@pytest.fixture(scope="module")
def ids() -> dict[str, str]:
    return dict(images.ensure(images.image_names(), lambda *_: None).ids)


def test_nothing_is_built_when_nothing_changed(ids: dict[str, str]) -> None:
    said: list[str] = []
    began = time.monotonic()
    assert images.ensure(images.image_names(), lambda words, _: said.append(words)).ids == ids
    assert time.monotonic() - began < 10
    assert not [words for words in said if "built" in words]


def test_no_image_carries_this_machines_package_sources(ids: dict[str, str], tmp_path: Path) -> None:
    docker("save", f"--output={tmp_path / 'images.tar'}", *sorted(set(ids.values())))
    names: set[str] = set()
    with tarfile.open(tmp_path / "images.tar") as archive:
        for member in archive:
            if member.isreg() and member.size > 10_000:
                layer = archive.extractfile(member)
                assert layer is not None
                with tarfile.open(fileobj=layer) as inner:
                    names |= {name.strip("./") for name in inner.getnames()}
    assert "usr/bin/bash" in names  # it was looked at
    leaks = re.compile(
        r"etc/apt/(sources\.list$|sources\.list\.d/.|auth|apt\.conf\.d/99)|var/lib/apt/lists/.|etc/ssh/ssh_host"
    )
    assert not [name for name in names if leaks.match(name)]


@pytest.fixture
def other(ids: dict[str, str], tmp_path: Path) -> Iterator[Path]:
    """A checkout of its own with an image that was never built, and a cache of its own."""
    for folder in ("src", "images", "roles"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / "Pulumi.yaml").touch()
    (tmp_path / "images" / NAME / "packages").write_text("bc\n")
    (tmp_path / "images" / NAME / "files").mkdir()
    (tmp_path / "images" / NAME / "files" / "mark").write_text(str(time.time()))
    yield tmp_path
    for line in docker(
        "images", "--format={{.Repository}}:{{.Tag}} {{.ID}}", "--no-trunc", f"--filter=reference=idc/{NAME}"
    ).splitlines():
        tag, identity = line.split()
        if identity not in ids.values() and docker("run", "--rm", "--entrypoint=ls", tag, "/").find("mark") >= 0:
            docker("rmi", tag)


def start(checkout: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(checkout / "src"), "IDC_CACHE": str(checkout / "cache")}
    return subprocess.Popen(
        [sys.executable, "-c", ENSURE], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def scratch() -> set[str]:
    return {path.name for path in Path("/var/tmp").glob("idc-images-*")}


def test_a_killed_build_is_finished_by_the_next_run_and_two_at_once_build_once(other: Path) -> None:
    before = scratch()
    killed = start(other)
    assert killed.stdout is not None
    until(lambda: "unpacking" in str(killed.stdout and killed.stdout.readline()), "a build in its middle", 120)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert scratch() - before  # its leftovers
    first, second = start(other), start(other)
    said = [run.communicate(timeout=300)[0] for run in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0], said
    assert len([text for text in said if f"{NAME}: built" in text]) == 1
    assert len({text.split()[-1] for text in said}) == 1
    assert scratch() <= before
    assert not [line for line in Path("/proc/mounts").read_text().splitlines() if "/var/tmp/idc-images" in line]
