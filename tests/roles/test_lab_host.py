"""The roles on real lab hosts: what they leave behind, what survives, and how they fail."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from idc import render
from idc.engine.ansible import AnsibleResult, converge, host_digest
from idc.engine.hosts import Hosts
from idc.engine.station import Station
from tests.roles.lab import Lab, plan

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("roles")]  # the tests go on from each other's state

PLAN = plan()
BOTH = ("one", "two")
UNITS = ("idc-firewall", "idc-firewall-watch", "idc-links", "idc-routes", "idc-bandwidth", "docker")


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    place = tmp_path_factory.mktemp("stations")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IDC_STATIONS", str(place))
        station = Station.create(PLAN.id)
        yield station
        station.remove()


@pytest.fixture(scope="module")
def lab(station: Station) -> Iterator[Lab]:
    lab = Lab(PLAN, station)
    try:
        lab.up()
        for host in BOTH:
            lab.eventually(host, "systemctl is-active docker")
        yield lab
    finally:
        lab.down()


def run(station: Station, *tags: str, hosts: tuple[str, ...] = BOTH, **more: bool | float) -> AnsibleResult:
    with Hosts(station, PLAN) as line:
        line.connect(hosts, deadline=60)
        return converge(station, PLAN, hosts, tags, lambda _: None, **more)  # type: ignore[arg-type]


def rules(lab: Lab, host: str) -> str:
    return lab.shell(host, "nft --stateless list table inet idc")


@contextmanager
def broken(lab: Lab, host: str, by: str, mended: str) -> Iterator[None]:
    lab.shell(host, by)
    try:
        yield
    finally:
        lab.shell(host, mended)


# The tests go on from each other's state, in this order: a host is made once.


def test_a_new_host_is_closed_before_any_role(lab: Lab) -> None:
    for host in BOTH:
        assert "policy drop" in rules(lab, host)
        assert lab.shell(host, "cat /proc/sys/net/ipv4/ip_forward").strip() == "0"
        assert lab.shell(host, "ip route show default") == ""


def test_checking_changes_nothing(lab: Lab, station: Station) -> None:
    result = run(station, "base", hosts=("one",), check=True)
    assert result.ok, result
    assert result.changed > 0
    lab.shell("one", "test ! -e /var/lib/idc/roles.json; test ! -e /etc/idc/routes")


def test_base_converges(lab: Lab, station: Station) -> None:
    result = run(station, "base")
    assert result.ok, result
    for host in BOTH:
        states = lab.shell(host, f"systemctl is-active {' '.join(UNITS)}").split()
        assert states == ["active"] * len(UNITS)
        assert lab.shell(host, "systemctl is-enabled nftables || true").strip() == "masked"
        assert lab.shell(host, "cat /proc/sys/net/ipv4/ip_forward").strip() == "0", "nothing is open yet"
        recorded = json.loads(lab.shell(host, "cat /var/lib/idc/roles.json"))
        assert recorded == {"base": host_digest(PLAN, host, "base")}


def test_the_hosts_settings_are_those_of_a_hardened_host(lab: Lab) -> None:
    effective = lab.shell("one", "sshd -T").lower().splitlines()
    for line in (
        "passwordauthentication no", "permitrootlogin without-password", "allowtcpforwarding local",
        "allowstreamlocalforwarding local", "x11forwarding no", "permitemptypasswords no", "maxauthtries 4",
    ):  # fmt: skip
        assert line in effective
    settings = "net.ipv4.conf.all.rp_filter net.ipv4.conf.all.accept_redirects net.ipv6.conf.uplink.disable_ipv6"
    assert lab.shell("one", f"sysctl -n {settings}").split() == ["1", "0", "1"]
    assert lab.shell("one", "stat -c %a /etc/shadow /etc/idc /etc/idc/routes /run/docker.sock").split() == [
        "640", "700", "600", "660",
    ]  # fmt: skip


def test_open_loads_the_plans_rules_and_a_second_run_changes_nothing(lab: Lab, station: Station) -> None:
    first = run(station, "open")
    assert first.ok, first
    assert first.changed > 0
    for host in BOTH:
        assert "10.111.0.0/28 . 10.111.2.0/28 . tcp . 8080" in rules(lab, host)
        assert lab.shell(host, "cat /proc/sys/net/ipv4/ip_forward").strip() == "1"
        assert lab.shell(host, "cat /etc/idc/firewall/ruleset.nft") == render.firewall(PLAN, host)
    again = run(station, "base", "open")
    assert again.ok, again
    assert again.changed == 0, [host.changes for host in again.hosts.values()]


def test_what_a_killed_run_put_and_did_not_load_is_loaded_by_the_next(lab: Lab, station: Station) -> None:
    """Files are as wanted, what is in use is not: as after a kill between a file and its reload."""
    files = "/etc/idc/routes /etc/docker/daemon.json"
    before = lab.shell("one", "ip route show proto 73")
    lab.shell("one", f"cp {files} /run/; sed -i 's/^10.111.2.0/10.111.8.0/' /etc/idc/routes")
    lab.shell("one", "systemctl restart idc-routes; sysctl -w net.ipv4.conf.all.accept_redirects=1")
    assert lab.shell("one", "ip route show proto 73") != before
    lab.shell("one", "cp /run/routes /etc/idc/; cp /run/daemon.json /etc/docker/")
    result = run(station, "base", hosts=("one",))
    assert result.ok, result
    assert result.hosts["one"].changes == (
        "8.1.4.4 b | the engine runs, with these settings",
        "8.1.2.1 d | the routes that are put are the file's",
        "8.1.3.1 c | the network settings are the kernel's",
    )
    assert lab.shell("one", "ip route show proto 73") == before
    assert run(station, "base", hosts=("one",)).changed == 0


def test_rules_that_a_killed_run_did_not_load_are_loaded(lab: Lab, station: Station) -> None:
    """The file is the plan's, and the kernel has older rules: nothing is written, and so nothing is notified."""
    before = rules(lab, "one")
    lab.shell("one", "systemctl stop idc-firewall-watch; nft -f /etc/idc/firewall/closed.nft")
    assert rules(lab, "one") != before
    result = run(station, "open", hosts=("one",))
    assert result.ok, result
    assert result.hosts["one"].changes == ("8.1.3.2 b | the kernel holds the plan's flows",)
    assert rules(lab, "one") == before
    lab.shell("one", "systemctl start idc-firewall-watch")


