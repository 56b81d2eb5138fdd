"""A lab host: a system container (systemd, sshd, a Docker engine) that stands for a server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import pulumi
import pulumi_docker as docker

from stacks.components.engines import Engines
from stacks.components.network import Segment
from stacks.components.volume import Store
from stacks.inputs import LabHostInput
from stacks.shapes import ATTACHED, LOG_DRIVER, LOG_OPTIONS

# What systemd, a nested engine and packet rules need, short of --privileged (which some machines cannot give).
CAPABILITIES: Final = (
    "CAP_AUDIT_CONTROL", "CAP_AUDIT_WRITE", "CAP_DAC_READ_SEARCH", "CAP_IPC_LOCK", "CAP_MKNOD", "CAP_NET_ADMIN",
    "CAP_NET_RAW", "CAP_SETFCAP", "CAP_SYSLOG", "CAP_SYS_ADMIN", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE",
)  # fmt: skip
STOP_SECONDS: Final = 30


class LabHost(pulumi.ComponentResource):
    """One lab host with its links. Its engine's volume outlives it, as a server's disk outlives a reinstallation."""

    def __init__(
        self,
        engines: Engines,
        host: LabHostInput,
        segments: Mapping[str, Segment],
        store: Store,
        authorized_keys: Sequence[str],
    ) -> None:
        super().__init__("idc:lab:LabHost", host["name"], None, None)
        own = engines.options(host["host"], self)
        own.depends_on = [store.volume, *(segments[link["network"]].network for link in host["links"])]
        own.delete_before_replace = True
        env = {**host["env"], "IDC_AUTHORIZED_KEYS": "\n".join(authorized_keys)}
        self.container = docker.Container(
            host["docker_name"],
            name=host["docker_name"],
            hostname=host["hostname"],
            image=host["image_id"],
            envs=[f"{name}={value}" for name, value in sorted(env.items())],
            capabilities=docker.ContainerCapabilitiesArgs(adds=list(CAPABILITIES)),
            # Not systempaths=unconfined as well: the provider does not read it back and would replace the host on every
            # run after a refresh. What it would unlock the host remounts itself.
            security_opts=["apparmor=unconfined", "seccomp=unconfined"],
            cgroupns_mode="private",
            # A new network namespace may inherit forwarding from the machine: the firewall's unit turns it on.
            sysctls={"net.ipv4.ip_forward": "0"},
            tmpfs={"/run": "exec,mode=755", "/run/lock": ""},
            mounts=[
                docker.ContainerMountArgs(
                    type="volume", source=host["volume"], target=host["volume_target"], read_only=False
                )
            ],
            stop_signal="SIGRTMIN+3",
            stop_timeout=STOP_SECONDS,
            destroy_grace_seconds=STOP_SECONDS,
            ipc_mode="private",
            network_mode=ATTACHED if host["links"] else "none",
            networks_advanced=[
                docker.ContainerNetworksAdvancedArgs(
                    name=link["network"], ipv4_address=link["ipv4"], ipv6_address=link["ipv6"]
                )
                for link in host["links"]
            ],
            must_run=True,
            restart="unless-stopped",
            log_driver=LOG_DRIVER,
            log_opts=LOG_OPTIONS,
            labels=engines.container_labels(host["labels"]),
            opts=own,
        )
        self.register_outputs({})
