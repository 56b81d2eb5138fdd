"""The lab host image: a server that is shut from its first second, reached as by a console, with a working engine."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from idc.engine import images
from tests.live.playground import Playground, docker, hardened, until

RULESET = "/etc/idc/firewall/ruleset.nft"


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Playground]:
    one = Playground.open("hosts", "10.253.78", tmp_path_factory.mktemp("hosts"))
    yield one
    one.close()


@pytest.fixture(scope="module")
def key(ground: Playground) -> str:
    """The station's key; its private half is the file ``key``."""
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(ground.folder / "key")]
    subprocess.run(command, check=True, timeout=30)
    return (ground.folder / "key.pub").read_text().strip()


@pytest.fixture(scope="module")
def host(ground: Playground, key: str) -> str:
    return ground.run_host("one", 11, key)


def ssh(ground: Playground, name: str, *words: str) -> subprocess.CompletedProcess[str]:
    """One command over the console: no packet is sent for it."""
    options = [
        f"ProxyCommand=docker exec -i {ground.prefix}-{name} /usr/sbin/sshd -i",
        f"UserKnownHostsFile={ground.folder / name}.known",
        "StrictHostKeyChecking=accept-new",
        "BatchMode=yes",
    ]
    command = ["ssh", "-F", "none", *(f"-o{option}" for option in options)]
    return subprocess.run([*command, *words], capture_output=True, text=True, timeout=60, check=False)


def with_key(ground: Playground) -> list[str]:
    return ["-i", str(ground.folder / "key"), "-oIdentitiesOnly=yes"]


def host_key(ground: Playground, name: str) -> str:
    return ground.execute(name, "cat", "/etc/ssh/ssh_host_ed25519_key.pub")


def pings(ground: Playground, address: str) -> bool:
    return ground.says("citizen", "ping", "-c", "1", "-W", "2", address)


@pytest.mark.usefixtures("host")
def test_a_host_comes_up_whole(ground: Playground) -> None:
    until(lambda: ground.says("one", "systemctl", "is-system-running"), "every unit up")
    links = ground.execute("one", "ip", "-brief", "link").split()
    assert "lo" in links
    assert [name for name in links if name.startswith("uplink")]
    assert ground.execute("one", "ip", "route", "show", "default") == ""


@pytest.mark.usefixtures("host")
def test_the_console_takes_the_stations_key_and_no_other_way(ground: Playground) -> None:
    ok = ssh(ground, "one", *with_key(ground), "root@one", "hostname")
    assert (ok.returncode, ok.stdout.strip()) == (0, "one")
    none = ssh(ground, "one", "-oIdentityFile=none", "-oIdentityAgent=none", "root@one", "hostname")
    assert none.returncode == 255
    assert "Permission denied (publickey)" in none.stderr


def test_no_two_hosts_share_a_key_and_a_restart_keeps_it(ground: Playground, host: str, key: str) -> None:
    ground.run_host("two", 12, key)
    assert host_key(ground, "one") != host_key(ground, "two")
    before = host_key(ground, "two")
    docker("restart", f"{ground.prefix}-two")
    until(lambda: ground.says("two", "docker", "version"), "an engine that answers after a restart")
    assert host_key(ground, "two") == before
    ground.remove("two")


def test_a_host_is_shut_from_its_first_second(ground: Playground, host: str) -> None:
    other = ground.start("other", "client", 20, [])
    ground.start("citizen", "client", 21, [])
    assert pings(ground, other)  # the positive control: the network carries packets
    assert not pings(ground, host)
    seen = ("python3", "-c", f"import socket; socket.create_connection(('{other}', 1), 2)")
    assert "refused" in ground.execute("citizen", "sh", "-c", f"{shlex.join(seen)} 2>&1; true")  # the way is open
    assert "timed out" in ground.execute("one", "sh", "-c", f"{shlex.join(seen)} 2>&1; true")
    assert ground.execute("one", "cat", "/proc/sys/net/ipv4/ip_forward") == "0"
    assert "policy drop" in ground.execute("one", "nft", "list", "chain", "inet", "idc", "forward")


@pytest.mark.usefixtures("host")
def test_images_are_copied_once_and_run_hardened_inside(ground: Playground) -> None:
    socket = _forward(ground)
    docker_host = f"unix://{socket}"
    names = ("nginx-static", "filing", "postgresql")
    wanted = {name: ground.ids[name] for name in names}
    assert images.missing(docker_host, wanted) == sorted(names)
    shares: list[float] = []
    images.transfer(docker_host, wanted, lambda _, share: shares.append(share))
    assert images.missing(docker_host, wanted) == []
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    images.transfer(docker_host, wanted, lambda *_: None)  # nothing to do
    flags = [*hardened("nginx-static"), "--network=none", "--name=nested", "--detach", "--restart=always"]
    ground.execute("one", "docker", "run", *flags, wanted["nginx-static"])
    healthy = ("docker", "exec", "nested", "/usr/local/bin/idc-healthy", "8080", "/healthz")
    until(lambda: ground.says("one", *healthy), "a hardened container on a lab host")
    docker("restart", f"{ground.prefix}-one")
    until(lambda: ground.says("one", *healthy), "the container again after a restart of its host")


def _forward(ground: Playground) -> Path:
    """The host's engine as a socket on this machine, over the console."""
    socket = ground.folder / "one.sock"
    command = ["-fN", *with_key(ground), f"-L{socket}:/run/docker.sock", "-oExitOnForwardFailure=yes", "root@one"]
    options = [f"-oProxyCommand=docker exec -i {ground.prefix}-one /usr/sbin/sshd -i"]
    options += [f"-oUserKnownHostsFile={ground.folder / 'one'}.known", "-oStrictHostKeyChecking=accept-new"]
    subprocess.run(
        ["ssh", "-F", "none", *options, *command],
        check=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until(socket.exists, "the forwarded socket")
    return socket


@pytest.mark.usefixtures("host")
def test_without_a_rule_set_no_engine_starts(ground: Playground, key: str) -> None:
    ground.run_host("three", 13, key)
    ground.execute("three", "rm", RULESET)
    docker("restart", f"{ground.prefix}-three")
    until(lambda: ground.says("three", "systemctl", "is-active", "ssh"), "a host that is up again")
    until(lambda: not ground.says("three", "systemctl", "is-active", "idc-firewall"), "a firewall unit that failed")
    assert not ground.says("three", "docker", "version")
    assert not ground.says("three", "systemctl", "start", "docker")
    ground.remove("three")


@pytest.mark.usefixtures("host")
def test_a_host_replaced_over_its_old_volume_is_shut(ground: Playground, key: str) -> None:
    ground.start("citizen", "client", 21, [])
    address = ground.run_host("one", 11, key)  # a new container, the old /var/lib/docker
    names = ("docker", "ps", "--all", "--format={{.Names}}")
    until(lambda: ground.execute("one", *names, check=False) == "nested", "the container of the old engine volume")
    assert not pings(ground, address)
    assert "policy drop" in ground.execute("one", "nft", "list", "chain", "inet", "idc", "forward")
    assert ground.execute("one", "cat", "/proc/sys/net/ipv4/ip_forward") == "0"