def test_a_restarted_host_comes_back_as_it_was(lab: Lab) -> None:
    before = rules(lab, "one"), lab.shell("one", "ip route show proto 73")
    docker_network(lab, "one")
    name = PLAN.host_by_name["one"].lab_name
    subprocess.run(["docker", "restart", name], check=True, capture_output=True)
    lab.eventually("one", "for unit in docker idc-routes idc-bandwidth; do systemctl is-active $unit; done")
    assert (rules(lab, "one"), lab.shell("one", "ip route show proto 73")) == before
    assert "htb 1: root" in lab.eventually("one", "tc qdisc show dev uplink | grep 'htb 1:'")
    assert lab.shell("one", "cat /proc/sys/net/ipv4/ip_forward").strip() == "1"
    assert "10.111.0.1" in lab.eventually("one", "ip -4 -o address show dev br-0a6f0000")


def docker_network(lab: Lab, host: str) -> None:
    lab.shell(
        host, "docker network create --subnet 10.111.0.0/28 --opt com.docker.network.bridge.name=br-0a6f0000 a-web"
    )


CONTAINER = """
libraries=$(ldd /usr/bin/sleep | grep -o '/[^ ]*')
tar --create --dereference /usr/bin/sleep $libraries 2>/dev/null | docker import - sleep >/dev/null
docker run --detach --name sleeper --network a-web --read-only sleep /usr/bin/sleep infinity
"""


def test_containers_live_on_when_the_engine_or_the_rules_are_restarted(lab: Lab) -> None:
    """Live-restore: the engine's restart, which a restart of the rules brings with it, is no outage."""
    lab.shell("one", CONTAINER)
    engine, sleeper = (
        "systemctl show docker --property MainPID --value",
        "docker inspect --format {{.State.Pid}} sleeper",
    )
    before = lab.shell("one", engine), lab.shell("one", sleeper)
    lab.shell("one", "for turn in 1 2 3 4; do systemctl restart idc-firewall; done")
    lab.eventually("one", "systemctl is-active --quiet docker; systemctl is-active idc-firewall-watch")
    after = lab.shell("one", engine), lab.shell("one", sleeper)
    assert after[0] != before[0], "the engine is another process"
    assert after[1] == before[1], "the container is the same one"


@pytest.mark.parametrize(
    "harm",
    [
        "nft flush ruleset",
        "nft delete table inet idc",
        "nft insert rule inet idc forward accept",
        "nft add element inet idc flows '{ 10.111.2.0/28 . 10.111.0.0/28 . tcp . 22 }'",
        "nft add table inet idc '{ flags dormant; }'",
    ],
)
def test_rules_that_something_else_changed_are_loaded_again(lab: Lab, harm: str) -> None:
    before = rules(lab, "one")
    lab.shell("one", harm)
    deadline = time.monotonic() + 20
    while lab.shell("one", "nft --stateless list table inet idc 2>/dev/null || true") != before:
        assert time.monotonic() < deadline, "the rules were not loaded again"
        time.sleep(0.2)


def test_rules_that_cannot_be_loaded_close_the_host_and_stop_the_engine(lab: Lab) -> None:
    keep = "cp /etc/idc/firewall/ruleset.nft /run/kept; echo nonsense >> /etc/idc/firewall/ruleset.nft"
    mend = "cp /run/kept /etc/idc/firewall/ruleset.nft; systemctl start docker idc-firewall-watch"
    before = rules(lab, "one")
    with broken(lab, "one", keep, mend):
        lab.shell("one", "! systemctl reload idc-firewall")
        assert rules(lab, "one") == before, "a reload that fails leaves what stood"
        lab.shell("one", "! systemctl restart idc-firewall")
        assert "jump" not in rules(lab, "one")
        assert "flows" not in rules(lab, "one")
        assert lab.shell("one", "cat /proc/sys/net/ipv4/ip_forward").strip() == "0"
        assert lab.shell("one", "systemctl is-active docker || true").strip() == "inactive"
        lab.shell("one", "! systemctl start docker")
    assert lab.eventually("one", "systemctl is-active docker") == "active"
    assert rules(lab, "one") == before


