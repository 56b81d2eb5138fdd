"""Verification of a running centre, after `up` and by itself."""

from __future__ import annotations

from pathlib import Path

from idc.engine.hosts import Hosts
from idc.engine.station import Station
from idc.live.report import Report
from idc.live.verify import run as verify_live
from idc.operate import judge_own, prove_live
from idc.operate.progress import Progress
from idc.operate.run import UpResult
from idc.plan.types import Plan

DEADLINE_CONNECT = 30.0


def run(station: Station, plan: Plan, progress: Progress, *, packets: bool = True) -> Report:
    """Snapshot, tests, the centre's own tests and policies, and (with ``packets``) probes.

    A host that does not answer is unknown, and unknown fails. ``plan`` is the one that was applied: it is proven, not
    what may have been declared since.
    """
    with progress.phase("verify"):
        hosts = Hosts(station, plan)
        try:
            for name, error in hosts.connect([host.name for host in plan.hosts], DEADLINE_CONNECT).items():
                progress.step(f"{name}: {error.message}")
            own = own_tests(station.centre_folder)
            judges = [prove_live.checks, judge_own.checks(station.centre_folder)]
            report = verify_live(
                station, hosts, plan, packets=packets, progress=progress.step, extra=own, judges=judges
            )
        finally:
            hosts.close()
        progress.result(report.headline())
    return report


def own_tests(centre_folder: Path | None) -> list[Path]:
    """The folder of a centre's own tests, where it has one."""
    return [folder] if centre_folder and (folder := centre_folder / "tests").is_dir() else []


def after_up(result: UpResult, progress: Progress) -> Report:
    """Verify what `up` has just built (or, where it could not finish, what it was building)."""
    return run(result.work.station, result.work.plan, progress)
