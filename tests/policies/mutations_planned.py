"""Mutations of the plan: what a defect of the planner, or of a declaration that it took, would come to.

Only the plan is changed; the resources stay those of the good one, as a stack's program that was not run again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from idc.model.enums import Visibility, Zone
from idc.model.profiles import load_profile
from idc.plan.types import Backup, Plan
from idc.policy import View
from tests.policies.mutation import Mutation
from tests.policies.reference import good, plan

DAY = 86400


def of_plan(words: str, *kills: str, change: Callable[[Plan], Plan], **view: Any) -> Mutation:
    def make() -> View:
        changed = change(plan())
        assert changed != plan() or view, f"{words}: nothing changes"
        return replace(good(), plan=changed, **view)

    return Mutation(words, kills, make)


def each(words: str, *kills: str, kind: str, of: Callable[[Any], bool], **fields: Any) -> Mutation:
    """Some of one kind of thing changed; a field that is a function is given what stood there."""

    def one(item: Any) -> Any:
        if not of(item):
            return item
        return replace(item, **{k: v(getattr(item, k)) if callable(v) else v for k, v in fields.items()})

    def change(p: Plan) -> Plan:
        fields: dict[str, Any] = {kind: tuple(map(one, getattr(p, kind)))}
        return replace(p, **fields)

    return of_plan(words, *kills, change=change)


def container(words: str, *kills: str, of: str, **fields: Any) -> Mutation:
    return each(words, *kills, kind="containers", of=lambda item: item.name == of, **fields)


def host(words: str, *kills: str, of: str, **fields: Any) -> Mutation:
    return each(words, *kills, kind="hosts", of=lambda item: item.name == of, **fields)


def vhost(words: str, *kills: str, of: str, **fields: Any) -> Mutation:
    return each(words, *kills, kind="vhosts", of=lambda item: item.site == of, **fields)


def tenant(words: str, *kills: str, of: str = "civil-affairs", **fields: Any) -> Mutation:
    return each(words, *kills, kind="tenants", of=lambda item: item.id == of, **fields)


def demand(words: str, *kills: str, of: str = "civil-affairs", **fields: int) -> Mutation:
    return tenant(words, *kills, of=of, backup=lambda old: replace(old, **fields))


def service(words: str, *kills: str, **hosts: tuple[str, ...]) -> Mutation:
    return of_plan(words, *kills, change=lambda p: replace(p, services={**p.services, **hosts}))


def apart(words: str, profile: str, fabric: str) -> Mutation:
    def change(p: Plan) -> Plan:
        return replace(p, profile=profile, fabric=fabric)

    return of_plan(words, "isolation.fabrics", change=change, profile=load_profile(profile))


def fabrics() -> Iterator[Mutation]:
    """The extranet's listener to the Internet, in each fabric of each profile that is kept apart from it."""
    for profile, fabric in (
        ("local-government", "office-intranet"), ("local-government", "government-intranet"),
        ("national", "government-intranet"), ("three-nets", "resource-net"), ("three-nets", "office-lan"),
    ):  # fmt: skip
        yield apart(f"a way to the Internet from {fabric} ({profile})", profile, fabric)
    yield apart("a centre in the secret network", "local-government", "secret-net")


def isolation() -> Iterator[Mutation]:
    """Where things stand, and who is shown what."""
    for name, title in (("monitoring", "network management"), ("exchange", "data exchange"), ("ca", "certification")):
        yield service(f"no {title} centre", "isolation.centres", **{name: ()})
    yield service("no backup", "isolation.centres", backup=())
    yield service("disaster backup where the sites lie", "isolation.centres", backup=("core-1",))
    yield each("a segment in a zone that its host has not", "isolation.zones", kind="segments",
               of=lambda item: item.name == "civil-affairs-www-web", host="core-1")  # fmt: skip
    yield each("a database in the web zone", "isolation.data", kind="segments",
               of=lambda item: item.name == "tax-file-data", zone=Zone.WEB)  # fmt: skip
    yield vhost("the edge shows a database", "isolation.data", of="tenant/tax/site/file",
                upstream=lambda _: plan().container_by_name["tax-file-database"].address())  # fmt: skip
    yield host("the exchange on the Internet's edge", "isolation.edge-host", of="edge-1",
               zones=(Zone.EDGE, Zone.EXCHANGE))  # fmt: skip
    yield host("management beside sites", "isolation.management-host", of="web-1",
               zones=(Zone.WEB, Zone.DATA, Zone.MANAGEMENT))  # fmt: skip
    yield host("keys beside sites", "isolation.management-host", of="web-2", zones=(Zone.WEB, Zone.DATA, Zone.TRUST))
    yield vhost("the Internet sees the employees' site", "isolation.audience", of="tenant/personnel/site/staff",
                visibility=Visibility.INTERNET)  # fmt: skip
    yield each("employees among the audience of an Internet site", "isolation.audience", kind="sites",
               of=lambda item: item.ref == "tenant/tax/site/www",
               audience=("business", "citizen", "employee"))  # fmt: skip
    yield each("the Internet sees a site that is none", "isolation.audience", kind="sites",
               of=lambda item: item.ref == "tenant/portal/site/www", ref="tenant/portal/site/other")  # fmt: skip


