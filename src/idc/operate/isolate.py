"""Shut a tenant at once: its flows and vhosts close on every host they touch, its open connections die."""

from __future__ import annotations

import dataclasses
import json
import time
from dataclasses import dataclass
from pathlib import Path

from idc import model
from idc.cli.common import centre_folders
from idc.engine import files, folders
from idc.engine.ansible import host_digest
from idc.engine.hosts import Hosts
from idc.errors import EngineError, UsageError
from idc.operate import closing, context
from idc.operate.context import Work
from idc.operate.progress import Progress


@dataclass(frozen=True)
class Done:
    """What isolating came to."""

    changed: bool
    seconds: float
    words: str


def folder_of(tenant: str, chosen: Path | None) -> Path:
    """The centre folder that declares the tenant. Raises UsageError where none or several do."""
    found = [
        folder
        for folder in centre_folders(chosen)
        if any(spec.tenant == tenant for spec in model.load(folder, tolerate_expired=True).tenants)
    ]
    if len(found) != 1:
        what = "no centre declares" if not found else "several centres declare"
        raise UsageError(f"{what} the tenant {tenant!r}", hint="name the centre folder after the tenant")
    return found[0]


def isolate(folder: Path, tenant: str, *, undo: bool, progress: Progress) -> Done:
    """Shut (or open) one tenant. The record is written before the first rule changes, so that no `up` reopens it.

    Raises EngineError where a host could not be reached: the others are closed all the same, and the same command
    goes on.
    """
    began = time.monotonic()
    before = context.need(folder, closing=True)
    with before.station.hold(wait=30):
        wanted = before.isolated - {tenant} if undo else before.isolated | {tenant}
        changed = wanted != before.isolated
        files.write_atomic(before.station.folder / "isolated.json", json.dumps(sorted(wanted)))
        work = context.need(folder, closing=True)
        _apply(work, tenant, undo, progress)
    seconds = time.monotonic() - began
    state = "open again, as declared" if undo else "shut: nothing reaches it and it reaches nothing"
    return Done(changed, seconds, f"{tenant} is {state} ({seconds:.1f} s)")


def _apply(work: Work, tenant: str, undo: bool, progress: Progress) -> None:
    applied = work.applied
    if applied is None:
        return
    # What is applied now, but for this tenant's flows and vhosts: no other change of the declaration slips in.
    mine = {segment.name for segment in applied.segments if segment.tenant == tenant}
    source = work.plan if undo else applied
    old = [flow for flow in applied.flows if not {flow.source.segment, flow.destination.segment} & mine]
    new_mine = [flow for flow in work.plan.flows if {flow.source.segment, flow.destination.segment} & mine]
    cut = [flow for flow in applied.flows if flow not in old]
    vhosts = [v for v in applied.vhosts if v.tenant != tenant] + [v for v in work.plan.vhosts if v.tenant == tenant]
    target = dataclasses.replace(
        applied,
        flows=tuple(sorted([*old, *new_mine], key=lambda flow: flow.id)),
        vhosts=tuple(sorted(vhosts, key=lambda vhost: (vhost.visibility, vhost.site))),
        tenants=tuple(
            t if t.id != tenant else next(n for n in source.tenants if n.id == tenant) for t in applied.tenants
        ),
    )
    names = sorted(
        {*closing.affected_hosts(cut), *closing.affected_hosts(new_mine), *(x.host for x in applied.listeners)}
    )
    hosts = Hosts(work.station, applied)
    try:
        with progress.phase("flows opened" if undo else "flows closed"):
            lost = hosts.connect(names, 20.0)
            reached = [name for name in names if name not in lost]
            record = {n: (host_digest(applied, n, "open"), host_digest(target, n, "open")) for n in reached}
            closing.push(hosts, target, reached, target.flows, () if undo else cut, record)
            for host in sorted({listener.host for listener in applied.listeners} & set(reached)):
                tree = folders.tree_for(target, host, work.station, work.folder, with_content=False)
                folders.sync(hosts, host, tree, deadline=30.0)
            progress.result(f"on {', '.join(reached)}")
        if lost:
            raise EngineError(
                f"not reached: {', '.join(sorted(lost))}", hint="it is closed on the others; run the same command again"
            )
        work.record_partial(target)
    finally:
        hosts.close()
