"""Verification of a running centre, after `up` and by itself."""

from __future__ import annotations

from idc.engine.hosts import Hosts
from idc.engine.station import Station
from idc.live.report import Report
from idc.live.verify import run as verify_live
from idc.operate.progress import Progress
from idc.operate.run import UpResult
from idc.plan.types import Plan

DEADLINE_CONNECT = 30.0


def run(station: Station, plan: Plan, progress: Progress, *, packets: bool = True) -> Report:
    """Snapshot, tests and (with ``packets``) probes; a host that does not answer is unknown, and unknown fails.

    ``plan`` is the one that was applied: it is proven, not what may have been declared since.
    """
    with progress.phase("verify"):
        hosts = Hosts(station, plan)
        try:
            for name, error in hosts.connect([host.name for host in plan.hosts], DEADLINE_CONNECT).items():
                progress.step(f"{name}: {error.message}")
            report = verify_live(station, hosts, plan, packets=packets, progress=progress.step)
        finally:
            hosts.close()
        progress.result(report.headline())
    return report


def after_up(result: UpResult, progress: Progress) -> Report:
    """Verify what `up` has just built (or, where it could not finish, what it was building)."""
    return run(result.work.station, result.work.plan, progress)
