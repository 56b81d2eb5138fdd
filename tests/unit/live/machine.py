"""The machine that the small centre's lab stands on, in every way as planned."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

from idc.live.snapshot import (
    Attachment,
    ContainerState,
    Engine,
    Link,
    MountState,
    NetworkState,
    Part,
    Snapshot,
    VolumeState,
)
from idc.plan.labs import lab_input
from tests.unit.live import good

LABELS = {"idc.centre": good.PLAN.id}
BRIDGE = "com.docker.network.bridge.name"


def container(name: str, networks: list[str], **changes: Any) -> ContainerState:
    """A lab host or person, on its networks and no others."""
    whole = replace(
        good.container(good.PLAN, good.PLAN.containers[0]), name=name, id=good.digest(name), labels=LABELS, mounts=(),
        network_mode=networks[0], networks=tuple(Attachment(network, "", "") for network in networks),
    )  # fmt: skip
    return replace(whole, **changes)


def network(name: str, bridge: str, *subnets: str, labels: dict[str, str] = LABELS) -> NetworkState:
    """A network of this machine's engine."""
    return NetworkState(
        name, "bridge", internal=False, ipv6=len(subnets) > 1, subnets=tuple((subnet, "") for subnet in subnets),
        options={BRIDGE: bridge}, labels=labels, containers=(),
    )  # fmt: skip


@cache
def machine() -> Snapshot:
    """This machine: the lab, one container of somebody else's, and its own way out."""
    lab = lab_input(good.PLAN)
    hosts = [
        container(
            host["docker_name"], [link["network"] for link in host["links"]],
            mounts=(MountState("volume", host["volume"], "/var/lib/docker", read_only=False),),
        )
        for host in lab["lab_hosts"]
    ]  # fmt: skip
    people = [container(person["docker_name"], [person["network"]]) for person in lab["people"]]
    other = container("other", ["other"], labels={})
    networks = [
        network(entry["name"], entry["bridge"], *filter(None, (entry["subnet"], entry["subnet6"])))
        for entry in lab["networks"]
    ]
    volumes = tuple(VolumeState(entry["name"], "local", LABELS, {}) for entry in lab["volumes"])
    links = [Link("eth0", "", up=True, master="", addresses=("192.0.2.9/24",))]
    for entry in lab["networks"]:
        links.append(Link(entry["bridge"], "bridge", up=True, master="", addresses=()))
        links.append(Link(f"veth{len(links)}", "veth", up=True, master=entry["bridge"], addresses=()))
    return replace(
        good.snapshot("core-1"), host="this machine", links=Part(tuple(links)), routes=Part(()),
        engine=Part(
            Engine(
                "20.10.24", (*hosts, *people, other),
                (*networks, network("other", "docker0", "172.17.0.0/16", labels={})), volumes,
            )
        ),
    )  # fmt: skip