def backup() -> Iterator[Mutation]:
    """Demands of backups, and where the copies lie. Tax is of level 3, civil affairs of level 2."""
    yield demand("level 3 may lose two days", "backup.loss", of="tax", rpo=2 * DAY)
    yield demand("level 2 may lose a month", "backup.loss", rpo=30 * DAY)
    yield demand("level 3 may be away a day", "backup.restore", of="tax", rto=DAY)
    yield demand("level 2 may be away a week", "backup.restore", rto=7 * DAY)
    yield demand("level 3 keeps copies two weeks", "backup.keep", of="tax", keep=14 * DAY)
    yield demand("level 2 keeps copies three days", "backup.keep", keep=3 * DAY)
    yield demand("level 3 tries a restore once a year", "backup.drill", of="tax", drill_every=365 * DAY)
    yield demand("level 2 tries a restore every five years", "backup.drill", drill_every=5 * 365 * DAY)
    yield tenant("a level that was raised and a demand that was not", "backup.drill", of="personnel",
                 protection_level=4, backup=Backup(DAY, 4 * 3600, 30 * DAY, 180 * DAY))  # fmt: skip
    yield tenant("no demand at all", "backup.loss", backup=None)
    yield host("copies in the hall of a tenant's host", "backup.location", of="web-1", location="hall-b")
    yield of_plan("copies in the hall of a tenant's host, by a profile that asks for no centres", "backup.location",
                  change=_in_one_hall, profile=load_profile("three-nets"))  # fmt: skip
    yield host("copies on a host of sites", "backup.apart", of="dr-1", zones=(Zone.BACKUP, Zone.WEB))
    yield Mutation("copies on the intranet's edge", ("backup.apart",), _edge_keeps_copies)


def _in_one_hall(p: Plan) -> Plan:
    hosts = tuple(replace(each, location="hall-b") for each in p.hosts)
    return replace(p, profile="three-nets", fabric="public-service-net", hosts=hosts)


def _edge_keeps_copies() -> View:
    p = plan("intranet")
    zones = {"int-dr": (Zone.BACKUP, Zone.EDGE)}
    hosts = tuple(replace(each, zones=zones.get(each.name, each.zones)) for each in p.hosts)
    return replace(good("intranet"), plan=replace(p, hosts=hosts))


def quota() -> Iterator[Mutation]:
    """What adds up to more than there is."""
    yield tenant("a quota below what runs", "quota.tenant", of="tax", memory=2**20)
    yield tenant("fewer processors than what runs", "quota.tenant", of="tax", cpus=0.1)
    yield container("a container of another tenant's quota", "quota.tenant", of="tax-www-web", tenant="personnel",
                    memory=2**40)  # fmt: skip
    yield host("a host smaller than what runs on it", "quota.host", of="web-2", memory=2**20)
    yield host("a host of fewer processors than what runs on it", "quota.host", of="web-2", cpus=0.1)
    yield host("an uplink smaller than what is guaranteed", "quota.bandwidth", of="web-1", uplink=10**6)
    yield each("a share without a ceiling", "quota.bandwidth", kind="bandwidth",
               of=lambda item: item.tenant == "tax", ceil=10**12)  # fmt: skip
    yield each("nothing guaranteed", "quota.bandwidth", kind="bandwidth", of=lambda item: item.tenant == "tax", rate=0)
    yield of_plan("a tenant without a share", "quota.bandwidth", change=_without_share)


def _without_share(p: Plan) -> Plan:
    return replace(p, bandwidth=tuple(share for share in p.bandwidth if share.tenant != "tax"))


def provenance() -> Iterator[Mutation]:
    """Images that nobody here built, or not as their name says."""
    yield container("an image without a recipe", "provenance.recipe", of="edge", image="nginx")
    yield of_plan("no recipes are known", "provenance.recipe", change=lambda p: p, recipes=frozenset())
    yield container("an image of last year for one site", "provenance.one-content", "provenance.image",
                    of="tax-www-web", image_id=f"sha256:{'e' * 64}")  # fmt: skip
    yield of_plan("one content by two names", "provenance.one-content", change=_same_image)


def _same_image(p: Plan) -> Plan:
    """The database's image by name where the application's content runs."""
    name = p.container_by_name["tax-file-database"].image
    changed = tuple(replace(c, image=name) if c.name == "tax-file-app" else c for c in p.containers)
    return replace(p, containers=changed)


def stages() -> Iterator[Mutation]:
    """Methods beyond a stage."""
    for words, site, methods in (
        ("a publication takes POST", "tenant/tax/site/www", ("GET", "HEAD", "POST")),
        ("a consultation takes PUT", "tenant/civil-affairs/site/www", ("GET", "HEAD", "POST", "PUT")),
        ("a transaction takes DELETE", "tenant/tax/site/file", ("DELETE", "GET")),
        ("a site takes any method", "tenant/tax/site/www", ()),
    ):
        yield vhost(words, "stages.methods", of=site, methods=methods)
    yield vhost("a vhost that calls itself a transaction", "stages.methods", of="tenant/tax/site/www",
                stage="transaction", methods=("GET", "HEAD", "POST", "PUT"))  # fmt: skip


def planned() -> Iterator[Mutation]:
    """All of them."""
    yield from fabrics()
    yield from isolation()
    yield from backup()
    yield from quota()
    yield from provenance()
    yield from stages()
