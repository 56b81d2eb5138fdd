"""What each resource is given, as plain data: the programs make it so, and the policies judge the same data.

Nothing here imports Pulumi, so that a plan is judged without it. Names as the Python SDK writes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from stacks.inputs import ContainerInput, Labels, MountInput, NetworkInput, VolumeInput

Shape = dict[str, Any]

# The default bridge, which a container is taken off again before it starts. With the name of its own network here, the
# engine (20.10) passes over the fixed address that the provider asks for afterwards.
ATTACHED: Final = "bridge"
LOG_DRIVER: Final = "json-file"
LOG_OPTIONS: Final = {"max-size": "10m", "max-file": "3"}
MEBIBYTE: Final = 1024 * 1024
STOP_SECONDS: Final = 10


def labels(planned: Labels, station: str) -> Mapping[str, str]:
    """The planned labels and the station's id, sorted, so that the state can be built again from the engines."""
    return dict(sorted({**planned, "idc.station": station}.items()))


def _labels(planned: Labels, station: str) -> list[Shape]:
    return [{"label": key, "value": value} for key, value in labels(planned, station).items()]


def container(entry: ContainerInput, station: str) -> Shape:
    """A hosted container, hardened: read-only root, no capability but those named, no new privileges, limits."""
    memory = entry["memory"] // MEBIBYTE
    health = entry["healthcheck"]
    return {
        "name": entry["docker_name"],
        "hostname": entry["name"],
        "image": entry["image_id"],
        "command": list(entry["command"]) or None,
        "envs": [f"{name}={value}" for name, value in sorted(entry["env"].items())],
        "user": entry["user"],
        "read_only": True,
        "capabilities": {"drops": ["ALL"], "adds": sorted(entry["capabilities"]) or None},
        "security_opts": ["no-new-privileges:true"],
        "privileged": False,
        "runtime": "runc",  # said, as whatever a preview cannot know is refused
        "ipc_mode": "private",
        "memory": memory,
        "memory_swap": memory,  # no swap; left out it would be a difference on every run
        "cpus": cpus(entry["cpus"]),
        "tmpfs": dict(entry["tmpfs"]) or None,
        "mounts": [_mount(mount) for mount in entry["mounts"]],
        "network_mode": ATTACHED,
        "networks_advanced": [
            {
                "name": entry["network"],
                "ipv4_address": entry["ipv4"],
                "ipv6_address": entry["ipv6"],
                "aliases": [entry["name"]],
            }
        ],
        "healthcheck": {
            "tests": list(health["test"]),
            "interval": duration(health["interval"]),
            "timeout": duration(health["timeout"]),
            "start_period": duration(health["start_period"]),
            "retries": health["retries"],
        },
        "must_run": True,
        "restart": entry["restart"],
        "destroy_grace_seconds": STOP_SECONDS,
        "log_driver": LOG_DRIVER,
        "log_opts": dict(LOG_OPTIONS),
        # The provider has no limit of processes: ``idc.engine.limits`` sets it, and here policies can see it.
        "labels": _labels({**entry["labels"], "idc.pids": str(entry["pids"])}, station),
    }


def network(entry: NetworkInput, station: str) -> Shape:
    """A Docker bridge with an explicit subnet."""
    ipam = [{"subnet": entry["subnet"], "gateway": entry["gateway"]}]
    if entry["subnet6"]:
        ipam.append({"subnet": entry["subnet6"], "gateway": entry["gateway6"] or ""})
    return {
        "name": entry["name"],
        "driver": "bridge",
        "internal": False,
        "ipv6": entry["subnet6"] is not None,
        "ipam_configs": ipam,
        "options": {
            "com.docker.network.bridge.name": entry["bridge"],
            "com.docker.network.bridge.enable_ip_masquerade": _word(entry.get("masquerade", False)),
            "com.docker.network.bridge.inhibit_ipv4": _word(entry.get("inhibit_ipv4", False)),
        },
        "labels": _labels(entry["labels"], station),
    }


def volume(entry: VolumeInput, station: str) -> Shape:
    """A named volume on the engine's own disk."""
    return {"name": entry["name"], "driver": "local", "labels": _labels(entry["labels"], station)}


def _mount(mount: MountInput) -> Shape:
    return {
        "type": "bind" if mount["kind"] == "folder" else "volume",
        "source": mount["source"],
        "target": mount["target"],
        "read_only": mount["read_only"],
    }


def cpus(cores: float) -> str:
    """As the provider reads it back: ``0.5``, ``2.0``; anything else is a difference after each refresh."""
    whole, _, part = f"{cores:.9f}".rstrip("0").partition(".")
    return f"{whole}.{part or '0'}"


def duration(text: str) -> str:
    """Seconds (``60s``) as the engine says them: ``1m0s``."""
    minutes, seconds = divmod(int(text.removesuffix("s")), 60)
    hours, minutes = divmod(minutes, 60)
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "") + f"{seconds}s"


def _word(value: bool) -> str:
    return "true" if value else "false"
