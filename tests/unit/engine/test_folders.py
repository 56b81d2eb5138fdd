"""Folders on hosts: the host's own half run here, against a docker of a few lines and an nginx of a few more."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from idc.engine import folders, host_folders
from idc.engine.folders import HostTree, Release, SecretFolder
from idc.engine.hosts import Completed
from idc.errors import EngineError

DOCKER = """#!/bin/sh
# As much of docker as the host's half asks for; $STATE holds what a test says.
echo "$*" >> "$STATE/calls"
case "$1 $2" in
"volume inspect") cat "$STATE/volumes/$5" ;;
"container inspect")
    [ -e "$STATE/containers/$5" ] || { echo "no such container"; exit 1; }
    case "$4" in
    *Running*) echo true ;;
    *Pid*) cat "$STATE/containers/$5" ;;
    *) echo id ;;
    esac ;;
"exec "*) cat "$STATE/refusal" 2>/dev/null && exit 1; exit 0 ;;
"kill "*) echo "the engine takes a signal for a stop by hand"; exit 1 ;;
*) exit 0 ;;
esac
"""

# A master that replaces its worker on HUP, as nginx does: the new one first.
MASTER = """
import os, signal, subprocess, sys, time
def worker():
    return subprocess.Popen(["nginx: worker process", "600"], executable="/bin/sleep")
serving = worker()
def hup(*_):
    global serving
    with open(sys.argv[1], "a") as calls:
        calls.write("taken over\\n")
    old, serving = serving, worker()
    time.sleep(0.2)
    old.kill(); old.wait()
signal.signal(signal.SIGHUP, hup)
print("ready", flush=True)
while True:
    signal.pause()
"""


class Host:
    """Stands for ``Hosts``: runs what would go to the host, here, in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        for name in ("volumes", "containers"):
            (self.state / name).mkdir(parents=True)
        self.secrets = folder / "secrets"
        (folder / "bin").mkdir()
        (folder / "bin" / "docker").write_text(DOCKER)
        (folder / "bin" / "docker").chmod(0o755)

    def run(self, host: str, command: list[str], data: bytes, deadline: float) -> Completed:
        text = command[2].replace('Path("/var/lib/idc/secrets")', f"Path({str(self.secrets)!r})")
        text = text.replace("DRAIN_SECONDS = 1.0", "DRAIN_SECONDS = 0.05")
        environment = {"PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", "STATE": str(self.state)}
        done = subprocess.run(
            [sys.executable, "-c", text, *command[3:]],
            input=data,
            capture_output=True,
            env=environment,
            timeout=deadline,
        )
        return Completed(host, done.returncode, done.stdout, done.stderr)

    def sync(self, *releases: Release, secrets: tuple[SecretFolder, ...] = (), settled: bool = False) -> bool:
        hosts: Any = self
        return folders.sync(hosts, "web-1", HostTree("web-1", secrets, releases, settled), 60.0)

    @property
    def calls(self) -> str:
        path = self.state / "calls"
        return path.read_text() if path.exists() else ""


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def _release(host: Host, files: Mapping[str, str], **more: Any) -> Release:
    return Release({path: text.encode() for path, text in files.items()}, root=str(host.folder / "edge"), **more)


