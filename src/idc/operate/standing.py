"""Which rule set stands on a host: found among all that a run can have left there, by its digest. Pure.

After a run that did not end, hosts differ: one still has what was applied, one has that without what was being closed,
one has the new plan. What closes on a host starts from what stands there, so that it neither opens a flow nor turns the
listeners back to a slot whose container is gone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from idc import render
from idc.operate.narrow import narrowed, without
from idc.operate.record import Record
from idc.plan.types import Plan


def ruleset_digest(plan: Plan, host: str) -> str:
    """SHA-256 of the rule set that a plan comes to on a host, as the host's facts report it."""
    return hashlib.sha256(render.firewall(plan, host).encode()).hexdigest()


def candidates(record: Record, shut: Sequence[frozenset[str]]) -> Iterator[Plan]:
    """Every plan whose rules may stand, the newest first; ``shut`` are the sets of tenants that have been shut."""
    plans = record.plans
    for index, plan in enumerate(plans):
        for tenants in dict.fromkeys(shut):
            whole = without(plan, tenants)
            yield whole
            for later in range(index - 1, -1, -1):  # while it was being closed for newer ones
                yield narrowed(whole, *plans[later:index])
                if index - later > 1:
                    yield narrowed(whole, plans[later])


def on_host(record: Record, host: str, digest: str, shut: Sequence[frozenset[str]]) -> tuple[Plan | None, bool]:
    """The plan whose rules stand on a host, and whether that is known; (None, False) where no plan has the host.

    Where nothing fits, it is the newest plan with only those of its flows that all plans have.
    """
    plans = [plan for plan in record.plans if host in plan.host_by_name]
    if not plans:
        return None, False
    for plan in candidates(record, shut):
        if host in plan.host_by_name and ruleset_digest(plan, host) == digest:
            return plan, True
    return narrowed(without(plans[0], record.isolated), *plans[1:]), False
