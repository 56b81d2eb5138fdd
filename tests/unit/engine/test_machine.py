"""The machine idc runs on: quick when all is there, clear when something cannot be brought. Nothing is installed."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from idc.engine import machine
from idc.errors import ToolError, Unreachable


def nothing(_words: str, _share: float) -> None:
    """Progress nobody looks at."""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH on which all that idc needs is there, and nothing else."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in (*machine.PROGRAMS, "dockerd"):
        (folder / name).write_text("#!/bin/sh\nexit 0\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(machine, "_SBIN", str(folder))
    monkeypatch.setattr(machine, "_LOCK", tmp_path / "lock")
    monkeypatch.setattr(machine, "_LOG", tmp_path / "log" / "dockerd.log")
    monkeypatch.setattr(machine, "_PIDFILE", tmp_path / "docker.pid")
    monkeypatch.setattr(machine, "_CONTAINERD_PIDFILE", tmp_path / "containerd.pid")
    monkeypatch.setattr(machine, "_SOCKET", tmp_path / "docker.sock")
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    return folder


@pytest.fixture
def engine(programs: Path, tmp_path: Path) -> Iterator[None]:
    """An engine that answers a ping."""
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(str(tmp_path / "docker.sock"))
    server.listen()

    def serve() -> None:
        while True:
            try:
                link, _ = server.accept()
            except OSError:
                return
            with link:
                link.recv(1024)
                link.sendall(b"HTTP/1.0 200 OK\r\n\r\nOK")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join()


@pytest.mark.usefixtures("engine")
def test_nothing_is_done_when_all_is_there() -> None:
    began = time.monotonic()
    machine.ensure(nothing)
    assert time.monotonic() - began < 0.1


@pytest.mark.usefixtures("engine")
def test_a_machine_without_apt_is_told_what_is_missing(programs: Path) -> None:
    (programs / "conntrack").unlink()
    with pytest.raises(ToolError) as caught:
        machine.ensure(nothing)
    assert "conntrack" in caught.value.message
    assert "Debian 12" in caught.value.hint


@pytest.mark.usefixtures("engine")
def test_who_may_not_install_is_told_the_command(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (programs / "apt-get").write_text("#!/bin/sh\nexit 1\n")
    (programs / "apt-get").chmod(0o755)
    (programs / "nft").unlink()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ToolError) as caught:
        machine.ensure(nothing)
    assert "apt-get install nftables" in caught.value.hint


@pytest.mark.usefixtures("engine")
def test_a_failed_installation_keeps_apts_words(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (programs / "apt-get").write_text('#!/bin/sh\necho "E: Unable to locate package" >&2\nexit 100\n')
    (programs / "apt-get").chmod(0o755)
    (programs / "nft").unlink()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(ToolError, match="Unable to locate package"):
        machine.ensure(nothing)


@pytest.mark.usefixtures("engine")
def test_further_programs_are_brought_when_asked_for(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = programs / "asked"
    script = f'#!/bin/sh\necho "$@" >> {asked}\ncase "$*" in *install*) cp {programs}/nft {programs}/linter;; esac\n'
    (programs / "apt-get").write_text(script)
    (programs / "apt-get").chmod(0o755)
    (programs / "cp").symlink_to("/bin/cp")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    machine.ensure(nothing, extra={"linter": "linter-package"})
    update, install = asked.read_text().splitlines()
    assert update.endswith("update")
    assert install.endswith("linter-package")
    assert "--no-install-recommends" in install


def test_an_engine_that_ends_at_once_shows_its_own_words(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (programs / "dockerd").write_text('#!/bin/sh\necho "failed to start daemon: no cgroups" >&2\nexit 1\n')
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(machine, "_running", lambda _: None)
    monkeypatch.setattr(machine, "_SYSTEMD", programs / "no-systemd")
    with pytest.raises(ToolError, match="no cgroups"):
        machine.ensure(nothing)


def test_an_engine_that_hangs_is_not_started_twice(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(machine, "_running", lambda _: 4242)
    monkeypatch.setattr(machine, "_SYSTEMD", programs / "no-systemd")
    monkeypatch.setattr(machine, "_START", 0.3)
    with pytest.raises(Unreachable, match="4242"):
        machine.ensure(nothing)
    assert not machine._LOG.exists()


def test_an_engine_elsewhere_is_never_started_here(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (programs / "docker").write_text("#!/bin/sh\nexit 1\n")
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(Unreachable) as caught:
        machine.ensure(nothing)
    assert "unset DOCKER_HOST" in caught.value.hint
