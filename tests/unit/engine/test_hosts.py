"""The way to hosts: its configuration, pinned keys, words for failures; programs end with their deadlines."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from idc.engine import ssh
from idc.engine.processes import Processes, side_by_side
from idc.errors import EngineError
from tests.unit.render.small_plan import HOSTS

CORE, EDGE = HOSTS[0], HOSTS[1]
REAL = replace(EDGE, name="edge-9", ssh=IPv4Address("10.1.2.3"), user="operator")


def _asked(config: Path, host: str) -> dict[str, str]:
    """What OpenSSH itself makes of the configuration."""
    done = subprocess.run(["ssh", "-G", "-F", str(config), host], capture_output=True, text=True, check=True)
    return dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "with space" / "config"
    path.parent.mkdir()
    path.write_text(ssh.config((CORE, EDGE, REAL), path.parent, Path("/run/idc/12345678")))
    return path


def test_a_lab_host_is_reached_as_by_a_console(config: Path) -> None:
    asked = _asked(config, "edge-1")
    assert asked["proxycommand"] == (
        "docker -H unix:///var/run/docker.sock exec -i idc-small-net-edge-1 /usr/sbin/sshd -i"
    )
    assert asked["user"] == "root"


def test_a_real_host_is_reached_by_its_address_and_known_by_its_name(config: Path) -> None:
    asked = _asked(config, "edge-9")
    assert (asked["hostname"], asked["hostkeyalias"], asked["user"]) == ("10.1.2.3", "edge-9", "operator")
    assert "proxycommand" not in asked


def test_no_key_is_trusted_that_is_not_pinned(config: Path) -> None:
    asked = _asked(config, "edge-9")
    assert asked["stricthostkeychecking"] == "true"
    assert asked["userknownhostsfile"] == f"{config.parent}/ssh/known_hosts"
    assert asked["globalknownhostsfile"] == "/dev/null"
    assert asked["updatehostkeys"] == "false"
    assert (asked["passwordauthentication"], asked["batchmode"]) in {("no", "yes"), ("yes", "yes")}
    assert asked["preferredauthentications"] == "publickey"


def test_sockets_fit_into_what_a_socket_path_may_hold() -> None:
    longest = Path("/run/idc/12345678") / f"{'n' * 24}.sock"
    assert len(str(longest)) + len(".0123456789abcdef") < 107


def test_pins_survive_writing_and_reading() -> None:
    pins = {
        "web-1": ssh.Pin("web-1", "ssh-ed25519 AAAA", "container-id"),
        "edge-9": ssh.Pin("edge-9", "ssh-ed25519 BBBB"),
    }
    assert ssh.parse_pins(ssh.render_pins(pins)) == pins


@pytest.mark.parametrize("text", ["", "ssh-ed25519", "ssh-ed25519 AAAAC3Nz", "ssh-rsa " + "A" * 200])
def test_a_key_that_is_still_being_written_is_none(text: str) -> None:
    assert ssh.public_key(text) == ""


def test_a_whole_key_loses_only_its_comment() -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPEo9YM6IJg3/gD8yG6IoP4rckqqA/anFExku2JuKbhD"
    assert ssh.public_key(f"{key} root@host\n") == key


@pytest.mark.parametrize(
    ("words", "message", "final"),
    [
        ("@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @", "is not the pinned one", True),
        ("No ED25519 host key is known for edge-9 and you have requested strict checking.", "is not pinned yet", True),
        ("root@edge-9: Permission denied (publickey).", "does not let this station in", True),
        ("kex_exchange_identification: Connection closed by remote host", "Connection closed by remote host", False),
        ("", "no answer", False),
    ],
)
def test_each_failure_says_what_to_do(words: str, message: str, final: bool) -> None:
    error = ssh.unreachable("edge-9", words, "ssh-ed25519 AAAA idc")
    assert message in error.message
    assert error.hint
    assert error.host == "edge-9"
    assert ssh.is_final(words) is final


# -- programs ----------------------------------------------------------------------------------------------------------

GRANDCHILD = "import subprocess, sys; subprocess.Popen(['sleep', '%d']); print('up', flush=True); sys.stdin.read()"


def _running(seconds: int) -> bool:
    return any(
        path.read_bytes() == f"sleep\0{seconds}\0".encode()
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if path.exists()
    )


def test_a_deadline_ends_a_program_and_all_it_started() -> None:
    began = time.monotonic()
    output = Processes().run([sys.executable, "-c", GRANDCHILD % 7391 + "; import time; time.sleep(60)"], 3.0)
    assert output.returncode is None
    assert time.monotonic() - began < 20
    assert not _running(7391)


def test_an_interrupt_ends_what_runs_and_does_not_wait_for_it() -> None:
    processes, began = Processes(), time.monotonic()

    def interrupt() -> None:
        time.sleep(1.0)
        raise KeyboardInterrupt

    work: dict[str, Callable[[], object]] = {
        "interrupted": interrupt,
        "slow": partial(processes.run, ["sleep", "7392"], 60.0),
    }
    with pytest.raises(KeyboardInterrupt):
        side_by_side(work, processes.end_all)
    assert time.monotonic() - began < 30
    assert not _running(7392)


def test_one_failure_leaves_the_others_their_results() -> None:
    def fail() -> str:
        raise EngineError("web-2 is gone", host="web-2")

    results = side_by_side({"web-1": lambda: "fine", "web-2": fail})
    assert results["web-1"] == "fine"
    assert isinstance(results["web-2"], EngineError)


def test_work_goes_side_by_side() -> None:
    meeting = threading.Barrier(3, timeout=10)
    assert set(side_by_side(dict.fromkeys("abc", meeting.wait)).values()) == {0, 1, 2}


def test_one_hosts_broken_file_costs_no_other_its_result() -> None:
    def broken() -> str:
        raise FileNotFoundError(2, "No such file or directory", "/run/idc/0a1b2c3d/web-1.lock")

    results = side_by_side({"web-1": broken, "web-2": lambda: "well"})
    assert results["web-2"] == "well"
    assert isinstance(results["web-1"], EngineError)
    assert "web-1" in results["web-1"].message
    assert "/run/idc/0a1b2c3d/web-1.lock" in results["web-1"].message
