"""From ``docker inspect`` to typed states. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from idc.live.snapshot import Attachment, ContainerState, Engine, MountState, NetworkState, VolumeState


def engine(raw: Mapping[str, Any]) -> Engine:
    """All that an engine holds, sorted by name."""
    return Engine(
        version=raw["version"],
        containers=tuple(sorted((container(entry) for entry in raw["containers"]), key=lambda entry: entry.name)),
        networks=tuple(sorted((network(entry) for entry in raw["networks"]), key=lambda entry: entry.name)),
        volumes=tuple(sorted((volume(entry) for entry in raw["volumes"]), key=lambda entry: entry.name)),
    )


def _capabilities(names: list[str] | None) -> tuple[str, ...]:
    """With ``CAP_``, whichever way they were written; ``ALL`` stays."""
    full = {name if name == "ALL" or name.startswith("CAP_") else f"CAP_{name}" for name in names or []}
    return tuple(sorted(full))


def container(raw: Mapping[str, Any]) -> ContainerState:
    """One inspected container."""
    config, host, state = raw["Config"], raw["HostConfig"], raw["State"]
    ports = (raw.get("NetworkSettings") or {}).get("Ports") or {}
    attached = (raw.get("NetworkSettings") or {}).get("Networks") or {}
    log = host.get("LogConfig") or {}
    return ContainerState(
        name=raw["Name"].lstrip("/"),
        id=raw["Id"],
        image=raw["Image"],
        running=bool(state["Running"]) and not state.get("Paused", False),
        status=state["Status"],
        health=(state.get("Health") or {}).get("Status", ""),
        restarts=int(raw.get("RestartCount", 0)),
        labels=config.get("Labels") or {},
        env=config.get("Env") or {},
        command=tuple(config.get("Cmd") or ()),
        user=config.get("User") or "",
        read_only=bool(host.get("ReadonlyRootfs")),
        privileged=bool(host.get("Privileged")),
        capabilities_added=_capabilities(host.get("CapAdd")),
        capabilities_dropped=_capabilities(host.get("CapDrop")),
        security=tuple(sorted(host.get("SecurityOpt") or ())),
        memory=int(host.get("Memory") or 0),
        memory_swap=int(host.get("MemorySwap") or 0),
        nano_cpus=int(host.get("NanoCpus") or 0),
        pids=int(host.get("PidsLimit") or 0),
        tmpfs=host.get("Tmpfs") or {},
        mounts=tuple(sorted((_mount(entry) for entry in raw.get("Mounts") or []), key=lambda entry: entry.target)),
        network_mode=host.get("NetworkMode") or "",
        ipc_mode=host.get("IpcMode") or "",
        pid_mode=host.get("PidMode") or "",
        uts_mode=host.get("UTSMode") or "",
        userns_mode=host.get("UsernsMode") or "",
        networks=tuple(
            Attachment(name, entry.get("IPAddress") or "", entry.get("GlobalIPv6Address") or "")
            for name, entry in sorted(attached.items())
        ),
        published=tuple(sorted({port for port, to in ports.items() if to} | set(host.get("PortBindings") or {}))),
        devices=tuple(sorted(entry["PathOnHost"] for entry in host.get("Devices") or [])),
        restart=(host.get("RestartPolicy") or {}).get("Name", ""),
        health_test=tuple((config.get("Healthcheck") or {}).get("Test") or ()),
        log_driver=log.get("Type", ""),
        log_options=log.get("Config") or {},
    )


def _mount(raw: Mapping[str, Any]) -> MountState:
    source = raw.get("Name") if raw["Type"] == "volume" else raw.get("Source")
    return MountState(raw["Type"], source or "", raw["Destination"], not raw.get("RW", True))


def network(raw: Mapping[str, Any]) -> NetworkState:
    """One inspected network."""
    pools = (raw.get("IPAM") or {}).get("Config") or []
    return NetworkState(
        name=raw["Name"],
        driver=raw["Driver"],
        internal=bool(raw.get("Internal")),
        ipv6=bool(raw.get("EnableIPv6")),
        subnets=tuple(sorted((pool.get("Subnet", ""), pool.get("Gateway", "")) for pool in pools)),
        options=raw.get("Options") or {},
        labels=raw.get("Labels") or {},
        containers=tuple(sorted(entry["Name"] for entry in (raw.get("Containers") or {}).values())),
    )


def volume(raw: Mapping[str, Any]) -> VolumeState:
    """One inspected volume."""
    return VolumeState(raw["Name"], raw["Driver"], raw.get("Labels") or {}, raw.get("Options") or {})
