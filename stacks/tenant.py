"""A tenant's stack: its sites, and nothing of anybody else's."""

from __future__ import annotations

from stacks.components.engines import Engines
from stacks.components.owned import Owned, owners
from stacks.inputs import StackInput


def program(stack: StackInput) -> None:
    """Each site with its segments, volumes and containers; during a takeover with the outgoing containers as well."""
    engines = Engines(stack)
    for owner in owners(stack):
        Owned("Site", owner, engines, stack)
