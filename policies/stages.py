"""Family ``stages``: what a site may have by how far it goes. It publishes, consults, or transacts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from idc.model.enums import Audience, Stage, TenantState
from idc.model.types import SiteSpec, TenantSpec
from idc.policy import Broken, Level, Looked, Remark, View, rule
from policies.backup import ABOVE

# Written from what the stages mean, and not taken from what the edge is rendered by.
METHODS: Final[Mapping[str, frozenset[str]]] = {
    Stage.PUBLICATION.value: frozenset({"GET", "HEAD"}),
    Stage.CONSULTATION.value: frozenset({"GET", "HEAD", "POST"}),
    Stage.TRANSACTION.value: frozenset({"GET", "HEAD", "POST", "PUT"}),
}
LEAST_LEVEL: Final = 2  # protection level of whoever transacts
OUTSIDE: Final = frozenset({Audience.CITIZEN, Audience.BUSINESS})


@rule(
    "stages.methods", "A site is asked by the methods of its stage only: what publishes, by GET",
    severity="high", controls=["8.1.3.2 e", "8.1.4.4"], level=Level.PLANNED,
)  # fmt: skip
def methods_of_stage(view: View) -> Iterator[Remark]:
    """By the stage that the site has in the plan, whatever the vhost says of itself."""
    plan = view.planned
    stages = {site.ref: site.stage for site in plan.sites}
    yield Looked(len(plan.vhosts), "vhosts")
    for vhost in plan.vhosts:
        stage = stages.get(vhost.site, "")
        more = sorted(set(vhost.methods) - METHODS.get(stage, frozenset()))
        if more or not vhost.methods:
            words = f"is of stage {stage or 'unknown'} and is asked by {', '.join(more) or 'any method'}"
            yield Broken(f"tenant/{vhost.tenant}", vhost.site, words, ", ".join(vhost.names), vhost.site)


@rule(
    "stages.database", "What only publishes keeps no database",
    severity="medium", controls=["8.1.4.4 a"], level=Level.DECLARED,
)  # fmt: skip
def publishing_keeps_nothing(view: View) -> Iterator[Remark]:
    """Pages that nobody writes to need none; a site that does keep data says what it does with people."""
    for tenant, index, site in _each(view):
        if site.stage is Stage.PUBLICATION and site.database:
            yield _broken(view, tenant, index, "database", f"publishes only, and has a database ({site.database})")
    yield _looked(view)


@rule(
    "stages.level", "Who transacts is of protection level 2 at least",
    severity="high", controls=["8.1.2.1 d"], level=Level.DECLARED,
)  # fmt: skip
def level_of_transactions(view: View) -> Iterator[Remark]:
    """People's own data and rights change there."""
    for tenant, index, site in _each(view):
        if site.stage is Stage.TRANSACTION and tenant.protection_level < LEAST_LEVEL:
            words = f"transacts, and its tenant is of protection level {tenant.protection_level}"
            yield _broken(view, tenant, index, "stage", words)
    yield _looked(view)


@rule(
    "stages.recovery", "Who transacts loses a day at most and is back within four hours, whatever its level",
    severity="high", controls=["8.1.4.9 a"], level=Level.DECLARED,
)  # fmt: skip
def recovery_of_transactions(view: View) -> Iterator[Remark]:
    """What people filed cannot be asked of them again. Recovery to any moment is better still, and is not built yet."""
    for tenant, index, site in _each(view):
        backup = tenant.backup
        if site.stage is not Stage.TRANSACTION:
            continue
        if backup.rpo.total_seconds() > ABOVE.rpo or backup.rto.total_seconds() > ABOVE.rto:
            words = "transacts, and its tenant's backup may lose more than 24h or take longer than 4h"
            yield _broken(view, tenant, index, "stage", words)
    yield _looked(view)


@rule(
    "stages.audience", "A site that transacts serves people outside or inside, not both",
    severity="medium", controls=["8.1.4.2", "8.1.4.1"], level=Level.DECLARED,
)  # fmt: skip
def one_side(view: View) -> Iterator[Remark]:
    """Citizens and clerks of one application log in by two ways and have two sets of rights: two sites."""
    for tenant, index, site in _each(view):
        if site.stage is Stage.TRANSACTION and OUTSIDE & set(site.audience) and set(site.audience) - OUTSIDE:
            words = f"transacts with {' and '.join(site.audience)}: one site for those outside, one for those inside"
            yield _broken(view, tenant, index, "audience", words)
    yield _looked(view)


def _each(view: View) -> Iterator[tuple[TenantSpec, int, SiteSpec]]:
    for tenant in view.declared.tenants:
        if tenant.state is TenantState.ACTIVE:
            for index, site in enumerate(tenant.sites):
                yield tenant, index, site


def _looked(view: View) -> Looked:
    return Looked(sum(len(tenant.sites) for tenant in view.declared.tenants), "sites")


def _broken(view: View, tenant: TenantSpec, index: int, key: str, words: str) -> Broken:
    ref = f"tenant/{tenant.tenant}/site/{tenant.sites[index].name}"
    where = view.declared.where(f"tenants/{tenant.tenant}.yaml", "sites", index, key).at
    return Broken(f"tenant/{tenant.tenant}", ref, words, where, ref)
