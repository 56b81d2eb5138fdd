"""The platform stack: the fabric's own services, such as the edge."""

from __future__ import annotations

from stacks.components.engines import Engines
from stacks.components.owned import Owned, owners
from stacks.inputs import StackInput


def program(stack: StackInput) -> None:
    """Each service with its segments, volumes and containers."""
    engines = Engines(stack)
    for owner in owners(stack):
        Owned("Service", owner, engines, stack)
