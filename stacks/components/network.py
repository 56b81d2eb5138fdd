"""A Docker bridge with an explicit subnet: a segment on a host, or a network of the lab."""

from __future__ import annotations

import pulumi
import pulumi_docker as docker

from stacks.components.engines import Engines
from stacks.inputs import NetworkInput


class Segment(pulumi.ComponentResource):
    """One bridge. Nothing about it can change in place, so a change replaces it, and what is attached first."""

    def __init__(self, engines: Engines, network: NetworkInput, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("idc:network:Segment", network["name"], None, opts)
        ipam = [docker.NetworkIpamConfigArgs(subnet=network["subnet"], gateway=network["gateway"])]
        if network["subnet6"]:
            ipam.append(docker.NetworkIpamConfigArgs(subnet=network["subnet6"], gateway=network["gateway6"]))
        own = engines.options(network["host"], self)
        own.delete_before_replace = True  # two networks cannot hold one subnet
        own.import_ = network.get("adopt")
        self.network = docker.Network(
            network["name"],
            name=network["name"],
            driver="bridge",
            ipv6=network["subnet6"] is not None,
            ipam_configs=ipam,
            options={
                "com.docker.network.bridge.name": network["bridge"],
                "com.docker.network.bridge.enable_ip_masquerade": _word(network.get("masquerade", False)),
                "com.docker.network.bridge.inhibit_ipv4": _word(network.get("inhibit_ipv4", False)),
            },
            labels=[docker.NetworkLabelArgs(label=k, value=v) for k, v in engines.labels(network["labels"]).items()],
            opts=own,
        )
        self.register_outputs({})


def _word(value: bool) -> str:
    return "true" if value else "false"
