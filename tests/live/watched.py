"""A command of idc with all that others could see of it while it ran: process list, environments, Ansible's folders."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

EVERY: Final = 0.1  # seconds between two looks


@dataclass
class Watched:
    """What was seen: the words that processes were started with, their environments, files of runs."""

    looks: int = 0
    processes: set[bytes] = field(default_factory=set)
    files: dict[Path, set[bytes]] = field(default_factory=dict)
    said: str = ""  # by the command itself, on both of its outputs

    def look(self, stations: Path) -> None:
        """Once more. What ends meanwhile is passed over: the next look is soon."""
        self.looks += 1
        for process in Path("/proc").iterdir():
            if process.name.isdigit():
                for name in ("cmdline", "environ"):
                    with contextlib.suppress(OSError):
                        self.processes.add((process / name).read_bytes())
        for folder in stations.glob("*/logs/ansible-*"):
            with contextlib.suppress(OSError):
                for path in folder.rglob("*"):
                    if path.is_file():
                        self.files.setdefault(path, set()).add(path.read_bytes())

    def holding(self, secret: bytes) -> list[str]:
        """Where a secret was seen."""
        found = [f"process {entry[:200]!r}" for entry in self.processes if secret in entry]
        found += [str(path) for path, contents in self.files.items() if any(secret in text for text in contents)]
        return found + (["its output"] if secret.decode() in self.said else [])


@contextmanager
def watching(stations: Path) -> Iterator[Watched]:
    """Looks again and again for as long as the block lasts."""
    seen, over = Watched(), threading.Event()

    def work() -> None:
        while not over.wait(EVERY):
            seen.look(stations)

    thread = threading.Thread(target=work, name="watched", daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()
