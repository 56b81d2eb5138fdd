"""Light facts of a host, in one call: what `up` needs to know to leave alone what is already as planned.

The full picture for proofs is ``idc.live.snapshot``; this one is small and costs a tenth of a second on the host.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from idc.engine import drift
from idc.engine.hosts import Hosts
from idc.errors import EngineError

# Runs on the host with its own Python; prints one JSON document. The engine is asked four times, whatever it runs.
SCRIPT = r"""
import hashlib, json, subprocess
def docker(*words):
    done = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=20)
    if done.returncode:
        raise SystemExit(done.stderr.strip() or "docker " + words[0] + " failed")
    return done.stdout
def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""
def inspect(kind, names):
    return json.loads(docker(*kind, "inspect", *names)) if names else []
out = {"boot_id": read("/proc/sys/kernel/random/boot_id").decode().strip()}
out["roles"] = json.loads(read("/var/lib/idc/roles.json") or b"{}")
out["ruleset"] = hashlib.sha256(read("/etc/idc/firewall/ruleset.nft")).hexdigest()
out["containers"] = [
    {"name": c["Name"].lstrip("/"), "id": c["Id"], "labels": c["Config"]["Labels"] or {}, "image": c["Image"],
     "running": c["State"]["Running"], "health": (c["State"].get("Health") or {}).get("Status", ""),
     "networks": c["NetworkSettings"]["Networks"] or {},
     "limits": {"memory": c["HostConfig"]["Memory"], "nano_cpus": c["HostConfig"]["NanoCpus"],
                "pids": c["HostConfig"]["PidsLimit"], "restart": c["HostConfig"]["RestartPolicy"]["Name"]}}
    for c in inspect(["container"], docker("ps", "-aq").split())]
out["networks"] = [{"name": n["Name"], "id": n["Id"], "labels": n["Labels"] or {}}
                   for n in inspect(["network"], docker("network", "ls", "-q").split())]
out["volumes"] = [{"name": v["Name"], "id": v["Name"], "labels": v["Labels"] or {}}
                  for v in inspect(["volume"], docker("volume", "ls", "-q").split())]
out["images"] = docker("image", "ls", "-aq", "--no-trunc").split()
units = ("idc-firewall", "docker", "idc-routes", "idc-bandwidth")
state = subprocess.run(["systemctl", "is-active", *units], capture_output=True, text=True).stdout.split("\n")
out["units"] = dict(zip(units, state))
print(json.dumps(out))
"""


@dataclass(frozen=True)
class ContainerFact:
    """A container as its engine sees it."""

    name: str
    labels: Mapping[str, str]
    image: str  # content id
    running: bool
    health: str  # "healthy", "starting", "unhealthy", or "" without a healthcheck
    id: str = ""
    networks: drift.Networks = field(default_factory=dict)
    limits: Mapping[str, Any] = field(default_factory=dict)  # memory (bytes), nano_cpus, pids, restart


@dataclass(frozen=True)
class ObjectFact:
    """A network or a volume."""

    name: str
    labels: Mapping[str, str]
    id: str = ""


@dataclass(frozen=True)
class HostFacts:
    """One host in one moment."""

    boot_id: str
    roles: Mapping[str, str]  # what the roles recorded when they last converged
    ruleset: str  # sha256 of the firewall's file
    units: Mapping[str, str]  # "active", "failed", "inactive"
    containers: tuple[ContainerFact, ...]
    networks: tuple[ObjectFact, ...]
    volumes: tuple[ObjectFact, ...]
    images: frozenset[str]

    def ids(self, stack: str) -> set[str]:
        """Ids of all that a stack has here, as ``drift.made`` has them."""
        things: tuple[ContainerFact | ObjectFact, ...] = (*self.containers, *self.networks, *self.volumes)
        return {thing.id for thing in things if thing.labels.get("idc.stack") == stack}

    def labelled(self, label: str, value: str) -> dict[str, str]:
        """``kind/name -> idc.digest`` of everything that carries a label with that value."""
        found: dict[str, str] = {}
        for kind, things in (("container", self.containers), ("network", self.networks), ("volume", self.volumes)):
            for thing in things:
                if thing.labels.get(label) == value:
                    found[f"{kind}/{thing.name}"] = thing.labels.get("idc.digest", "")
        return found


def parse(text: str) -> HostFacts:
    """The script's output as facts. Pure."""
    raw = json.loads(text)
    return HostFacts(
        boot_id=raw["boot_id"],
        roles=raw["roles"],
        ruleset=raw["ruleset"],
        units=raw["units"],
        containers=tuple(_container(entry) for entry in raw["containers"]),
        networks=tuple(ObjectFact(**entry) for entry in raw["networks"]),
        volumes=tuple(ObjectFact(**entry) for entry in raw["volumes"]),
        images=frozenset(raw["images"]),
    )


def _container(raw: Mapping[str, Any]) -> ContainerFact:
    networks = drift.networks_of({"NetworkSettings": {"Networks": raw["networks"]}})
    return ContainerFact(**{**raw, "networks": networks})


def collect(hosts: Hosts, names: Sequence[str], deadline: float = 30.0) -> dict[str, HostFacts | EngineError]:
    """Facts of each named host, side by side; an error in place of the facts where a host did not give them."""
    facts: dict[str, HostFacts | EngineError] = {}
    answers = hosts.run_all(names, ["python3", "-"], input=SCRIPT.encode(), deadline=deadline)
    for name, answer in answers.items():
        if isinstance(answer, EngineError):
            facts[name] = answer
        elif not answer.ok:
            facts[name] = EngineError(f"{name}: could not be read: {answer.words}", host=name)
        else:
            facts[name] = parse(answer.stdout.decode())
    return facts
