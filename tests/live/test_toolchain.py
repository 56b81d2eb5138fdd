"""The toolchain and the runner on this machine's own engine: real CLI, real plugin, networks of the tests' own."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from idc.engine import orphans, toolchain
from idc.engine.pulumi import PulumiRunner, StackResult, shell_env
from idc.engine.sessions import session_members
from idc.engine.station import Station
from tests.live.playground import until

ROOT = Path(__file__).resolve().parents[2]
PREFIX = "idc-test-tools"
ENGINE = "unix:///var/run/docker.sock"
LABEL = f"idc.centre={PREFIX}"

RUN_AND_WAIT = """
import sys
from pathlib import Path
from tests.live.test_toolchain import Place
place = Place(Path(sys.argv[1]))
with place.runner() as runner:
    runner.up(sys.argv[2:], parallel=2, deadline=120, on_event=lambda *event: print(*event, flush=True))
"""

POLICY_PACK = """
from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy

def no_networks(args, report):
    if args.resource_type == "docker:index/network:Network":
        report("there shall be no networks")

PolicyPack("test", policies=[ResourceValidationPolicy(name="no-networks", description="no networks",
    enforcement_level=EnforcementLevel.MANDATORY, validate=no_networks)])
"""


def docker(*words: str) -> str:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True).stdout


def left_on_engine() -> list[str]:
    return sorted(docker("network", "ls", "--filter", f"label={LABEL}", "--format", "{{.Name}}").split())


def clear_engine() -> None:
    for name in left_on_engine():
        docker("network", "rm", name)


def clear_orphans(place: Place, stacks: Sequence[str]) -> None:
    """What no state knows goes; the engine may still be finishing what it was last asked for."""
    folder = place.folder / "state" / ".pulumi" / "stacks" / "idc"
    checkpoints = [file for stack in stacks if (file := folder / f"{stack}.json").exists()]
    known = {identity for file in checkpoints for identity in orphans.resource_ids(json.loads(file.read_text()))}
    for _ in range(5):
        for identity in docker("network", "ls", "--quiet", "--no-trunc", "--filter", f"label={LABEL}").split():
            if identity not in known:
                docker("network", "rm", identity)
        time.sleep(0.3)


@dataclass(frozen=True)
class Place:
    """A station folder of the tests' own, with as many small stacks as wanted."""

    folder: Path

    def runner(self) -> PulumiRunner:
        return PulumiRunner(
            backend=self.folder / "state",
            passphrase_file=self.folder / "passphrase",
            station=self.folder,
            toolchain=toolchain.ensure(lambda _: None),
            log_dir=self.folder / "logs",
        )

    def write(self, number: int, *, networks: int = 2, engine: str = ENGINE, subnets: int = 0) -> str:
        """Write the input of stack ``number``; returns the stack's name."""
        stack, third = f"tenant-{number}", 90 + number
        labels = {"idc.centre": PREFIX, "idc.stack": stack, "idc.owner": f"tenant/{number}", "idc.digest": "0"}
        document = {
            "kind": "tenant",
            "centre": PREFIX,
            "stack": stack,
            "station": "00000000",
            "hosts": {"here": {"docker_host": engine}},
            "networks": [
                {
                    "name": f"{PREFIX}-{number}-{n}",
                    "host": "here",
                    "subnet": f"10.253.{third}.{(n + subnets) * 16}/28",
                    "gateway": f"10.253.{third}.{(n + subnets) * 16 + 1}",
                    "subnet6": None,
                    "gateway6": None,
                    "bridge": f"idct{number}-{n}",
                    "labels": labels,
                }
                for n in range(networks)
            ],
            "volumes": [],
            "containers": [],
            "lab_hosts": [],
            "people": [],
        }
        file = self.folder / "plans" / f"{stack}.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(document))
        return stack

    def names(self, number: int, networks: int = 2) -> list[str]:
        return [f"{PREFIX}-{number}-{n}" for n in range(networks)]

    def locks(self) -> list[Path]:
        return list((self.folder / "state" / ".pulumi" / "locks").rglob("*.json"))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    clear_engine()
    (tmp_path / "passphrase").write_text(secrets.token_urlsafe(32))
    yield Place(tmp_path)
    clear_engine()


