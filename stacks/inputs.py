"""What a stack's program reads: the document that ``idc.plan.stacks`` describes, as types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NotRequired, TypedDict

Labels = Mapping[str, str]


class HostInput(TypedDict):
    """An engine that the stack provisions on."""

    docker_host: str


class NetworkInput(TypedDict):
    """One Docker bridge: a segment on a host, or a network of the lab."""

    name: str
    host: str
    subnet: str
    gateway: str
    subnet6: str | None
    gateway6: str | None
    bridge: str
    labels: Labels
    adopt: NotRequired[str]  # id of a network that a dead run has left: it is taken over instead of made
    inhibit_ipv4: NotRequired[bool]  # lab: the machine itself has no address there
    masquerade: NotRequired[bool]


class VolumeInput(TypedDict):
    """A named volume."""

    name: str
    host: str
    purpose: Literal["content", "database", "engine"]
    labels: Labels


class MountInput(TypedDict):
    """A volume or a host folder in a container."""

    kind: Literal["volume", "folder"]
    source: str
    target: str
    read_only: bool


class HealthcheckInput(TypedDict):
    """A Docker healthcheck; times as ``5s``."""

    test: Sequence[str]
    interval: str
    timeout: str
    start_period: str
    retries: int


class ContainerInput(TypedDict):
    """One container in one of its two address slots."""

    name: str
    docker_name: str
    host: str
    image_id: str
    network: str
    ipv4: str
    ipv6: str | None
    env: Mapping[str, str]
    command: Sequence[str]
    mounts: Sequence[MountInput]
    tmpfs: Mapping[str, str]
    cpus: float
    memory: int
    pids: int
    capabilities: Sequence[str]
    user: str
    restart: str
    slot: str
    outgoing: bool
    healthcheck: HealthcheckInput
    labels: Labels


class LinkInput(TypedDict):
    """A lab host's place on one network of the lab."""

    network: str
    role: str
    ipv4: str
    ipv6: str | None


class LabHostInput(TypedDict):
    """A system container that stands for a server."""

    name: str
    docker_name: str
    hostname: str
    host: str
    image_id: str
    links: Sequence[LinkInput]
    env: Mapping[str, str]
    volume: str
    volume_target: str
    labels: Labels


class PersonInput(TypedDict):
    """A client container on the outside of the lab's edge."""

    name: str
    docker_name: str
    host: str
    image_id: str
    network: str
    ipv4: str
    ipv6: str | None
    labels: Labels


class StackInput(TypedDict):
    """The whole document."""

    kind: Literal["lab", "platform", "tenant"]
    centre: str
    stack: str
    station: str
    prefix: str
    authorized_keys: NotRequired[Sequence[str]]  # lab: the station's public keys
    hosts: Mapping[str, HostInput]
    networks: Sequence[NetworkInput]
    volumes: Sequence[VolumeInput]
    containers: Sequence[ContainerInput]
    lab_hosts: Sequence[LabHostInput]
    people: Sequence[PersonInput]
