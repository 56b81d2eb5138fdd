"""A hosted container, hardened: read-only root, no capability but those named, no new privileges, limits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pulumi
import pulumi_docker as docker

from stacks.components.engines import ATTACHED, LOG_DRIVER, LOG_OPTIONS, Engines
from stacks.inputs import ContainerInput, MountInput

MEBIBYTE: Final = 1024 * 1024
STOP_SECONDS: Final = 10


class HardenedContainer(pulumi.ComponentResource):
    """One container at its fixed address.

    Two things are not the provider's to do well and come right after the stack: the limit of processes
    (``idc.engine.limits``), and waiting until it serves (``idc.engine.health``).
    """

    def __init__(
        self,
        engines: Engines,
        container: ContainerInput,
        needs: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("idc:hosting:HardenedContainer", container["docker_name"], None, opts)
        memory = container["memory"] // MEBIBYTE
        health = container["healthcheck"]
        own = engines.options(container["host"], self)
        own.depends_on = list(needs)
        own.delete_before_replace = True  # its name and its address are fixed
        self.container = docker.Container(
            container["docker_name"],
            name=container["docker_name"],
            hostname=container["name"],
            image=container["image_id"],
            command=list(container["command"]) or None,
            envs=[f"{name}={value}" for name, value in sorted(container["env"].items())],
            user=container["user"],
            read_only=True,
            capabilities=docker.ContainerCapabilitiesArgs(
                drops=["ALL"], adds=sorted(container["capabilities"]) or None
            ),
            security_opts=["no-new-privileges:true"],
            privileged=False,
            ipc_mode="private",
            memory=memory,
            memory_swap=memory,  # no swap; left out it would be a difference on every run
            cpus=_cpus(container["cpus"]),
            tmpfs=dict(container["tmpfs"]) or None,
            mounts=[_mount(mount) for mount in container["mounts"]],
            network_mode=ATTACHED,
            networks_advanced=[
                docker.ContainerNetworksAdvancedArgs(
                    name=container["network"],
                    ipv4_address=container["ipv4"],
                    ipv6_address=container["ipv6"],
                    aliases=[container["name"]],
                )
            ],
            healthcheck=docker.ContainerHealthcheckArgs(
                tests=list(health["test"]),
                interval=_duration(health["interval"]),
                timeout=_duration(health["timeout"]),
                start_period=_duration(health["start_period"]),
                retries=health["retries"],
            ),
            must_run=True,
            restart=container["restart"],
            destroy_grace_seconds=STOP_SECONDS,
            log_driver=LOG_DRIVER,
            log_opts=LOG_OPTIONS,
            labels=engines.container_labels(container["labels"]),
            opts=own,
        )
        self.register_outputs({})


def _mount(mount: MountInput) -> docker.ContainerMountArgs:
    return docker.ContainerMountArgs(
        type="bind" if mount["kind"] == "folder" else "volume",
        source=mount["source"],
        target=mount["target"],
        read_only=mount["read_only"],
    )


def _cpus(cores: float) -> str:
    """As the provider reads it back: ``0.5``, ``2.0``; anything else is a difference after each refresh."""
    whole, _, part = f"{cores:.9f}".rstrip("0").partition(".")
    return f"{whole}.{part or '0'}"


def _duration(text: str) -> str:
    """Seconds (``60s``) as the engine says them: ``1m0s``."""
    minutes, seconds = divmod(int(text.removesuffix("s")), 60)
    hours, minutes = divmod(minutes, 60)
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "") + f"{seconds}s"
