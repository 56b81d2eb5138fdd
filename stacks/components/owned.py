"""All that one owner (a site, a service) has in a stack: segments, volumes, containers, in this order."""

from __future__ import annotations

import pulumi

from stacks.components.container import HardenedContainer
from stacks.components.engines import Engines
from stacks.components.network import Segment
from stacks.components.volume import Store
from stacks.inputs import Labels, StackInput


class Owned(pulumi.ComponentResource):
    """One owner's share of a stack, by the label ``idc.owner``. ``kind`` is ``Site`` or ``Service``."""

    def __init__(self, kind: str, owner: str, engines: Engines, stack: StackInput) -> None:
        super().__init__(f"idc:hosting:{kind}", owner.rpartition("/")[2], None, None)
        below = pulumi.ResourceOptions(parent=self)
        segments = {n["name"]: Segment(engines, n, below) for n in stack["networks"] if _owned(n["labels"], owner)}
        stores = {v["name"]: Store(engines, v, below) for v in stack["volumes"] if _owned(v["labels"], owner)}
        for container in stack["containers"]:
            if not _owned(container["labels"], owner):
                continue
            needs: list[pulumi.Resource] = [segments[container["network"]].network]
            needs += [stores[m["source"]].volume for m in container["mounts"] if m["source"] in stores]
            HardenedContainer(engines, container, needs, below)
        self.register_outputs({})


def _owned(labels: Labels, owner: str) -> bool:
    return labels["idc.owner"] == owner


def owners(stack: StackInput) -> list[str]:
    """Every owner in a stack, sorted."""
    entries = [*stack["networks"], *stack["volumes"], *stack["containers"]]
    return sorted({entry["labels"]["idc.owner"] for entry in entries})
