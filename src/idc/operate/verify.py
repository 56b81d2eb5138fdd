"""Verification of a running centre, after `up` and by itself."""

from __future__ import annotations

from idc.engine.hosts import Hosts
from idc.live import verify as live_verify
from idc.live.report import Report
from idc.operate.context import Work
from idc.operate.progress import Progress
from idc.operate.up import UpResult

DEADLINE_CONNECT = 30.0


def run(work: Work, progress: Progress, *, packets: bool = True) -> Report:
    """Snapshot, tests and (with ``packets``) probes; a host that does not answer is unknown, and unknown fails."""
    with progress.phase("verify"):
        hosts = Hosts(work.station, work.plan)
        try:
            for name, error in hosts.connect([host.name for host in work.plan.hosts], DEADLINE_CONNECT).items():
                progress.step(f"{name}: {error.message}")
            report = live_verify.run(work.station, hosts, work.plan, packets=packets, progress=progress.step)
        finally:
            hosts.close()
        progress.result(report.headline())
    return report


def after_up(result: UpResult, progress: Progress) -> Report:
    """Verify what `up` has just built."""
    return run(result.work, progress)
