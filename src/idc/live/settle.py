"""A verification that follows a start gives health checks their time before it judges.

An engine looks at a container's health an interval after its start at first, and an application whose flow opens after
its container stands fails that first look. Until then its health is `starting`: neither well nor ill.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from idc.errors import EngineError
from idc.live.snapshot import Snapshot, UnreadError
from idc.live.take import Taken
from idc.plan.types import Container, Plan

PAUSE: Final = 2.0  # seconds between two looks at a host

Found = dict[str, Taken | EngineError]


def starting(plan: Plan, snapshot: Snapshot) -> list[Container]:
    """The planned containers of a host whose health is not known yet."""
    try:
        engine = snapshot.engine.value
    except UnreadError:
        return []
    states = {state.name: state for state in engine.containers if state.running}
    planned = [container for container in plan.on(snapshot.host) if container.docker_name() in states]
    return [container for container in planned if states[container.docker_name()].health == "starting"]


def patience(containers: Sequence[Container]) -> float:
    """Seconds after which the engine itself would call the last of them ill: every check of it late, and failed."""
    checks = [container.healthcheck for container in containers]
    late = (check.start_period + check.retries * (check.interval + check.timeout) for check in checks)
    return max(late, default=0.0)


def settle(
    plan: Plan,
    taken: Mapping[str, Taken | EngineError],
    again: Callable[[Sequence[str]], Found],
    *,
    progress: Callable[[str], None] = lambda _: None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Found:
    """The snapshots, with those of hosts where containers were starting taken anew (``again``) until none is.

    What is still starting when its time is over stays so, and is a finding. A host that no longer answers keeps its
    error: an older snapshot says nothing about it.
    """
    found, began = dict(taken), clock()
    told = False
    while True:
        late = {
            name: containers
            for name, entry in found.items()
            if isinstance(entry, Taken) and name in plan.host_by_name and (containers := starting(plan, entry.snapshot))
        }
        due = {name for name, containers in late.items() if clock() - began < patience(containers)}
        if not due:
            return found
        if not told:
            names = [container.docker_name() for containers in late.values() for container in containers]
            progress(f"waiting for the first health check of {', '.join(sorted(names))}")
            told = True
        sleep(PAUSE)
        found |= again(sorted(due))
