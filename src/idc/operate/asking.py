"""Questions about who reaches whom, asked of the plan and of the hosts as they are now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from idc.engine.hosts import Hosts
from idc.engine.station import Station
from idc.errors import EngineError, IdcError, UsageError
from idc.live.take import Taken, take
from idc.model.text import did_you_mean
from idc.operate import context
from idc.operate.context import DryWork
from idc.plan.types import Plan
from idc.proof import from_plan, from_snapshot
from idc.proof.ends import End, UnknownEndError, end
from idc.proof.forwarding import Fabric

DEADLINE: Final = 15.0  # seconds to reach the hosts


@dataclass(frozen=True)
class Seen:
    """A fabric as it forwards packets, and what it was made of. ``fabric`` is None where nothing could be looked at."""

    plan: Plan
    fabric: Fabric | None
    note: str = ""  # why there is none, or which hosts did not answer


def planned(folder: Path) -> Seen:
    """As the declaration has it now."""
    plan = context.load(folder).plan
    return Seen(plan, from_plan.fabric(plan))


def live(folder: Path) -> Seen | None:
    """As the hosts have it now, against what was applied last. None where the centre was never brought up from here."""
    work = context.load(folder)
    if isinstance(work, DryWork):
        return None
    try:
        standing = context.as_applied(folder)
    except IdcError as error:
        return Seen(work.plan, None, error.message)
    return _snapshots(standing.station, standing.plan)


def _snapshots(station: Station, plan: Plan) -> Seen:
    hosts = Hosts(station, plan)
    try:
        hosts.connect([host.name for host in plan.hosts], DEADLINE)
        taken = take(hosts, plan)
    except EngineError as error:
        return Seen(plan, None, error.message)
    finally:
        hosts.close()
    read: Mapping[str, Taken] = {name: entry for name, entry in taken.items() if isinstance(entry, Taken)}
    lost = [f"{name}: {entry.message}" for name, entry in taken.items() if not isinstance(entry, Taken)]
    fabric = from_snapshot.fabric(plan, {name: entry.snapshot for name, entry in read.items()})
    return Seen(plan, fabric if read else None, "; ".join(lost))


def ends(plan: Plan, *words: str) -> list[End]:
    """What these words stand for in a plan. Raises UsageError."""
    try:
        return [end(plan, word) for word in words]
    except UnknownEndError as error:
        raise UsageError(str(error), hint=error.hint) from None


def where(folders: list[Path], *words: str) -> Path:
    """The one centre in which all these words stand for something. Raises UsageError."""
    if len(folders) == 1:
        return folders[0]
    fits: list[Path] = []
    first: UsageError | None = None
    for folder in folders:
        try:
            ends(context.load(folder).plan, *words)
            fits.append(folder)
        except UsageError as error:
            first = first or error
    if len(fits) == 1:
        return fits[0]
    if not fits and first is not None:
        raise first
    raise UsageError(
        f"several centres are meant: {', '.join(map(str, fits))}", hint=f"name one at the end, as {fits[0]}"
    )


def of_tenant(folders: list[Path], tenant: str) -> Path:
    """The one centre that has a tenant. Raises UsageError."""
    known = {folder: {entry.id for entry in context.load(folder).plan.tenants} for folder in folders}
    fits = [folder for folder, tenants in known.items() if tenant in tenants]
    if len(fits) == 1:
        return fits[0]
    if not fits:
        every = set().union(*known.values())
        raise UsageError(f"there is no tenant {tenant!r}", hint=did_you_mean(tenant, every, what="tenants"))
    raise UsageError(
        f"several centres have the tenant {tenant!r}: {', '.join(map(str, fits))}", hint=f"name one, as {fits[0]}"
    )