def up(runner: PulumiRunner, stacks: Sequence[str], deadline: float = 120.0) -> list[StackResult]:
    return runner.up(stacks, parallel=2, deadline=deadline, on_event=lambda *_: None)


def changes(result: StackResult) -> int:
    assert result.ok, result.error
    return result.created + result.updated + result.deleted + result.replaced


def test_stacks_come_stay_and_go(place: Place) -> None:
    stacks = [place.write(1), place.write(2)]
    told: list[tuple[str, str]] = []
    with place.runner() as runner:
        assert runner.stacks() == []
        plan = runner.preview(stacks, parallel=2, deadline=120, on_event=lambda *_: None)
        assert [result.created > 0 for result in plan] == [True, True]
        assert left_on_engine() == []
        made = runner.up(stacks, parallel=2, deadline=120, on_event=lambda stack, op, _: told.append((stack, op)))
        assert all(changes(result) > 0 for result in made)
        assert left_on_engine() == sorted(place.names(1) + place.names(2))
        assert set(told) == {(stack, "create") for stack in stacks}
        assert [changes(result) for result in up(runner, stacks)] == [0, 0]
        refreshed = runner.refresh(stacks, parallel=2, deadline=120, on_event=lambda *_: None)
        assert [changes(result) for result in refreshed] == [0, 0]
        assert [changes(result) for result in up(runner, stacks)] == [0, 0]
        assert runner.stacks() == stacks
        place.write(1, networks=1)
        assert (up(runner, stacks)[0].deleted, left_on_engine()) == (2, sorted(place.names(1, 1) + place.names(2)))
        gone = runner.destroy([*stacks, "never-there"], parallel=2, deadline=120, on_event=lambda *_: None)
        assert [result.ok for result in gone] == [True, True, True]
        assert runner.stacks() == []
    assert left_on_engine() == []
    assert place.locks() == []
    passphrase = (place.folder / "passphrase").read_text()
    holders = [f for f in place.folder.rglob("*") if f.is_file() and passphrase in f.read_text(errors="replace")]
    assert holders == [place.folder / "passphrase"]


def test_what_was_removed_by_hand_comes_back_with_a_refresh_alone(place: Place) -> None:
    stacks = [place.write(1), place.write(2)]
    with place.runner() as runner:
        up(runner, stacks)
        docker("network", "rm", place.names(1)[0])
        assert [changes(result) for result in up(runner, stacks)] == [0, 0], "the state is taken for granted"
        mended = runner.up(stacks, parallel=2, deadline=120, on_event=lambda *_: None, refresh=stacks[:1])
        assert [(result.ok, result.created, result.replaced) for result in mended] == [(True, 1, 0), (True, 0, 0)]
        assert left_on_engine() == sorted(place.names(1) + place.names(2))
        again = runner.up(stacks, parallel=2, deadline=120, on_event=lambda *_: None, refresh=stacks)
        assert [changes(result) for result in again] == [0, 0], "a refresh of what stands is no change"
        runner.destroy(stacks, parallel=2, deadline=120, on_event=lambda *_: None)


def test_half_a_state_is_refreshed_by_the_next_run(place: Place) -> None:
    """The copy is from before the last write: what it lacks is on the engine and nowhere else."""
    stack = place.write(1)
    file = place.folder / "state" / ".pulumi" / "stacks" / "idc" / f"{stack}.json"
    with place.runner() as runner:
        up(runner, [stack])
        file.with_suffix(".json.bak").write_bytes(file.read_bytes())
        docker("network", "rm", place.names(1)[0])  # so it is older than what stands
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        (result,) = up(runner, [stack])
        assert (result.ok, result.created) == (True, 1)
        assert left_on_engine() == place.names(1)
        assert [changes(result) for result in up(runner, [stack])] == [0]
        runner.destroy([stack], parallel=1, deadline=120, on_event=lambda *_: None)


