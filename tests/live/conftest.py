"""A small centre of the tests' own on real engines: brought up once, brought down at the end.

Everything in this folder is marked ``live`` and runs in one worker, in the order of the file names.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests.live.watched import Watched, watching

ROOT = Path(__file__).resolve().parents[2]


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups, also where this folder was named
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what stands in this folder."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.live)
            item.add_marker(pytest.mark.xdist_group("live"))


@dataclass(frozen=True)
class Run:
    """How a command of idc ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its ``--json`` document."""
        return json.loads(self.out)

    def ok(self) -> Run:
        """Itself, when it ended with 0."""
        assert self.code == 0, f"exit code {self.code}\n{self.out}\n{self.err}"
        return self


@dataclass(frozen=True)
class LiveCentre:
    """A centre folder, and the command line to work on it."""

    folder: Path
    stations: Path
    first_up: Watched = field(default_factory=Watched)  # what was to be seen while it was brought up

    @property
    def environment(self) -> dict[str, str]:
        """Environment of its commands: its own stations folder, the shared caches."""
        return {**os.environ, "IDC_STATIONS": str(self.stations), "PYTHONPATH": str(ROOT / "src")}

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """Start a command in a process group of its own, its output thrown away."""
        return subprocess.Popen(
            [sys.executable, "-m", "idc", *words], cwd=ROOT, env=self.environment, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def idc(self, *words: str, timeout: float = 600.0) -> Run:
        """Run a command to its end."""
        done = subprocess.run(
            [sys.executable, "-m", "idc", *words], cwd=ROOT, env=self.environment, capture_output=True, text=True,
            timeout=timeout, check=False,
        )  # fmt: skip
        return Run(done.returncode, done.stdout, done.stderr)

    def up(self, *words: str) -> Any:
        """`idc up --no-verify --json` to its end; the centre's part of the document."""
        return self.idc("up", str(self.folder), "--no-verify", "--json", *words).ok().json["centres"][0]

    @property
    def station(self) -> Path:
        """Its station folder."""
        return next(entry for entry in self.stations.iterdir() if entry.is_dir())

    def docker(self, *words: str) -> str:
        """Docker on this machine's own engine."""
        done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, f"docker {' '.join(words)}: {done.stderr}"
        return done.stdout.strip()

    def on(self, host: str, script: str, *, check: bool = True) -> str:
        """A shell script inside a lab host, as by its console."""
        name = f"idc-small-government-extranet-{host}"
        done = subprocess.run(
            ["docker", "exec", "-i", name, "bash", "-c", script],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert not check or done.returncode == 0, f"{host}: {script}: {done.stderr}"
        return done.stdout.strip()


NEW_TENANT = """\
tenant: museum
department: City Museum
contacts: [{name: Desk, email: desk@museum.town.example}]
sites: [{name: www, names: [museum.town.example], visibility: internet, audience: [citizen]}]
quota: {cpus: 0.5, memory: 256MiB, disk: 1GiB, bandwidth: 5Mbit/s}
"""


def _copy(folder: Path) -> Path:
    target = folder / "centre"
    shutil.copytree(ROOT / "centres" / "small" / "extranet", target, ignore=shutil.ignore_patterns("locks"))
    return target


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCentre]:
    """The small centre, up. What an earlier, killed test run left of it is removed first."""
    from idc.engine import machine
    from tests.live.centre import Traces, assert_nothing_left

    machine.ensure(lambda *_: None)
    base = tmp_path_factory.mktemp("live")
    centre = LiveCentre(_copy(base), base / "stations")
    centre.idc("destroy", str(centre.folder), "--foreign").ok()
    try:
        with watching(centre.stations) as seen:
            run = centre.idc("up", str(centre.folder), "--no-verify")
        seen.said = run.ok().out + run.err
        traces = Traces.of(centre)
        assert len(traces.left()) >= 7, "three kinds by label and by name, and the station"
        yield replace(centre, first_up=seen)
    finally:
        ended = centre.idc("destroy", str(centre.folder), "--foreign")
    ended.ok()
    assert_nothing_left(traces, centre)


@pytest.fixture(scope="session")
def museum(small: LiveCentre) -> Path:
    """The file of a tenant that came after the first `up`, by whichever test asks first."""
    file = small.folder / "tenants" / "museum.yaml"
    if not file.exists():
        file.write_text(NEW_TENANT)
        small.up()
    return file
