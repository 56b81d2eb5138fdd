"""A Docker bridge with an explicit subnet: a segment on a host, or a network of the lab."""

from __future__ import annotations

import pulumi
import pulumi_docker as docker

from stacks import shapes
from stacks.components.engines import Engines
from stacks.inputs import NetworkInput


class Segment(pulumi.ComponentResource):
    """One bridge. Nothing about it can change in place, so a change replaces it, and what is attached first."""

    def __init__(self, engines: Engines, network: NetworkInput, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("idc:network:Segment", network["name"], None, opts)
        own = engines.options(network["host"], self)
        own.delete_before_replace = True  # two networks cannot hold one subnet
        own.import_ = network.get("adopt")
        self.network = docker.Network(network["name"], opts=own, **shapes.network(network, engines.station))
        self.register_outputs({})