def test_a_stale_route_goes_and_a_lost_one_comes_back(lab: Lab) -> None:
    before = lab.shell("one", "ip route show proto 73")
    lab.shell("one", "ip route add 10.111.9.0/24 via 10.111.255.2 proto 73; ip route add 192.0.2.0/24 via 10.111.255.2")
    lab.shell("one", "ip link set uplink down; ip link set uplink up")
    found = lab.eventually("one", "ip route show proto 73 | grep ' via '")
    assert "10.111.2.0/23 via 10.111.255.2" in found
    lab.shell("one", "systemctl reload idc-routes")
    assert lab.shell("one", "ip route show proto 73") == before
    lab.shell("one", "ip route replace 192.0.2.0/24 via 10.111.255.2; systemctl reload idc-routes")
    assert "192.0.2.0/24" in lab.shell("one", "ip route"), "another's route is not ours to remove"
    lab.shell("one", "ip route del 192.0.2.0/24")


def test_a_failed_task_says_why_and_the_other_host_goes_on(lab: Lab, station: Station) -> None:
    with broken(
        lab, "two", "mv /etc/issue.net /run/; mkdir /etc/issue.net", "rmdir /etc/issue.net; mv /run/issue.net /etc"
    ):
        result = run(station, "base")
    assert not result.ok
    assert result.hosts["one"].ok, result.hosts["one"].error
    assert not result.hosts["two"].ok
    assert "8.1.4.1 a | administrators come in by key only" in result.hosts["two"].error
    assert "/etc/issue.net" in result.hosts["two"].error


def test_a_host_that_does_not_answer_holds_up_no_other(lab: Lab, station: Station) -> None:
    name = PLAN.host_by_name["two"].lab_name
    with Hosts(station, PLAN) as line:
        line.connect(BOTH, deadline=60)
        subprocess.run(["docker", "pause", name], check=True, capture_output=True)
        try:
            result = converge(station, PLAN, BOTH, ["open"], lambda _: None, deadline=90)
        finally:
            subprocess.run(["docker", "unpause", name], check=True, capture_output=True)
    assert result.hosts["one"].ok, result.hosts["one"].error
    assert not result.hosts["two"].ok
    assert result.hosts["two"].error


def test_a_run_that_is_late_names_what_it_was_at(lab: Lab, station: Station) -> None:
    result = run(station, "base", deadline=2)
    assert not result.ok
    assert "the roles took over 2 s" in " ".join(host.error for host in result.hosts.values())
    assert not ansible_processes(station)


def test_no_secret_of_the_environment_is_written(
    lab: Lab, station: Station, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secret = "correct-horse-battery-staple"
    monkeypatch.setenv("IDC_TEST_SECRET", secret)
    monkeypatch.setenv("ANSIBLE_TEST_SECRET", secret)
    found: list[Path] = []
    written: set[str] = set()

    def look(_: str) -> None:
        for path in (station.folder / "logs").rglob("*"):
            if path.is_file():
                written.add(path.name)
                if secret.encode() in path.read_bytes():
                    found.append(path)

    with Hosts(station, PLAN) as line:
        line.connect(BOTH, deadline=60)
        assert converge(station, PLAN, BOTH, ["open"], look).ok
    assert "command" in written, "runner writes its environment there: that is where to look"
    assert not found
    assert not list((station.folder / "logs").iterdir()), "nothing of a run stays"


SCRIPT = """
import pickle, signal, sys
from idc.engine.ansible import converge
from idc.engine.station import Station
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job's children ignore it
PLAN = pickle.load(open(sys.argv[1], "rb"))
converge(Station.open(PLAN.id), PLAN, ["one", "two"], ["base"], lambda text: print(text, flush=True))
"""


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGKILL])
def test_a_killed_run_leaves_no_process(lab: Lab, station: Station, tmp_path: Path, kind: signal.Signals) -> None:
    (tmp_path / "plan").write_bytes(pickle.dumps(PLAN))
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "plan")],
        env={**os.environ, "PYTHONPATH": "src:."}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        assert process.stdout
        assert process.stdout.readline(), "it has begun"
        assert ansible_processes(station)
        process.send_signal(kind)
        process.wait(30)
    deadline = time.monotonic() + 30
    while left := ansible_processes(station):
        assert time.monotonic() < deadline, left
        time.sleep(0.3)


def ansible_processes(station: Station) -> list[str]:
    """Command lines of processes that work in one of the station's run folders."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if f"{station.folder}/logs/ansible-" in words:
            found.append(words)
    return found
