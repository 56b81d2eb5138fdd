"""Lab hosts started and stopped, their disks kept."""

from __future__ import annotations

from pathlib import Path

from idc.engine import lab, machine
from idc.operate import context
from idc.operate.progress import Progress


def start(folder: Path, progress: Progress) -> list[str]:
    """Start the lab hosts that are stopped; what ran on them comes back by itself."""
    machine.ensure(progress.share)
    work = context.as_applied(folder)
    with work.station.hold(wait=10), progress.phase("lab hosts started"):
        names = lab.start(work.plan, work.station)
        lab.wait_booted(work.plan, deadline=60.0)
        progress.result(f"{len(names)} started")
    return names


def stop(folder: Path, progress: Progress) -> list[str]:
    """Stop the lab hosts that run."""
    work = context.as_applied(folder)
    with work.station.hold(wait=10), progress.phase("lab hosts stopped"):
        names = lab.stop(work.plan, work.station)
        progress.result(f"{len(names)} stopped")
    return names