def test_killed_in_the_middle_the_same_stacks_complete(place: Place) -> None:
    stacks = [place.write(1, networks=6), place.write(2, networks=6)]
    killed = subprocess.Popen(
        [sys.executable, "-c", RUN_AND_WAIT, str(place.folder), *stacks], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    until(lambda: len(left_on_engine()) >= 2, "a first network", patience=120)
    sessions = [child for child in _children(killed.pid) if session_members(child)]
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert len(sessions) >= 2  # the language host and at least one CLI
    until(lambda: not any(session_members(session) for session in sessions), "all that it had started is gone")
    until(lambda: not _plugins_of(place), "the plugins are gone")
    clear_orphans(place, stacks)  # as `up` does it before the next run
    with place.runner() as runner:
        broken = runner.break_stranded_locks()
        assert len(broken) >= 1
        assert not [result.error for result in up(runner, stacks) if not result.ok]
        assert left_on_engine() == sorted(place.names(1, 6) + place.names(2, 6))
        assert [changes(result) for result in up(runner, stacks)] == [0, 0]
        runner.destroy(stacks, parallel=2, deadline=120, on_event=lambda *_: None)


def test_an_engine_that_does_not_answer_fails_its_own_stack_only(place: Place) -> None:
    with _Silent(place.folder / "silent.sock") as silent:
        stacks = [place.write(1, engine=f"unix://{silent}"), place.write(2)]
        start = time.monotonic()
        with place.runner() as runner:
            late, good = up(runner, stacks, deadline=30.0)
            assert time.monotonic() - start < 60
            assert good.ok
            assert not late.ok
            assert "not done within 30 s" in late.error
            assert place.locks() == []
            assert not _plugins_of(place)
            place.write(1)
            assert [result.ok for result in up(runner, stacks)] == [True, True]
            runner.destroy(stacks, parallel=2, deadline=120, on_event=lambda *_: None)


def test_a_program_that_fails_says_why(place: Place) -> None:
    stack = place.write(1)
    (place.folder / "plans" / f"{stack}.json").write_text('{"kind": "nothing of the sort"}')
    with place.runner() as runner:
        (result,) = up(
            runner,
            [
                stack,
            ],
        )
    assert not result.ok
    assert "no such kind of stack" in result.error
    assert "Traceback" not in result.error


def test_a_mandatory_policy_stops_a_preview(place: Place) -> None:
    pack = place.folder / "pack"
    pack.mkdir()
    (pack / "PulumiPolicy.yaml").write_text("runtime: python\n")
    (pack / "__main__.py").write_text(POLICY_PACK)
    stack = place.write(1)
    with place.runner() as runner:
        (result,) = runner.preview([stack], parallel=1, deadline=120, on_event=lambda *_: None, policy_pack=pack)
    assert not result.ok
    assert "there shall be no networks" in result.error
    assert left_on_engine() == []


def test_a_preview_typed_by_hand_at_the_root(place: Place) -> None:
    stack = place.write(1)
    with place.runner() as runner:
        assert all(result.ok for result in up(runner, [stack]))
        before = sorted(entry.name for entry in ROOT.iterdir())
        environment = {**os.environ, **toolchain.ensure(lambda _: None).env(), **shell_env(_station(place.folder))}
        done = subprocess.run(
            ["pulumi", "preview", "--stack", stack, "--non-interactive", "--color", "never"],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert "unchanged" in done.stdout
        assert "warning" not in done.stdout
        assert {entry.name for entry in ROOT.iterdir()} - set(before) <= {".idc"}
        runner.destroy([stack], parallel=1, deadline=120, on_event=lambda *_: None)


# -- helpers -----------------------------------------------------------------------------------------------------------


def _station(folder: Path) -> Station:
    return Station(folder, "test.test", "00000000")


def _children(pid: int) -> list[int]:
    words = Path(f"/proc/{pid}/task/{pid}/children")
    threads = Path(f"/proc/{pid}/task").iterdir()
    assert words.exists()
    return [int(word) for thread in threads for word in (thread / "children").read_text().split()]


def _plugins_of(place: Place) -> list[str]:
    """Plugins that work for the place's station, known by their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and entry.name != str(os.getpid()):
            try:
                environment = (entry / "environ").read_bytes()
                name = (entry / "comm").read_text().strip()
            except OSError:
                continue
            if name.startswith("pulumi") and str(place.folder).encode() in environment:
                found.append(f"{entry.name} {name}")
    return found


class _Silent:
    """An engine's socket that takes connections and never answers, as that of a paused engine."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen(64)
        self._path = path
        self._held: list[socket.socket] = []

    def __enter__(self) -> Path:
        threading.Thread(target=self._hold, daemon=True).start()
        return self._path

    def _hold(self) -> None:
        while True:
            try:
                self._held.append(self._socket.accept()[0])
            except OSError:
                return

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        for held in self._held:
            held.close()
