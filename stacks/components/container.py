"""A hosted container, hardened: read-only root, no capability but those named, no new privileges, limits."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_docker as docker

from stacks import shapes
from stacks.components.engines import Engines
from stacks.inputs import ContainerInput


class HardenedContainer(pulumi.ComponentResource):
    """One container at its fixed address, as ``stacks.shapes`` says.

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
        own = engines.options(container["host"], self)
        own.depends_on = list(needs)
        own.delete_before_replace = True  # its name and its address are fixed
        shape = shapes.container(container, engines.station)
        self.container = docker.Container(container["docker_name"], opts=own, **shape)
        self.register_outputs({})
