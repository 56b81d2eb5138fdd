"""Checks of declared flows and of egress: both ends exist, the law lets them, those out of date are told."""

from __future__ import annotations

from datetime import date

from idc.model import refs
from idc.model.checks import networks
from idc.model.checks.scope import Scope
from idc.model.enums import Service, Zone
from idc.model.folder import CENTRE_FILE
from idc.model.profiles import Isolation
from idc.model.refs import Reference
from idc.model.text import did_you_mean
from idc.model.types import CentreSpec, TenantSpec

INTERNET = "internet"
_CURE = {
    Isolation.PHYSICAL: "no network may join them: data goes by an offline ferry only",
    Isolation.ABSOLUTE: "nothing may join them, not even a ferry",
    Isolation.REFUSED: "a pair that the profile does not list is refused",
}


def run(scope: Scope, centre: CentreSpec) -> None:
    """All of them."""
    seen: dict[tuple[str, str, str], int] = {}
    for index, flow in enumerate(centre.flows):
        path: tuple[str | int, ...] = ("flows", index)
        source, to = refs.parse(flow.source), refs.parse(flow.to)
        sound = _end(scope, centre, CENTRE_FILE, (*path, "from"), source)
        sound &= _end(scope, centre, CENTRE_FILE, (*path, "to"), to)
        if sound:
            _both_ends(scope, centre, path, source, to)
        _until(scope, CENTRE_FILE, path, flow.until)
        key = (str(source), str(to), flow.port)
        if (first := seen.setdefault(key, index)) != index:
            place = scope.place(CENTRE_FILE, "flows", first)
            scope.add(CENTRE_FILE, path, f"the same flow is declared at {place.at}", "keep one")
    for stem, tenant in scope.tenants.items():
        file = f"tenants/{stem}.yaml"
        for index, egress in enumerate(tenant.egress):
            to = refs.parse(egress.to)
            where = ("egress", index, "to")
            if _end(scope, centre, file, where, to) and (wrong := _not_its_own(stem, to)):
                scope.add(file, where, *wrong)
            _same_egress(scope, file, tenant, index, to)
            _until(scope, file, ("egress", index), egress.until)


def _not_its_own(tenant: str, to: Reference) -> tuple[str, str] | None:
    """Why a tenant's own file cannot grant this: it asks for what is the centre's or another tenant's to give."""
    joined = "only `flows:` of centre.yaml may do this, which the centre approves"
    if to.kind == "site" and to.name != tenant:
        return f"`{to}` is another tenant's: an egress does not join two tenants", joined
    if to.kind in ("host", "zone"):
        return f"`{to}` is the centre's own: a tenant calls networks outside, services and its own sites", joined
    if to == Reference("service", Service.EDGE.value):
        return "the edge takes calls from people, by its listeners", "name the site itself"
    return None


def _same_egress(scope: Scope, file: str, tenant: TenantSpec, index: int, to: Reference) -> None:
    """Two lines of one right: when one of them is taken out, it stays open."""
    port = tenant.egress[index].port
    for first, egress in enumerate(tenant.egress[:index]):
        other = refs.parse(egress.to)
        both = to.network is not None and other.network is not None and to.network.overlaps(other.network)
        if egress.port == port and (both or other == to):
            place = scope.place(file, "egress", first, "to")
            message = f"`{to}` to {port} is in part or whole what {place.at} says already (`{other}`)"
            scope.add(file, ("egress", index, "to"), message, "keep one")
            return


def _both_ends(scope: Scope, centre: CentreSpec, path: tuple[str | int, ...], source: Reference, to: Reference) -> None:
    if source == to:
        scope.add(CENTRE_FILE, (*path, "to"), f"the flow goes from {source} to itself", "name two different ends")
    elif source.kind in ("fabric", "network") and to.kind in ("fabric", "network"):
        message = "neither end of the flow lies in this fabric"
        scope.add(CENTRE_FILE, (*path, "to"), message, "a site, service, zone or host of this centre")
    elif source == Reference("fabric", INTERNET) and str(to) not in ("service/edge", "zone/edge"):
        message = f"the Internet comes in by the edge only, never straight to {to}"
        scope.add(CENTRE_FILE, (*path, "to"), message, "a site is shown to the Internet by `visibility: internet`")
    elif source.network is not None and networks.public(source.network, centre) and str(to) != "service/edge":
        message = f"`{source}` is on the Internet, which comes in by the edge only, never straight to {to}"
        scope.add(CENTRE_FILE, (*path, "from"), message, "a network of your own (RFC 1918), behind which people log in")


