"""Family ``backup``: what departments demand of their backups, and where the copies lie.

The model refuses what is nonsense (copies that are gone before the next one is made). These are matters of judgement:
bounds by protection level, which a security administrator may waive. A loss of a day at most is a local copy by clause
8.1.4.9 a; it is no real-time copy elsewhere (b), and single hosts are no hot redundancy (c).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from idc.model.enums import TenantState, Zone
from idc.plan.types import Backup, Tenant
from idc.policy import Broken, Level, Looked, Remark, View, rule
from policies.isolation import backup_hosts

HOUR: Final = 3600
DAY: Final = 24 * HOUR
STRICT: Final = 3  # protection level from which the stricter bounds hold


@dataclass(frozen=True)
class Bounds:
    """What a demand may be, in seconds."""

    rpo: int  # at most
    rto: int  # at most
    keep: int  # at least
    drill: int  # at most


BELOW: Final = Bounds(rpo=7 * DAY, rto=3 * DAY, keep=14 * DAY, drill=366 * DAY)
ABOVE: Final = Bounds(rpo=DAY, rto=4 * HOUR, keep=30 * DAY, drill=92 * DAY)


@rule(
    "backup.loss", "Nobody loses more than a week, nor from level 3 on more than a day",
    severity="high", controls=["8.1.4.9 a", "8.1.10.11"], level=Level.PLANNED,
)  # fmt: skip
def greatest_loss(view: View) -> Iterator[Remark]:
    """The recovery point objective, by protection level."""
    yield from _judge(view, lambda own, may: own.rpo <= may.rpo, lambda own, may: f"may lose {_most(own.rpo, may.rpo)}")


@rule(
    "backup.restore", "Everything is back within three days, from level 3 on within four hours",
    severity="high", controls=["8.1.4.9 a", "8.1.10.13 c"], level=Level.PLANNED,
)  # fmt: skip
def greatest_time(view: View) -> Iterator[Remark]:
    """The recovery time objective, by protection level."""
    yield from _judge(
        view, lambda own, may: own.rto <= may.rto, lambda own, may: f"may be away {_most(own.rto, may.rto)}"
    )


@rule(
    "backup.keep", "Copies are kept two weeks, from level 3 on a month",
    severity="high", controls=["8.1.4.9 a", "8.1.10.11"], level=Level.PLANNED,
)  # fmt: skip
def kept_long_enough(view: View) -> Iterator[Remark]:
    """What was altered is often seen weeks later; by then there must be a copy from before."""
    yield from _judge(
        view, lambda own, may: own.keep >= may.keep,
        lambda own, may: f"keeps copies {_time(own.keep)}, and at least {_time(may.keep)} is asked for",
    )  # fmt: skip


@rule(
    "backup.drill", "A restore is tried every year, from level 3 on every quarter",
    severity="high", controls=["8.1.10.13 c"], level=Level.PLANNED,
)  # fmt: skip
def tried_often_enough(view: View) -> Iterator[Remark]:
    """A copy that was never restored is a hope."""
    yield from _judge(
        view, lambda own, may: own.drill_every <= may.drill,
        lambda own, may: f"tries a restore every {_most(own.drill_every, may.drill)}",
    )  # fmt: skip


@rule(
    "backup.location", "Copies lie in a location where nothing of their tenant runs",
    severity="high", controls=["8.1.4.9 b"], level=Level.PLANNED,
)  # fmt: skip
def elsewhere(view: View) -> Iterator[Remark]:
    """With tenants in two halls and a copy in each, a fire takes a site with one half of its copies; so one of none."""
    plan = view.planned
    places = {host.location for host in backup_hosts(plan)}
    homes: dict[str, set[str]] = {}
    stand = {(each.tenant, each.host) for each in plan.containers} | {(each.tenant, each.host) for each in plan.volumes}
    for tenant, host in stand:
        if tenant:
            homes.setdefault(tenant, set()).add(plan.host_by_name[host].location)
    yield Looked(len(homes), "tenants' locations")
    for tenant, own in homes.items():
        if not places - own:
            words = f"runs in {', '.join(sorted(own))}, and its copies lie in {', '.join(sorted(places)) or 'no place'}"
            yield Broken(f"tenant/{tenant}", f"tenant/{tenant}", words, f"tenants/{tenant}.yaml")


@rule(
    "backup.apart", "What keeps the copies runs no site and no edge",
    severity="high", controls=["8.1.2.1 d", "8.1.4.9 a"], level=Level.PLANNED,
)  # fmt: skip
def host_of_its_own(view: View) -> Iterator[Remark]:
    """Who breaks out of a site must not reach the copy by which the site is restored."""
    hosts = backup_hosts(view.planned)
    yield Looked(len(hosts), "hosts of backups")
    for host in hosts:
        if exposed := sorted(zone.value for zone in {Zone.EDGE, Zone.WEB, Zone.DATA} & set(host.zones)):
            yield Broken("centre", f"host {host.name}", f"keeps copies and offers {', '.join(exposed)} too")


@rule(
    "backup.own-demand", "A department with a database says itself what it demands",
    severity="medium", controls=["8.1.10.11"], level=Level.DECLARED,
)  # fmt: skip
def said_itself(view: View) -> Iterator[Remark]:
    """A default is nobody's decision; what a day's loss costs only the department knows."""
    keeping = [each for each in view.declared.tenants if any(site.database for site in each.sites)]
    yield Looked(len(view.declared.tenants), "tenants' files")
    for tenant in keeping:
        if tenant.state is TenantState.ACTIVE and "backup" not in tenant.model_fields_set:
            file = f"tenants/{tenant.tenant}.yaml"
            words = "keeps a database and says nothing of its backup: write `backup: {rpo, rto, keep, drill_every}`"
            ref = f"tenant/{tenant.tenant}"
            yield Broken(ref, ref, words, view.declared.where(file, "sites").at)


def _judge(
    view: View, holds: Callable[[Backup, Bounds], bool], words: Callable[[Backup, Bounds], str]
) -> Iterator[Remark]:
    tenants = [tenant for tenant in view.planned.tenants if tenant.state == TenantState.ACTIVE.value]
    yield Looked(len(tenants), "tenants' demands")
    for tenant in tenants:
        may = bounds(tenant)
        if tenant.backup is None:
            said = "has no demand of its backups"
        elif holds(tenant.backup, may):
            continue
        else:
            said = f"is of level {tenant.protection_level} and {words(tenant.backup, may)}"
        yield Broken(f"tenant/{tenant.id}", f"tenant/{tenant.id}", said, f"tenants/{tenant.id}.yaml")


def bounds(tenant: Tenant) -> Bounds:
    """What its protection level asks for."""
    return ABOVE if tenant.protection_level >= STRICT else BELOW


def _most(own: int, may: int) -> str:
    return f"{_time(own)}, and at most {_time(may)} is asked for"


def _time(seconds: int) -> str:
    """``24h``, ``30d``, as in the tenant's file."""
    if seconds % DAY == 0 and seconds > DAY:
        return f"{seconds // DAY}d"
    return f"{seconds // HOUR}h" if seconds % HOUR == 0 else f"{seconds // 60}m" if seconds % 60 == 0 else f"{seconds}s"
