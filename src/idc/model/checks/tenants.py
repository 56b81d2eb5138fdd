"""Checks of ``tenants/*.yaml``: ids, sites, host names across all tenants, quotas, backup demands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from idc.model.checks.scope import Scope
from idc.model.enums import Audience, SiteKind, Stage, TenantState, Visibility, Zone
from idc.model.folder import check_content
from idc.model.text import did_you_mean
from idc.model.types import HostSpec, SiteSpec, TenantSpec
from idc.model.units import format_bandwidth, format_bytes, format_duration

# Names that the platform's own networks and stacks carry.
RESERVED: Final = frozenset({"idc", "lab", "platform", "edge", "internet", "fabric", "uplink"})
_OUTSIDERS: Final = frozenset({Audience.CITIZEN, Audience.BUSINESS})
_SIZES: Final = {"cpus": "cpus", "memory": "memory", "disk": "disk", "bandwidth": "uplink"}  # of a quota: of a host
_KIND_KEYS: Final = {"image": SiteKind.APP, "database": SiteKind.APP, "content": SiteKind.STATIC}


def run(scope: Scope) -> None:
    """All of them."""
    names: dict[str, tuple[str, int, int]] = {}  # host name -> file, site, index
    joined: dict[str, tuple[str, int]] = {}  # tenant-site as containers are named -> file, site
    hosts = [host for host in scope.centre.hosts.values() if Zone.WEB in host.zones] if scope.centre else []
    sizes = {key: sorted((getattr(host, of) for host in hosts), reverse=True) for key, of in _SIZES.items()}
    for stem, tenant in scope.tenants.items():
        file = f"tenants/{stem}.yaml"
        _identity(scope, file, stem, tenant)
        for index, site in enumerate(tenant.sites):
            _site(scope, file, index, site)
            _host_names(scope, file, index, site, names)
            key = f"{tenant.tenant}-{site.name}"
            other = joined.setdefault(key, (file, index))
            if other != (file, index):
                place = scope.place(other[0], "sites", other[1], "name")
                if other[0] == file:
                    message, hint = f"the site `{site.name}` is declared twice (first at {place.at})", "keep one"
                else:
                    message = f"tenant and site read `{key}` together, as those at {place.at} do"
                    hint = "containers are named so: choose another name for the site"
                scope.add(file, ("sites", index, "name"), message, hint)
        _backup(scope, file, tenant)
        if scope.centre is not None and scope.centre.hosts:
            _quota(scope, file, tenant, hosts, sizes)


def _identity(scope: Scope, file: str, stem: str, tenant: TenantSpec) -> None:
    if tenant.tenant != stem:
        message = f"the tenant `{tenant.tenant}` stands in the file of `{stem}`"
        scope.add(file, ("tenant",), message, f"rename the file to {tenant.tenant}.yaml, or write `tenant: {stem}`")
    if tenant.tenant in RESERVED:
        message = f"`{tenant.tenant}` is a name of the platform's own"
        scope.add(file, ("tenant",), message, f"not one of {', '.join(sorted(RESERVED))}")
    if not tenant.sites and tenant.state is TenantState.ACTIVE:
        scope.add(file, ("sites",), "the tenant has no site", "at least one; a tenant that leaves is `state: retiring`")


def _site(scope: Scope, file: str, index: int, site: SiteSpec) -> None:
    def add(key: str, message: str, hint: str) -> None:
        scope.add(file, ("sites", index, key), message, hint)

    if site.kind is SiteKind.APP and not site.image:
        add("kind", f"the site `{site.name}` is an app without an image", "`image: filing`, or another of images/")
    for key, kind in _KIND_KEYS.items():
        if getattr(site, key) and site.kind is not kind:
            message = f"`{key}` belongs to a site of kind {kind}; `{site.name}` is of kind {site.kind}"
            add(key, message, f"write `kind: {kind}`, or take `{key}` out")
    if site.stage is Stage.TRANSACTION and site.kind is not SiteKind.APP:
        message = f"a site of kind {site.kind} cannot transact"
        add("stage", message, "`kind: app`, or a stage of publication or consultation")
    for place, audience in enumerate(site.audience):
        if audience in site.audience[:place]:
            scope.add(file, ("sites", index, "audience", place), f"`{audience}` is given twice", "keep one")
    outsiders = _OUTSIDERS & set(site.audience)
    if site.visibility is Visibility.INTERNET and not outsiders:
        message = f"the site `{site.name}` is for {' and '.join(site.audience)} only, yet the Internet would see it"
        add("visibility", message, "`visibility: fabric`, or say for whom: `audience: [citizen, business]`")
    if site.visibility is Visibility.FABRIC and outsiders:
        message = f"the site `{site.name}` is for {' and '.join(sorted(outsiders))}, who cannot reach the fabric"
        add("visibility", message, "`visibility: internet`, or another audience")
    listeners = scope.centre.listeners if scope.centre is not None else {}
    if listeners and site.visibility not in listeners:
        listed = scope.place("centre.yaml", "listeners", key=True).at
        message = f"the site `{site.name}` is for the {site.visibility}, to which this centre has no listener"
        add("visibility", message, f"listeners are declared at {listed}")
    if site.content and site.kind is SiteKind.STATIC and (wrong := check_content(scope.folder, site.content)):
        add("content", *wrong)


def _host_names(scope: Scope, file: str, index: int, site: SiteSpec, names: dict[str, tuple[str, int, int]]) -> None:
    for position, name in enumerate(site.names):
        path = ("sites", index, "names", position)
        other = names.setdefault(name, (file, index, position))
        if other != (file, index, position):
            place = scope.place(other[0], "sites", other[1], "names", other[2])
            hint = "each host name belongs to one site" if other[:2] != (file, index) else "keep one"
            scope.add(file, path, f"the host name `{name}` is taken (at {place.at})", hint)
        centre = scope.centre
        if centre is None:
            continue
        domains = (centre.domain, *centre.domains)
        if not any(name == domain or name.endswith(f".{domain}") for domain in domains):
            ends = [f"{name.split('.')[0]}.{domain}" for domain in domains]
            hint = did_you_mean(name, ends, what="under").rstrip("?") + "? further domains are declared by `domains:`"
            message = f"the host name `{name}` is not under {' or '.join(domains)}"
            scope.add(file, path, message, hint)


def _backup(scope: Scope, file: str, tenant: TenantSpec) -> None:
    backup = tenant.backup
    if backup.keep < backup.rpo:
        message = f"copies are kept {format_duration(backup.keep)}, yet made every {format_duration(backup.rpo)} only"
        scope.add(file, ("backup", "keep"), message, f"`keep` of {format_duration(backup.rpo)} or more")


def _quota(
    scope: Scope, file: str, tenant: TenantSpec, hosts: list[HostSpec], sizes: Mapping[str, list[float]]
) -> None:
    """A site stands on one host, so n sites never get more than the n largest hosts have. The plan checks the rest."""
    if not hosts and tenant.sites:
        message = "the tenant has sites, but no host offers the zone `web`"
        scope.add(file, ("sites",), message, "add `web` to the zones of a host in centre.yaml", key=True)
        return
    if any(site.database for site in tenant.sites) and not any(Zone.DATA in host.zones for host in hosts):
        message = "a site has a database, but no host offers the zones `web` and `data` together"
        scope.add(file, ("sites",), message, "add `data` to the zones of a web host in centre.yaml", key=True)
    for key, of_hosts in sizes.items():
        asked: float = getattr(tenant.quota, key)
        largest = sum(of_hosts[: len(tenant.sites)])
        if tenant.sites and asked > largest:
            sites = "its one site has" if len(tenant.sites) == 1 else f"its {len(tenant.sites)} sites have"
            message = (
                f"the quota of {_show(key, asked)} {key} is beyond the hosts: {sites} at most {_show(key, largest)}"
            )
            scope.add(file, ("quota", key), message, "a smaller quota, or larger hosts in centre.yaml")


def _show(key: str, number: float) -> str:
    if key == "cpus":
        return f"{number:g}"
    return format_bandwidth(int(number)) if key == "bandwidth" else format_bytes(int(number))