def _until(scope: Scope, file: str, path: tuple[str | int, ...], until: date | None) -> None:
    if until is not None and until < scope.today:
        message = f"it was allowed until {until}, which is past (today is {scope.today}): it is no part of the plan"
        hint = "take it out, or have it approved anew with a later `until`"
        scope.past(file, (*path, "until"), message, hint)


def _end(scope: Scope, centre: CentreSpec, file: str, path: tuple[str | int, ...], ref: Reference) -> bool:
    """Whether an end exists and may be joined; reports it otherwise."""
    wrong = _unknown(scope, centre, ref) if ref.kind != "fabric" else _fabric(scope, centre, ref.name)
    if wrong:
        scope.add(file, path, *wrong)
    return wrong is None


def _unknown(scope: Scope, centre: CentreSpec, ref: Reference) -> tuple[str, str] | None:
    if ref.kind == "network" and ref.network is not None:
        return networks.unsound(ref.network, centre)
    if ref.kind in ("tenant", "site"):
        return _tenant(scope, ref)
    if ref.kind == "host":
        known = ref.name in centre.hosts
        return None if known else (f"there is no host `{ref.name}`", did_you_mean(ref.name, centre.hosts, what="hosts"))
    if ref.kind == "zone":
        zones = {zone.value for host in centre.hosts.values() for zone in host.zones}
        if ref.name in zones:
            return None
        if ref.name in list(Zone):
            return f"no host offers the zone `{ref.name}`", f"zones here: {', '.join(sorted(zones))}"
        return f"there is no zone `{ref.name}`", did_you_mean(ref.name, list(Zone), what="zones")
    offered = [service.value for service, hosts in centre.services.items() if hosts]
    if ref.name in offered:
        return None
    if ref.name in list(Service):
        return f"no host offers the service `{ref.name}`", f"services here: {', '.join(sorted(offered))}"
    return f"there is no service `{ref.name}`", did_you_mean(ref.name, list(Service), what="services")


def _tenant(scope: Scope, ref: Reference) -> tuple[str, str] | None:
    if ref.name in scope.unread:
        return None
    tenant = scope.tenants.get(ref.name)
    if tenant is None:
        return f"there is no tenant `{ref.name}`", did_you_mean(ref.name, scope.tenants, what="tenants")
    sites = [site.name for site in tenant.sites]
    if ref.kind == "tenant":
        whole = ", ".join(f"tenant/{ref.name}/site/{site}" for site in sites)
        return f"`{ref}` is a whole tenant", f"name the site that needs it: {whole}"
    if ref.site not in sites:
        return f"the tenant `{ref.name}` has no site `{ref.site}`", did_you_mean(ref.site, sites, what="sites")
    return None


def _fabric(scope: Scope, centre: CentreSpec, name: str) -> tuple[str, str] | None:
    profile = scope.profile
    if profile is None or centre.fabric not in profile.fabrics:
        return None
    if name not in profile.fabrics:
        meant = {host: f"host/{host}" for host in centre.hosts} | {zone.value: f"zone/{zone}" for zone in Zone}
        meant |= {service.value: f"service/{service}" for service in centre.services}
        hint = did_you_mean(name, profile.fabrics, what="fabrics")
        hint = f"did you mean `{meant[name]}`?" if name in meant else hint
        return f"there is no fabric `{name}` in the profile {profile.name}", hint
    if name == centre.fabric:
        return f"`{name}` is this fabric itself", "name a site, service, zone or host of it"
    law = profile.isolation(name, centre.fabric)
    if law is Isolation.LOGICAL:
        if name == INTERNET:
            return None
        return f"`{name}` is another centre's: its addresses are not known here", "name its IPv4 network"
    rule = profile.pair(name, centre.fabric)
    why = f": {rule.why} ({rule.basis})" if rule else ""
    return f"{centre.fabric} and {name} are kept apart, isolation {law}{why}", _CURE[law]
