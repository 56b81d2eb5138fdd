"""The lab stack: the hosts of a centre as system containers on this machine, the networks between them, and people."""

from __future__ import annotations

from stacks.components.engines import Engines
from stacks.components.lab_host import LabHost
from stacks.components.network import Segment
from stacks.components.person import Person
from stacks.components.volume import Store
from stacks.inputs import StackInput


def program(stack: StackInput) -> None:
    """Networks and volumes first, then what is attached to them."""
    engines = Engines(stack)
    segments = {network["name"]: Segment(engines, network) for network in stack["networks"]}
    stores = {volume["name"]: Store(engines, volume) for volume in stack["volumes"]}
    keys = stack.get("authorized_keys", ())
    for host in stack["lab_hosts"]:
        LabHost(engines, host, segments, stores[host["volume"]], keys)
    for person in stack["people"]:
        Person(engines, person, segments[person["network"]])
