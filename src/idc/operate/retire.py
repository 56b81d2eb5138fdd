"""Retire a tenant, first form: closed, its containers gone, its volumes and numbers kept."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from idc import model
from idc.engine import files
from idc.engine.hosts import Hosts
from idc.errors import EngineError, RefusedError, UsageError
from idc.model.types import TenantState
from idc.operate import centres, closing, context, edges, isolate, narrow, up
from idc.operate.closing import Order
from idc.operate.context import Work
from idc.operate.progress import Progress
from idc.plan import hostrules
from idc.plan.types import Plan

# Fields of a plan that are nothing on a host.
_NOT_STANDING = frozenset({"declaration_digest", "images", "beside", "today"})


def folder_of(tenant: str, chosen: Path | None) -> Path:
    """The centre folder that declares the tenant. Raises UsageError where none or several do."""
    found = [
        folder
        for folder in centres.centre_folders(chosen)
        if any(spec.tenant == tenant for spec in model.load(folder).tenants)
    ]
    if len(found) != 1:
        what = "no centre declares" if not found else "several centres declare"
        raise UsageError(f"{what} the tenant {tenant!r}", hint="name the centre folder after the tenant")
    return found[0]


def retire(folder: Path, tenant: str, progress: Progress) -> tuple[str, ...]:
    """Bring the centre to a plan without the tenant's flows and containers, then record that it is retired.

    Returns the names of the volumes that are kept. Raises RefusedError unless the tenant's file says so itself, and
    where anything else is to change: what retires one tenant builds nothing of another.
    """
    work = context.need(folder)
    spec = next(spec for spec in work.declaration.tenants if spec.tenant == tenant)
    if spec.state is not TenantState.RETIRING:
        raise RefusedError(
            f"{tenant} is declared as {spec.state.value}",
            hint=f"say `state: retiring` in tenants/{tenant}.yaml, have it approved, then run this again",
        )
    tools, ids = up.prepare(progress)
    _refuse_more(context.need(folder, ids=ids), tenant)
    result = up.up(folder, tools, ids, progress)
    if not result.ok:
        raise EngineError(f"{tenant} is not retired yet: {'; '.join(result.failed.values())}")
    with progress.phase("seen to be shut"):
        progress.result(see_shut(result.work, tenant))
    kept = tuple(volume.name for volume in result.work.plan.volumes if volume.tenant == tenant)
    record = work.station.folder / "retired.json"
    known = files.read_json(record, dict, absent={})
    known[tenant] = {"kept": list(kept)}
    files.write_atomic(record, json.dumps(known, indent=1, sort_keys=True))
    return kept


def _refuse_more(work: Work, tenant: str) -> None:
    if work.recorded.applied is None:
        raise RefusedError("no `up` of this centre has come to its end yet", hint=f"first `idc up {work.folder}`")
    more = {name for plan in work.recorded.plans for name in other_changes(plan, work.whole, tenant)}
    if more:
        raise RefusedError(
            f"more would change than {tenant}: {', '.join(sorted(more))}",
            hint=f"`idc plan {work.folder}` shows it; `idc up {work.folder}` applies all, {tenant}'s end with it, "
            "and then this has nothing left but to record it",
        )


def other_changes(old: Plan, new: Plan, tenant: str) -> list[str]:
    """In which parts two plans differ beyond one tenant's own things. Pure."""
    before, after = _beyond(old, tenant), _beyond(new, tenant)
    names = [field.name for field in dataclasses.fields(Plan) if field.name not in _NOT_STANDING]
    return [name.replace("_", " ") for name in names if getattr(before, name) != getattr(after, name)]


def _beyond(plan: Plan, tenant: str) -> Plan:
    """The plan without everything that is this tenant's."""
    flows = set(narrow.flows_of(plan, {tenant}))
    kept = tuple(flow for flow in plan.flows if flow not in flows)
    stack, containers = f"tenant-{tenant}", {each.name for each in plan.containers if each.tenant == tenant}
    return dataclasses.replace(
        plan,
        tenants=tuple(each for each in plan.tenants if each.id != tenant),
        sites=tuple(each for each in plan.sites if each.tenant != tenant),
        segments=tuple(each for each in plan.segments if each.tenant != tenant),
        containers=tuple(each for each in plan.containers if each.tenant != tenant),
        volumes=tuple(each for each in plan.volumes if each.tenant != tenant),
        vhosts=tuple(each for each in plan.vhosts if each.tenant != tenant),
        bandwidth=tuple(each for each in plan.bandwidth if each.tenant != tenant),
        flows=kept,
        host_rules=hostrules.derive(plan.host_by_name, kept),
        stacks=tuple(each for each in plan.stacks if each.name != stack),
        secrets=tuple(each for each in plan.secrets if each.folder.rpartition("/")[2] not in containers),
        reservations=tuple(each for each in plan.reservations if each.owner != f"tenant/{tenant}"),
    )


def see_shut(work: Work, tenant: str) -> str:
    """Read back that no host lets the tenant's old networks pass; says what was looked at.

    Raises EngineError where one does, or where it could not be looked at.
    """
    plan, held = work.plan, work.next_lock.tenants[tenant].sites.values()  # its numbers rest: they stay in the locks
    networks = sorted({subnet for site in held for subnet in site.segments.values()})
    names = sorted(plan.host_by_name)
    hosts = Hosts(work.station, plan)
    try:
        trouble = {name: error.message for name, error in hosts.connect(names, isolate.DEADLINE_CONNECT).items()}
        orders = {name: Order(cut=closing.of_networks(networks)) for name in names if name not in trouble}
        loaded = closing.push(hosts, orders, read=True)
        trouble |= isolate.find_open(loaded, networks)
        for name in sorted(edges.edge_hosts([plan]) & set(orders)):
            if left := edges.drop_names(hosts, name, [plan], tenant):
                trouble[name] = f"{name}: the edge still had {left} vhosts of it"
    finally:
        hosts.close()
    if trouble:
        raise EngineError(f"{tenant} is not seen to be shut: {'; '.join(trouble[name] for name in sorted(trouble))}")
    return f"none of {len(names)} hosts lets {len(networks)} networks pass"
