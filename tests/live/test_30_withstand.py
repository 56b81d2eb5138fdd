"""What the centre must withstand: killed runs, restarts, hung engines, leftovers. Nothing is lost or comes up open."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.live.centre import all_serving, ask_site, plan_of, wait_all_serving
from tests.live.conftest import ROOT, LiveCentre

LAB = "idc-small-government-extranet-"


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """kill -9 of idc alone, as a crash would: what it started must end by itself."""
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def processes_of(station: Path) -> list[str]:
    """Command lines of processes that work for this station."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                environment = (entry / "environ").read_bytes()
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(station).encode() in environment and "pulumi" in command:
                found.append(command)
    return found


def closed_chain(small: LiveCentre, host: str) -> str:
    """The forward chain's policy of a host."""
    return small.on(host, "nft list chain inet idc forward")


# A new tenant goes through every phase, and --full runs each of them.
PHASES = [
    "lab hosts",
    "hosts reached",
    "base roles",
    "folders and secrets",
    "tenant stacks",
    "content and vhosts",
    "flows opened, bandwidth",
    "images on hosts",
    "platform stack",
    "outgoing containers removed",
]
WITH_A_NEW_IMAGE = {"images on hosts", "outgoing containers removed"}  # else there is nothing to do in them


def begun(log: Path) -> str:
    """The last phase that a run has begun, by its log."""
    names: list[str] = re.findall(r"^ *[0-9.]+ s  (\S.*) \.\.\.$", log.read_text(), re.MULTILINE)
    return names[-1] if names else ""