def _tree(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


# -- releases ----------------------------------------------------------------------------------------------------------


def test_a_release_is_put_once(host: Host) -> None:
    release = _release(host, {"internet/tax.conf": "server {}", "errors/failure.html": "sorry"})
    assert host.sync(release)
    assert not host.sync(release)
    current = host.folder / "edge" / "current"
    assert _tree(current.resolve()) == {"internet/tax.conf": "server {}", "errors/failure.html": "sorry"}
    assert current.readlink() == Path("releases") / release.digest


def test_others_may_read_a_release_whatever_the_umask(host: Host) -> None:
    old = os.umask(0o077)
    try:
        host.sync(_release(host, {"internet/tax.conf": "server {}"}))
    finally:
        os.umask(old)
    current = (host.folder / "edge" / "current").resolve()
    assert {path.stat().st_mode & 0o777 for path in (current, current / "internet")} == {0o755}
    assert (current / "internet" / "tax.conf").stat().st_mode & 0o777 == 0o644


def test_the_folder_itself_is_never_made_anew(host: Host) -> None:
    host.sync(_release(host, {"a": "1"}))
    before = (host.folder / "edge").stat().st_ino
    host.sync(_release(host, {"a": "2"}))
    assert (host.folder / "edge").stat().st_ino == before


def test_old_releases_go_but_the_last_few_stay(host: Host) -> None:
    for number in range(6):
        host.sync(_release(host, {"a": str(number)}, keep=3))
        time.sleep(0.02)
    names = [path.name for path in (host.folder / "edge" / "releases").iterdir() if path.is_dir()]
    wanted = [_release(host, {"a": str(number)}).digest for number in (3, 4, 5)]
    assert sorted(names) == sorted(wanted)


def test_a_return_to_an_earlier_release_switches_back(host: Host) -> None:
    first, second = _release(host, {"a": "1"}), _release(host, {"a": "2"})
    host.sync(first)
    host.sync(second)
    assert host.sync(first)
    assert _tree((host.folder / "edge" / "current").resolve()) == {"a": "1"}


def test_a_volume_is_where_the_engine_keeps_it(host: Host) -> None:
    place = host.folder / "volume-data"
    (host.state / "volumes" / "tax-www-content").write_text(str(place))
    assert host.sync(Release({"index.html": b"hello"}, volume="tax-www-content"))
    assert _tree((place / "current").resolve()) == {"index.html": "hello"}


def test_a_missing_volume_is_named(host: Host) -> None:
    with pytest.raises(EngineError, match="web-1: its folders were left as they were"):
        host.sync(Release({"index.html": b"hello"}, volume="tax-www-content"))


# -- the program that reads a release ----------------------------------------------------------------------------------


@pytest.fixture
def nginx(host: Host) -> Iterator[str]:
    master = subprocess.Popen(
        [sys.executable, "-c", MASTER, str(host.state / "calls")], stdout=subprocess.PIPE, start_new_session=True
    )
    assert master.stdout
    master.stdout.readline()
    (host.state / "containers" / "edge-a").write_text(str(master.pid))
    while not host_folders.serving(str(master.pid)):  # a worker is one from when it has its title
        time.sleep(0.01)
    yield str(master.pid)
    os.killpg(master.pid, signal.SIGKILL)
    master.wait()
    master.stdout.close()


def test_a_switch_is_checked_first_and_then_taken_over(host: Host, nginx: str) -> None:
    before = host_folders.serving(nginx)
    release = _release(host, {"a": "1"}, container="edge-a", check=("check", "/etc/idc-edge/releases/x"))
    assert host.sync(release)
    calls = host.calls
    assert calls.index("exec edge-a check /etc/idc-edge/releases/x") < calls.index("taken over")
    assert before
    assert not before & host_folders.serving(nginx)  # new workers serve when sync returns
    assert not host.sync(release)
    assert host.calls.count("taken over") == 1


def test_what_nginx_refuses_is_not_switched_and_its_words_are_shown(host: Host, nginx: str) -> None:
    good = _release(host, {"a": "1"}, container="edge-a", check=("check",))
    host.sync(good)
    (host.state / "refusal").write_text('nginx: [emerg] unknown directive "sever"')
    with pytest.raises(EngineError, match='unknown directive "sever"'):
        host.sync(replace(good, files={"a": b"sever {}"}))
    assert _tree((host.folder / "edge" / "current").resolve()) == {"a": "1"}
    assert host.calls.count("taken over") == 1
    names = {path.name for path in (host.folder / "edge" / "releases").iterdir()}
    assert names == {good.digest, ".taken-over"}


def test_a_run_that_died_between_switch_and_reload_is_made_up_for(host: Host, nginx: str) -> None:
    release = _release(host, {"a": "1"}, container="edge-a", check=("check",))
    host.sync(release)
    (host.folder / "edge" / "releases" / ".taken-over").write_text("an older one")
    assert host.sync(release)
    assert host.calls.count("taken over") == 2
    assert not host.sync(release)


def test_a_run_that_died_while_draining_is_made_up_for(host: Host, nginx: str) -> None:
    release = _release(host, {"a": "1"}, container="edge-a", check=("check",))
    host.sync(release)
    (host.folder / "edge" / "draining").write_text("")
    assert host.sync(release)
    assert not (host.folder / "edge" / "draining").exists()
    assert not host.sync(release)


def test_a_container_that_does_not_run_is_not_told(host: Host) -> None:
    assert host.sync(_release(host, {"a": "1"}, container="edge-a", check=("check",)))
    assert "taken over" not in host.calls


# -- secrets -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def secret(host: Host) -> SecretFolder:
    return SecretFolder(str(host.secrets / "tax-file-app"), os.getuid(), {"database": b"s3cret"})


def test_a_secret_is_for_its_user_alone(host: Host, secret: SecretFolder) -> None:
    assert host.sync(secrets=(secret,))
    assert not host.sync(secrets=(secret,))
    folder = host.secrets / "tax-file-app"
    assert [path.stat().st_mode & 0o777 for path in (host.secrets, folder, folder / "database")] == [
        0o700,
        0o500,
        0o400,
    ]
    assert (folder / "database").read_text() == "s3cret"
    assert "s3cret" not in host.calls


def test_a_secret_that_was_changed_opened_or_added_to_is_put_right(host: Host, secret: SecretFolder) -> None:
    host.sync(secrets=(secret,))
    folder = host.secrets / "tax-file-app"
    inode = folder.stat().st_ino
    (folder / "database").chmod(0o644)
    assert host.sync(secrets=(secret,))
    folder.chmod(0o700)
    (folder / "database").unlink()
    (folder / "database").write_text("other")
    (folder / "more").write_text("x")
    assert host.sync(secrets=(secret,))
    assert _tree(folder) == {"database": "s3cret"}
    assert (folder / "database").stat().st_mode & 0o777 == 0o400
    assert folder.stat().st_ino == inode


def test_secrets_of_what_is_gone_go_once_things_have_settled(host: Host, secret: SecretFolder) -> None:
    other = replace(secret, root=str(host.secrets / "old-app"))
    (host.state / "containers" / "old-app-b").write_text("1")
    host.sync(secrets=(secret, other))
    assert not host.sync(secrets=(secret,))  # not settled
    assert not host.sync(secrets=(secret,), settled=True)  # its container is still there
    (host.state / "containers" / "old-app-b").unlink()
    assert host.sync(secrets=(secret,), settled=True)
    assert [path.name for path in host.secrets.iterdir()] == ["tax-file-app"]


# -- the plan's trees --------------------------------------------------------------------------------------------------


def test_the_host_s_half_needs_nothing_but_python() -> None:
    text = Path(host_folders.__file__).read_text()
    imported = {line.split()[1] for line in text.splitlines() if line.startswith(("import ", "from "))}
    assert not {name for name in imported if name.partition(".")[0] not in sys.stdlib_module_names}


def test_a_release_s_digest_depends_on_paths_and_contents_alone() -> None:
    first = Release({"a": b"1", "b": b"2"}, root="/x")
    assert first.digest == Release({"b": b"2", "a": b"1"}, volume="v").digest
    assert first.digest != Release({"a": b"1b", "": b"2"}).digest
    assert first.digest != Release({"a": b"12", "b": b""}).digest


def test_a_tar_starts_with_its_manifest(tmp_path: Path) -> None:
    data = folders.pack({"folders": [{"kind": "release"}]}, [{"x/y": b"1"}])
    (tmp_path / "a.tar").write_bytes(data)
    listed = subprocess.run(["tar", "-tvf", str(tmp_path / "a.tar")], capture_output=True, text=True, check=True).stdout
    assert [line.split()[-1] for line in listed.splitlines()] == ["manifest.json", "0/x/y"]
