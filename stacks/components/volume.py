"""A named volume. What it holds outlives every stack: taking it out of a stack leaves it on its engine."""

from __future__ import annotations

import pulumi
import pulumi_docker as docker

from stacks import shapes
from stacks.components.engines import Engines
from stacks.inputs import VolumeInput


class Store(pulumi.ComponentResource):
    """One volume, kept when it leaves the state (`idc retire` keeps data aside; `idc destroy` removes by label)."""

    def __init__(self, engines: Engines, volume: VolumeInput, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("idc:storage:Store", volume["name"], None, opts)
        own = engines.options(volume["host"], self)
        # A replacement (say, for a changed label) keeps the volume as well: the engine hands out the one of that name.
        own.retain_on_delete = True
        own.delete_before_replace = True
        self.volume = docker.Volume(volume["name"], opts=own, **shapes.volume(volume, engines.station))
        self.register_outputs({})
