"""What a plan changes beside resources and flows: what is set in place on hosts, and what is only recorded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from idc.model.enums import SiteKind
from idc.model.units import Duration, format_bandwidth, format_duration
from idc.plan import capacity
from idc.plan.changes import Action, SettingChange, actions, equal
from idc.plan.types import Backup, Flow, Host, Plan, Site, Tenant

_OWN_PAGE: Final = "a page made from the declaration"


def compare(old: Plan | None, new: Plan) -> Iterator[SettingChange]:
    """All of it. ``old`` is None before anything was applied."""
    yield from _hosts(old.host_by_name if old else {}, new.host_by_name)
    yield from _listeners(old, new)
    yield from _bandwidth(old, new)
    yield from _tenants(old, new)
    if old is not None:
        yield from _sites(old, new)
        yield from _flows(old.flows, new.flows)
        yield from _centre(old, new)


def _in_place(action: Action) -> Action:
    return "change" if action == "replace" else action


def _listeners(old: Plan | None, new: Plan) -> Iterator[SettingChange]:
    before = {entry.visibility.value: entry for entry in old.listeners} if old else {}
    after = {entry.visibility.value: entry for entry in new.listeners}
    for name, action in actions(before, after, equal):
        words = [
            f"{entry.address} port {entry.port} on {entry.host}"
            for entry in (before.get(name), after.get(name))
            if entry
        ]
        yield SettingChange("listener", name, _in_place(action), " -> ".join(words))


def _bandwidth(old: Plan | None, new: Plan) -> Iterator[SettingChange]:
    shares = {(b.host, b.tenant): b.rate for b in old.bandwidth} if old else {}
    new_shares = {(b.host, b.tenant): b.rate for b in new.bandwidth}
    for host, tenant in sorted({*shares, *new_shares}):
        rates = [entry.get((host, tenant)) for entry in (shares, new_shares)]
        if rates[0] != rates[1]:
            words = [format_bandwidth(rate) if rate else "none" for rate in rates]
            verb: Action = "create" if rates[0] is None else "destroy" if rates[1] is None else "change"
            yield SettingChange("bandwidth", f"{tenant} on {host}", verb, " -> ".join(words))


def _hosts(old: Mapping[str, Host], new: Mapping[str, Host]) -> Iterator[SettingChange]:
    for name, action in actions(old, new, equal):
        if action == "replace":
            words = [*_host_differences(old[name], new[name])]
            yield SettingChange("host", name, "change", ", ".join(words))
        else:
            host = new.get(name) or old[name]
            yield SettingChange("host", name, action, f"number {host.number}, {host.location}")


def _host_differences(old: Host, new: Host) -> Iterator[str]:
    for block in sorted({*new.blocks} - {*old.blocks}):
        yield f"block {block} routed to it"
    for block in sorted({*old.blocks} - {*new.blocks}):
        yield f"block {block} no longer routed to it"
    for field in ("location", "cpus", "memory", "disk", "uplink", "interfaces", "zones", "ssh", "user", "number"):
        if getattr(old, field) != getattr(new, field):
            yield field


# -- tenants and sites -------------------------------------------------------------------------------------------


def _tenants(old: Plan | None, new: Plan) -> Iterator[SettingChange]:
    """Tenants that come, go, are shut or opened; what else is declared of them is only recorded."""
    before, after = {t.id: t for t in old.tenants} if old else {}, {t.id: t for t in new.tenants}
    for name, action in actions(before, after, equal):
        tenant = after.get(name) or before[name]
        if action != "replace":
            yield SettingChange("tenant", name, action, tenant.department)
            continue
        if words := ", ".join(_life(before[name], tenant)):
            yield SettingChange("tenant", name, "change", words)
        if words := ", ".join(_declared(before[name], tenant)):
            yield SettingChange("tenant", name, "change", words, recorded=True)


def _life(old: Tenant, new: Tenant) -> Iterator[str]:
    if old.isolated != new.isolated:
        yield "shut by idc isolate" if new.isolated else "open again"
    if old.state != new.state:
        yield f"{old.state} -> {new.state}"


def _declared(old: Tenant, new: Tenant) -> Iterator[str]:
    for part in capacity.NAMES:
        one, other = capacity.Amount.of_tenant(old), capacity.Amount.of_tenant(new)
        index = capacity.NAMES.index(part)
        if one.parts[index] != other.parts[index]:
            yield f"quota of {part} {' -> '.join(capacity.words(part, a.parts[index]) for a in (one, other))}"
    if old.department != new.department:
        yield f"department {old.department} -> {new.department}"
    if old.protection_level != new.protection_level:
        yield f"protection level {old.protection_level} -> {new.protection_level}"
    if old.backup is None or new.backup is None:
        return  # recorded by an idc that kept neither of the two
    if old.contacts != new.contacts:
        yield f"contacts {', '.join(old.contacts) or 'none'} -> {', '.join(new.contacts) or 'none'}"
    yield from _backup(old.backup, new.backup)


def _backup(old: Backup, new: Backup) -> Iterator[str]:
    for field in ("rpo", "rto", "keep", "drill_every"):
        one, other = (format_duration(Duration(seconds=getattr(each, field))) for each in (old, new))
        if one != other:
            yield f"backup {field} {one} -> {other}"


def _sites(old: Plan, new: Plan) -> Iterator[SettingChange]:
    """Sites that stay: what they show, and for whom."""
    before = {site.ref: site for site in old.sites}
    domain, portals = old.domain != new.domain, _listed(old) != _listed(new)
    for site in new.sites:
        was = before.get(site.ref)
        if was is None:
            continue
        made = site.content == "" and site.kind in (SiteKind.STATIC, SiteKind.PORTAL) and was.content == ""
        anew = made and (domain or _page(was) != _page(site) or (site.kind == SiteKind.PORTAL and portals))
        words = [*_site_differences(was, site), *(["its page is made anew"] if anew else [])]
        if words:
            recorded = not anew and was.content == site.content
            yield SettingChange("site", site.ref, "change", ", ".join(words), recorded=recorded)


def _page(site: Site) -> tuple[object, ...]:
    """What of a site stands on pages that are made from the declaration."""
    return site.ref, site.department, site.names, site.visibility, site.audience, site.stage


def _listed(plan: Plan) -> tuple[object, ...]:
    answering = {vhost.site for vhost in plan.vhosts}
    return tuple(_page(site) for site in plan.sites if site.ref in answering and site.kind != SiteKind.PORTAL)


def _site_differences(old: Site, new: Site) -> Iterator[str]:
    if old.content != new.content:
        yield f"content {old.content or _OWN_PAGE} -> {new.content or _OWN_PAGE}"
    if old.audience != new.audience:
        yield f"audience {' and '.join(old.audience)} -> {' and '.join(new.audience)}"
    if old.stage != new.stage:
        yield f"stage {old.stage} -> {new.stage}"


# -- what is only recorded ---------------------------------------------------------------------------------------


def _flows(old: Iterable[Flow], new: Iterable[Flow]) -> Iterator[SettingChange]:
    """Flows that stay and whose line says something else; one change a line, which may stand for many flows."""
    before = {flow.key: flow for flow in old}
    lines: dict[tuple[str, str], list[str]] = {}
    for flow in new:
        was = before.get(flow.key)
        if was is not None and flow.where and (words := ", ".join(_flow_differences(was, flow))):
            lines.setdefault((flow.where, words), []).append(flow.id)
    for (where, words), names in lines.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        yield SettingChange("flow", f"{names[0]}{more}", "change", f"{words} ({where})", recorded=True)


def _flow_differences(old: Flow, new: Flow) -> Iterator[str]:
    if old.until != new.until:
        yield f"until {old.until or 'no end'} -> {new.until or 'no end'}"
    if old.reason != new.reason:
        yield f"reason {old.reason} -> {new.reason}"
    if old.control != new.control:
        yield f"control {old.control or 'none'} -> {new.control or 'none'}"


def _centre(old: Plan, new: Plan) -> Iterator[SettingChange]:
    for field in ("profile", "domain"):
        if (one := getattr(old, field)) != (other := getattr(new, field)):
            yield SettingChange("centre", field, "change", f"{one} -> {other}", recorded=True)
    if old.beside:  # else an older idc recorded it
        for name, action in actions(old.beside, new.beside, equal):
            words = [plan.beside[name] for plan in (old, new) if name in plan.beside]
            yield SettingChange("centre", name, _in_place(action), " -> ".join(words), recorded=True)
    for name in sorted({*old.services, *new.services}):
        hosts = [", ".join(plan.services.get(name, ())) or "nowhere" for plan in (old, new)]
        if hosts[0] != hosts[1]:
            yield SettingChange("service", name, "change", " -> ".join(hosts), recorded=True)
