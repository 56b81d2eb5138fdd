"""Containers of the tests' own on this machine's engine, run as the plan runs them, removed at the end."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from idc.engine import images
from idc.plan import catalogue

PATIENCE = 60.0  # seconds; the machine may be busy

# What a lab host needs beyond a container's defaults; images/README.md says the same.
HOST_CAPABILITIES = (
    "SYS_ADMIN", "NET_ADMIN", "NET_RAW", "SYS_PTRACE", "SYS_CHROOT", "MKNOD",
    "AUDIT_WRITE", "SETFCAP", "DAC_READ_SEARCH", "IPC_LOCK", "SYSLOG", "AUDIT_CONTROL",
)  # fmt: skip


def hardened(image: str) -> list[str]:
    """The flags under which the plan runs an image, for `docker run`."""
    known = catalogue.IMAGES[image]
    flags = ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", f"--user={known.user}"]
    memory = max(256 << 20, known.least_memory)
    flags += [f"--memory={memory}", f"--memory-swap={memory}", f"--pids-limit={known.pids}"]
    return flags + [f"--tmpfs={place}" for place in known.tmpfs]


def docker(*words: str, check: bool = True, stdin: str = "") -> str:
    """Run docker; its output."""
    done = subprocess.run(["docker", *words], input=stdin, capture_output=True, text=True, timeout=300, check=False)
    assert not check or done.returncode == 0, f"docker {' '.join(words)}\n{done.stdout}\n{done.stderr}"
    return done.stdout.strip()


def until(happens: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
    """Wait until something is so; fails with ``what`` after a while."""
    end = time.monotonic() + patience
    while not happens():
        assert time.monotonic() < end, f"not within {patience:.0f} s: {what}"
        time.sleep(0.2)


@dataclass(frozen=True)
class Answer:
    """What a web server answered."""

    status: int
    headers: Mapping[str, str]  # names in lower case
    body: str


@dataclass
class Playground:
    """One network with containers on it; every name begins with ``prefix``."""

    prefix: str
    subnet: str  # "10.253.77"
    folder: Path
    ids: Mapping[str, str]
    containers: list[str] = field(default_factory=list)
    volumes: list[str] = field(default_factory=list)

    @classmethod
    def open(cls, name: str, subnet: str, folder: Path) -> Playground:
        """Build the images, clear away what a killed run has left, make the network."""
        ids = images.ensure(images.image_names(), lambda *_: None).ids
        one = cls(f"idc-test-{name}", subnet, folder, ids)
        left = docker("ps", "-aq", f"--filter=name=^{one.prefix}-").split()
        docker("rm", "-fv", *left, check=False)
        docker("volume", "rm", *docker("volume", "ls", "-q", f"--filter=name=^{one.prefix}-").split(), check=False)
        docker("network", "rm", one.prefix, check=False)
        docker("network", "create", f"--subnet={subnet}.0/24", one.prefix)
        return one

    def close(self) -> None:
        """Leave nothing behind."""
        docker("rm", "-fv", *(f"{self.prefix}-{name}" for name in self.containers), check=False)
        docker("volume", "rm", *(f"{self.prefix}-{name}" for name in self.volumes), check=False)
        docker("network", "rm", self.prefix, check=False)

    def start(self, name: str, image: str, number: int, flags: Sequence[str], *command: str) -> str:
        """Start a container with the network's address ``number``; replaces one of the same name. Its address."""
        address = f"{self.subnet}.{number}"
        self.remove(name)
        self.containers.append(name)
        where = [f"--name={self.prefix}-{name}", f"--hostname={name}", f"--network={self.prefix}", f"--ip={address}"]
        docker("run", "--detach", *where, *flags, self.ids[image], *command)
        return address

    def remove(self, name: str) -> None:
        """Remove a container, if there is one of this name."""
        if name in self.containers:
            docker("rm", "-fv", f"{self.prefix}-{name}", check=False)
            self.containers.remove(name)

    def run_image(self, name: str, image: str, number: int, flags: Sequence[str] = (), *, healthy: bool = True) -> str:
        """Start an image as the plan does, and wait until its healthcheck passes. Its address."""
        address = self.start(name, image, number, [*hardened(image), *flags])
        if healthy:
            until(lambda: self.is_healthy(name, image), f"{image} healthy: {self.logs(name)[-500:]}")
        return address

    def run_host(self, name: str, number: int, key: str) -> str:
        """Start a lab host, and wait until its engine answers. Its address."""
        flags = [f"--cap-add={one}" for one in HOST_CAPABILITIES]
        flags += [f"--security-opt={one}=unconfined" for one in ("seccomp", "apparmor", "systempaths")]
        flags += ["--cgroupns=private", "--tmpfs=/run", "--tmpfs=/run/lock", "--sysctl=net.ipv4.ip_forward=0"]
        flags += [f"--volume={self.volume(name)}:/var/lib/docker", f"--env=IDC_AUTHORIZED_KEYS={key}"]
        flags += [f"--env=IDC_LINKS={self.subnet}.{number}=uplink"]
        address = self.start(name, "lab-host", number, flags)
        until(lambda: self.says(name, "docker", "version"), f"{name}: an engine that answers")
        return address

    def volume(self, name: str) -> str:
        """A volume that is removed at the end."""
        if name not in self.volumes:
            self.volumes.append(name)
        return f"{self.prefix}-{name}"

    def execute(self, name: str, *command: str, check: bool = True, stdin: str = "") -> str:
        """Run a command in a container; its output."""
        interactive = ["--interactive"] if stdin else []
        return docker("exec", *interactive, f"{self.prefix}-{name}", *command, check=check, stdin=stdin)

    def says(self, name: str, *command: str) -> bool:
        """Whether a command in a container ends with 0."""
        full = ["docker", "exec", f"{self.prefix}-{name}", *command]
        return subprocess.run(full, capture_output=True, timeout=60, check=False).returncode == 0

    def is_healthy(self, name: str, image: str) -> bool:
        """Whether the healthcheck of the catalogue passes now."""
        return self.says(name, *catalogue.IMAGES[image].healthcheck)

    def logs(self, name: str) -> str:
        """Everything a container said."""
        done = subprocess.run(
            ["docker", "logs", f"{self.prefix}-{name}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        return done.stdout

    def inspect(self, name: str) -> Any:
        """What the engine knows of a container."""
        return json.loads(docker("inspect", f"{self.prefix}-{name}"))[0]

    def ask(self, url: str, *options: str) -> Answer:
        """Ask a web server, from this machine, with curl."""
        done = subprocess.run(
            ["curl", "--silent", "--include", "--max-time", "10", "--path-as-is", *options, url],
            capture_output=True, text=True, timeout=30, check=False, env={**os.environ, "no_proxy": "*"},
        )  # fmt: skip
        if done.returncode:
            return Answer(0, {}, done.stderr)
        head, _, body = done.stdout.replace("\r\n", "\n").partition("\n\n")
        first, *lines = head.split("\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return Answer(int(first.split()[1]), headers, body)
