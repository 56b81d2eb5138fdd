"""Looks after the engines while stacks run on them: a CLI whose engine has hung would wait for its whole deadline."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, Protocol

from idc.errors import IdcError

PAUSE: Final = 5.0  # seconds between two looks
PATIENCE: Final = 15.0  # seconds for an engine to answer while it works
MISSES: Final = 2  # looks in a row without an answer after which an engine counts as hung


class Cuts(Protocol):
    """Whoever runs stacks: ``idc.engine.pulumi.PulumiRunner``."""

    def at_work(self) -> Collection[str]:
        """The stacks that run now."""
        ...

    def cut_off(self, stack: str, why: str) -> None:
        """End a stack that runs."""
        ...


class Asks(Protocol):
    """Whoever knows the engines: ``idc.operate.stacks.Engines``."""

    def silent(self, stacks: Sequence[str], deadline: float) -> dict[str, str]:
        """The engines of these stacks that do not answer now, host -> in words."""
        ...

    def lose(self, found: Mapping[str, str]) -> None:
        """Remember engines as lost for the whole run."""
        ...

    def missing(self, stack: str) -> str:
        """In words which engines of a stack are lost."""
        ...


@contextmanager
def watching(engines: Asks, runner: Cuts, *, pause: float = PAUSE, patience: float = PATIENCE) -> Iterator[None]:
    """End the stacks of an engine that has hung, for as long as the block lasts; the others go on."""
    done = threading.Event()
    thread = threading.Thread(target=_watch, args=(engines, runner, done, pause, patience), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _watch(engines: Asks, runner: Cuts, done: threading.Event, pause: float, patience: float) -> None:
    missed: dict[str, int] = {}
    while not done.wait(pause):
        running = sorted(runner.at_work())
        try:
            silent = engines.silent(running, patience)
        except IdcError:
            continue  # nothing was seen; the stacks have their own deadlines
        missed = {host: missed.get(host, 0) + 1 for host in silent}
        hung = {host: words for host, words in silent.items() if missed[host] >= MISSES}
        if hung and not done.is_set():
            engines.lose(hung)
            for stack in running:
                if words := engines.missing(stack):
                    runner.cut_off(stack, words)
