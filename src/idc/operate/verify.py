"""Verification of a running centre, after `up` and by itself."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from idc.engine.hosts import Hosts
from idc.live.report import Report
from idc.live.verify import run as verify_live
from idc.operate.context import Work
from idc.operate.progress import Progress
from idc.operate.up import UpResult

DEADLINE_CONNECT = 30.0


def run(work: Work, progress: Progress, *, packets: bool = True) -> Report:
    """Snapshot, tests, the centre's own tests, and (with ``packets``) probes.

    A host that does not answer is unknown, and unknown fails.
    """
    plan = work.applied or work.plan  # what was applied is proven, not what may have been declared since
    with progress.phase("verify"):
        hosts = Hosts(work.station, plan)
        try:
            for name, error in hosts.connect([host.name for host in plan.hosts], DEADLINE_CONNECT).items():
                progress.step(f"{name}: {error.message}")
            report = verify_live(
                work.station, hosts, plan, packets=packets, progress=progress.step, extra=own_tests(work.folder)
            )
        finally:
            hosts.close()
        progress.result(report.headline())
    return report


def own_tests(centre_folder: Path) -> list[Path]:
    """The folder of a centre's own tests, where it has one."""
    folder = centre_folder / "tests"
    return [folder] if folder.is_dir() else []


def after_up(result: UpResult, progress: Progress) -> Report:
    """Verify what `up` has just built (or, where it could not finish, what it was building)."""
    return run(dataclasses.replace(result.work, applied=result.work.plan), progress)