def is_killed_in(small: LiveCentre, phase: str, log: Path, *words: str, wait: float) -> bool:
    """Start `up` and kill it so many seconds after the phase has begun; whether it was still in that phase."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "idc", "up", str(small.folder), "--no-verify", *words], cwd=ROOT,
            env=small.environment, stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
        limit = time.monotonic() + 300
        while f"  {phase} ...\n" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < limit, log.read_text()
            time.sleep(0.002)
        time.sleep(wait)
        kill_group(process)
    limit = time.monotonic() + 20
    while left := processes_of(small.station):
        assert time.monotonic() < limit, left
        time.sleep(0.2)
    return begun(log) == phase and f"  {phase}: " not in log.read_text()


def another_image(small: LiveCentre, tenant: str) -> tuple[str, str]:
    """`--image` with new content for the image of the library's site."""
    container = next(c for c in plan_of(small).containers if c.owner.endswith("library/site/www"))
    made = subprocess.run(
        ["docker", "build", "-q", "-"], input=f"FROM {container.image_id}\nLABEL for={tenant}-{time.time_ns()}\n",
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return "--image", f"{container.image}={made.stdout.strip()}"


def tenant_file(small: LiveCentre, name: str, *sites: str) -> Path:
    """A tenant's file with these sites, of one name each."""
    file, domain = small.folder / "tenants" / f"{name}.yaml", plan_of(small).domain
    declared = [
        f"  - {{name: {site}, names: [{site}.{name}.{domain}], visibility: internet, audience: [citizen]}}\n"
        for site in sites
    ]
    file.write_text(
        f"tenant: {name}\ndepartment: Killed\ncontacts: [{{name: Desk, email: desk@{domain}}}]\n"
        f"sites:\n{''.join(declared)}"
        "quota: {cpus: 0.25, memory: 128MiB, disk: 1GiB, bandwidth: 1Mbit/s}\n"
    )
    return file


@pytest.mark.parametrize("phase", PHASES)
def test_a_run_killed_in_any_phase_is_completed_by_the_same_command(small: LiveCentre, phase: str) -> None:
    file = tenant_file(small, f"kill-{PHASES.index(phase)}", "www")
    log = small.stations.parent / f"{file.stem}.log"
    for wait in (0.05, 0.0):
        words = another_image(small, file.stem) if phase in WITH_A_NEW_IMAGE else ()
        if hit := is_killed_in(small, phase, log, "--full", *words, wait=wait):
            break
    assert hit, f"killed in {begun(log)}, not in {phase}"
    small.up(*words)
    wait_all_serving(plan_of(small), 30)
    assert f"tenant/{file.stem}/site/www" in {site.ref for site in plan_of(small).sites}


def test_a_run_killed_while_flows_close_is_completed_by_the_same_command(small: LiveCentre) -> None:
    tenant_file(small, "kill-closing", "www", "old")
    small.up()
    before = plan_of(small)
    wait_all_serving(before, 30)
    log = small.stations.parent / "kill-closing.log"
    tenant_file(small, "kill-closing", "www")
    assert is_killed_in(small, "flows closed", log, wait=0.0), f"killed in {begun(log)}"
    gone = "tenant/kill-closing/site/old"
    assert {code for site, code in all_serving(before).items() if site != gone} == {200}
    small.up()
    after = plan_of(small)
    assert [flow for flow in before.flows if gone in flow.id]
    assert not [flow for flow in after.flows if gone in flow.id]
    assert ask_site(before, "kill-closing/old") != 200
    wait_all_serving(after, 30)


def test_two_at_once_the_second_refuses_and_names_the_first(small: LiveCentre) -> None:
    first = small.start("up", str(small.folder), "--no-verify", "--full")
    try:
        limit = time.monotonic() + 60
        while not (small.station / "lock").exists() or not (small.station / "lock").read_text().strip():
            assert time.monotonic() < limit
            time.sleep(0.05)
        second = small.idc("up", str(small.folder), "--no-verify")
        assert second.code == 3
        assert str(first.pid) in second.out + second.err
    finally:
        assert first.wait(timeout=300) == 0


@pytest.mark.parametrize("what", ["host", "dockerd", "firewall"])
@pytest.mark.parametrize("host", ["edge-1", "web-1"])
def test_a_restart_comes_back_sealed_and_serving_by_itself(small: LiveCentre, host: str, what: str) -> None:
    if what == "host":
        small.docker("restart", "-t", "20", LAB + host)
    elif what == "dockerd":
        small.on(host, "systemctl restart docker")
    else:
        small.on(host, "systemctl restart idc-firewall")
    restarted = time.time()
    seconds = wait_all_serving(plan_of(small), 90)
    print(f"{what} of {host} restarted: serving after {seconds:.1f} s")
    assert "policy drop" in closed_chain(small, host)
    assert small.on(host, "sysctl -n net.ipv4.ip_forward") == "1"
    wait_looked_after(small, host, restarted)
    assert small.idc("up", str(small.folder), "--no-verify", "--json").ok().json["centres"][0]["ok"]


def wait_looked_after(small: LiveCentre, host: str, since: float) -> None:
    """Every container's health is looked at again: an engine that has forgotten to would call a dead one well."""
    limit = time.monotonic() + 30
    asked = "docker inspect $(docker ps -q) --format '{{.Name}} {{json .State.Health.Log}}'"
    while True:
        last = {}
        for line in small.on(host, asked).splitlines():
            name, _, log = line.partition(" ")
            starts = [datetime.fromisoformat(entry["Start"][:19]).replace(tzinfo=UTC) for entry in json.loads(log)]
            last[name] = max(starts, default=datetime.fromtimestamp(0, UTC))
        if last and all(seen.timestamp() > since for seen in last.values()):
            return
        assert time.monotonic() < limit, f"not looked at again: {last}"
        time.sleep(1)


def test_a_restarted_centre_still_proves_tight(small: LiveCentre) -> None:
    assert findings(small) == []


def findings(small: LiveCentre) -> list[str]:
    """What a verification finds, in words; it ends as it says."""
    run = small.idc("verify", str(small.folder), "--json")
    (report,) = run.json["centres"].values()
    found = [f"{one['verdict']} {one['subject']}: {one['words']}" for one in report["findings"]]
    assert run.code == (1 if found else 0)
    return found


def test_a_host_whose_table_was_flushed_mends_itself(small: LiveCentre) -> None:
    """The watch loads the rules anew; nobody has to notice first."""
    small.on("web-1", "nft flush chain inet idc forward")
    limit = time.monotonic() + 10
    while "@flows" not in small.on("web-1", "nft list chain inet idc forward"):
        assert time.monotonic() < limit
        time.sleep(0.1)
    assert findings(small) == []


# What opens a host is asked before its table: what is open without a table afterwards was open without one.
LOOK = """
echo first=$(cat /proc/1/comm) forward=$(cat /proc/sys/net/ipv4/ip_forward) engine=$(systemctl is-active docker.service)
nft list chain inet idc forward 2>/dev/null
true
"""


def test_a_lab_host_replaced_over_its_old_volume_comes_up_closed(small: LiveCentre) -> None:
    """In every look from its first moment on, no packet is forwarded and no engine runs without the table."""
    name = LAB + "web-1"
    small.docker("rm", "-f", name)
    process = small.start("up", str(small.folder), "--no-verify")
    looks = 0
    try:
        limit = time.monotonic() + 120
        opened = False
        while not opened:
            assert time.monotonic() < limit
            done = subprocess.run(
                ["docker", "exec", name, "bash", "-c", LOOK], capture_output=True, text=True, check=False
            )
            # Before systemd the first process takes back what the network namespace inherits from the machine.
            if done.returncode == 0 and "first=systemd" in done.stdout:
                looks += 1
                sealed = "type filter hook forward" in done.stdout and "policy drop" in done.stdout
                opened = "forward=1" in done.stdout or re.search(r"engine=(active|activating)", done.stdout) is not None
                assert sealed or not opened, done.stdout
                assert sealed or "chain forward" not in done.stdout, done.stdout
    finally:
        assert process.wait(timeout=400) == 0
    assert looks > 0
    wait_all_serving(plan_of(small), 60)


def test_a_paused_host_is_named_within_the_deadline_and_nothing_is_left(small: LiveCentre) -> None:
    name = LAB + "web-1"
    small.docker("pause", name)
    try:
        began = time.monotonic()
        run = small.idc("up", str(small.folder), "--no-verify")
        seconds = time.monotonic() - began
    finally:
        small.docker("unpause", name)
    assert run.code == 3
    assert "web-1" in run.out + run.err
    assert seconds < 120
    assert not processes_of(small.station)
    assert not list((small.station / "state").rglob("locks/**/*.json"))
    small.up()
    wait_all_serving(plan_of(small), 60)


def test_a_host_paused_while_stacks_run_ends_the_run_soon_and_the_next_one_mends_it(small: LiveCentre) -> None:
    name, log = LAB + "web-1", small.stations.parent / "paused.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "idc", "up", str(small.folder), "--no-verify", "--full"], cwd=ROOT,
            env=small.environment, stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
        limit = time.monotonic() + 300
        while "tenant stacks" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < limit, log.read_text()
            time.sleep(0.02)
        small.docker("pause", name)
        began = time.monotonic()
        try:
            code = process.wait(timeout=400)
            seconds = time.monotonic() - began
        finally:
            small.docker("unpause", name)
    assert code == 3, log.read_text()
    assert "web-1" in log.read_text().partition("failed")[2]
    assert seconds < 180
    assert not processes_of(small.station)
    assert not list((small.station / "state").rglob("locks/**/*.json"))
    small.up()
    wait_all_serving(plan_of(small), 60)
    assert findings(small) == []


def test_another_clone_recognises_the_lab_and_says_what_to_do(small: LiveCentre, tmp_path: Path) -> None:
    other = LiveCentre(tmp_path / "centre", tmp_path / "stations")
    shutil.copytree(ROOT / "centres" / "small" / "extranet", other.folder, ignore=shutil.ignore_patterns("locks"))
    before = small.docker("ps", "-aq", "--no-trunc")
    run = other.idc("up", str(other.folder), "--no-verify")
    assert run.code in (1, 3)
    assert "another" in run.out + run.err
    assert "idc destroy" in run.out + run.err
    assert small.docker("ps", "-aq", "--no-trunc") == before


def test_a_full_disk_loses_nothing(small: LiveCentre, tmp_path: Path) -> None:
    from idc.engine import files
    from idc.errors import EngineError

    mount = tmp_path / "tiny"
    mount.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(mount)], check=True)
    try:
        target = mount / "state.json"
        files.write_atomic(target, "old")
        with pytest.raises(EngineError, match="No space left"):
            files.write_atomic(target, "x" * 200_000)
        assert target.read_text() == "old"
        assert [entry.name for entry in mount.iterdir()] == ["state.json"]
    finally:
        subprocess.run(["umount", str(mount)], check=True)
