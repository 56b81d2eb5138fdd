"""Retire a tenant, first form: closed, its containers gone, its volumes and numbers kept."""

from __future__ import annotations

import json
from pathlib import Path

from idc.engine import files
from idc.errors import EngineError, RefusedError
from idc.model.types import TenantState
from idc.operate import context, up
from idc.operate.progress import Progress


def retire(folder: Path, tenant: str, progress: Progress) -> tuple[str, ...]:
    """Bring the centre to a plan without the tenant's flows and containers, then record that it is retired.

    Returns the names of the volumes that are kept. Raises RefusedError unless the tenant's file says so itself.
    """
    work = context.need(folder)
    spec = next(spec for spec in work.declaration.tenants if spec.tenant == tenant)
    if spec.state is not TenantState.RETIRING:
        raise RefusedError(
            f"{tenant} is declared as {spec.state.value}",
            hint=f"say `state: retiring` in tenants/{tenant}.yaml, have it approved, then run this again",
        )
    tools, ids = up.prepare(progress)
    result = up.up(folder, tools, ids, progress)
    if not result.ok:
        raise EngineError(f"{tenant} is not retired yet: {'; '.join(result.failed.values())}")
    kept = tuple(volume.name for volume in result.work.plan.volumes if volume.tenant == tenant)
    record = work.station.folder / "retired.json"
    known = dict(json.loads(record.read_text())) if record.exists() else {}
    known[tenant] = {"kept": list(kept)}
    files.write_atomic(record, json.dumps(known, indent=1, sort_keys=True))
    return kept
