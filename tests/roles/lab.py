"""Two lab hosts of their own for the roles' tests: the real image, made by plain `docker`, gone afterwards."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import replace
from ipaddress import IPv4Interface, IPv4Network
from pathlib import Path

from idc.engine import images
from idc.engine.station import Station
from idc.plan.types import Endpoint, Flow, Host, HostInterface, HostRule, Interface, Plan
from stacks.components.lab_host import CAPABILITIES
from tests.unit.render.small_plan import PLAN, segment

PREFIX = "idct-roles"
UPLINK = IPv4Network("10.111.255.0/24")


def plan() -> Plan:
    """Hosts one and two; a site on each, the first may call the second."""
    name = f"{PREFIX}-{os.getpid()}"
    hosts = tuple(_host(number, host, name) for number, host in ((1, "one"), (2, "two")))
    segments = (segment("a-web", "a", "one", "10.111.0.0/28"), segment("b-web", "b", "two", "10.111.2.0/28"))
    ends = [Endpoint(s.owner, s.name, s.host, (s.subnet,)) for s in segments]
    return replace(
        PLAN, centre="roles", prefix=IPv4Network("10.111.0.0/16"), hosts=hosts, segments=segments, containers=(),
        listeners=(), bandwidth=(),
        flows=(Flow(ends[0], ends[1], "tcp", 8080, "a asks b", "", "declared"),),
        host_rules=(HostRule("one", "in", (IPv4Network(hosts[1].address),), "tcp", 22, "SSH"),),
    )  # fmt: skip


def _host(number: int, name: str, prefix: str) -> Host:
    first = PLAN.host_by_name["web-1"]
    interface = Interface("uplink", HostInterface.UPLINK, IPv4Interface((int(UPLINK[0]) + number, 24)))
    block = IPv4Network((int(IPv4Network("10.111.0.0/16")[0]) + (number - 1) * 512, 23))
    return replace(
        first, name=name, number=number, interfaces=(interface,), blocks=(block,), lab_name=f"{prefix}-{name}"
    )


class Lab:
    """The containers of a plan's hosts."""

    def __init__(self, plan: Plan, station: Station) -> None:
        self.plan, self.station = plan, station
        self.network = f"{PREFIX}-{os.getpid()}"

    def up(self) -> None:
        """Make them; the image is built where it is missing."""
        _remove_stale()
        image = images.ensure(["lab-host"], lambda *_: None).ids["lab-host"]
        docker(
            "network", "create", "--subnet", str(UPLINK), "--gateway", str(UPLINK[254]), self.network,
            "--opt", "com.docker.network.bridge.inhibit_ipv4=true",
        )  # fmt: skip
        key = self.station.public_key()
        for host in self.plan.hosts:
            docker(
                "run", "--detach", "--name", host.lab_name, "--hostname", host.name, "--network", self.network,
                "--ip", str(host.address), "--cgroupns", "private", "--sysctl", "net.ipv4.ip_forward=0",
                *(f"--cap-add={name}" for name in CAPABILITIES),
                *(f"--security-opt={name}=unconfined" for name in ("apparmor", "seccomp", "systempaths")),
                "--tmpfs", "/run:exec,mode=755", "--tmpfs", "/run/lock", "--volume", f"{host.lab_name}:/var/lib/docker",
                "--env", f"IDC_LINKS={host.address}=uplink", "--env", f"IDC_AUTHORIZED_KEYS={key}",
                image,
            )  # fmt: skip

    def down(self) -> None:
        """Remove them with all that was theirs."""
        for host in self.plan.hosts:
            docker("rm", "--force", "--volumes", host.lab_name)
            docker("volume", "rm", "--force", host.lab_name)
        docker("network", "rm", self.network)

    def shell(self, host: str, script: str) -> str:
        """Run a script on a host as from its console; its output."""
        return docker("exec", self.plan.host_by_name[host].lab_name, "bash", "-euc", script)

    def eventually(self, host: str, script: str, patience: float = 30) -> str:
        """The script's output as soon as it succeeds and says something."""
        deadline = time.monotonic() + patience
        while True:
            name = self.plan.host_by_name[host].lab_name
            done = subprocess.run(["docker", "exec", name, "bash", "-euc", script], capture_output=True, text=True)
            if done.returncode == 0 and done.stdout.strip():
                return done.stdout.strip()
            assert time.monotonic() < deadline, f"{host}: {script}\n{done.stdout}{done.stderr}"
            time.sleep(0.3)


def docker(*words: str) -> str:
    """Run docker; its output."""
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"docker {' '.join(words[:3])}: {done.stderr}"
    return done.stdout


def _remove_stale() -> None:
    """Remove what a killed run of these tests left behind."""
    for kind, listing in (
        ("container", ("ps", "--all", "--format", "{{.Names}}")),
        ("volume", ("volume", "ls", "--format", "{{.Name}}")),
        ("network", ("network", "ls", "--format", "{{.Name}}")),
    ):
        for name in docker(*listing, "--filter", f"name={PREFIX}-").split():
            pid = name.removeprefix(f"{PREFIX}-").split("-")[0]
            if pid.isdigit() and not Path("/proc", pid).exists():
                docker(kind, "rm", *(() if kind == "network" else ("--force",)), name)
