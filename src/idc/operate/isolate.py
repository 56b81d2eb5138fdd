"""Shut a tenant at once: its flows and vhosts close on every host they touch, its open connections die.

Closing asks nobody and reads no declaration. It goes by what the station has recorded of what is open or may be, does
not wait for an `up` that works, and ends with reading back what the hosts have loaded. Opening again is the opposite:
it waits its turn, and opens only what was applied before.
"""

from __future__ import annotations

import dataclasses
import datetime
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from idc.engine import folders, history
from idc.engine.ansible import host_digest
from idc.engine.hosts import Hosts
from idc.engine.station import Station
from idc.errors import BusyError, EngineError, UsageError
from idc.operate import centres, closing, edges, narrow, record, standing
from idc.operate.closing import Loaded, Order
from idc.operate.progress import Progress
from idc.operate.record import Record
from idc.plan.types import Plan

DEADLINE_CONNECT = 20.0
WAIT_PUSH = 120.0  # seconds for a run that is putting rules on hosts: an Ansible run over all of them


@dataclass(frozen=True)
class Done:
    """What isolating came to."""

    changed: bool
    seconds: float
    words: str


def station_of(tenant: str, chosen: Path | None) -> Station:
    """The station that knows the tenant; by its own records, whatever the declaration says now.

    Raises UsageError where none or several do.
    """
    every = [station for station in Station.all() if tenant in history.known_tenants(station.folder)]
    folder = (chosen or centres.reference()).resolve()
    found = [s for s in every if s.centre_folder is not None and folder in (s.centre_folder, s.centre_folder.parent)]
    if chosen is None and not found:
        found = every
    if len(found) == 1:
        return found[0]
    if not found:
        elsewhere = ", ".join(str(station.centre_folder or station.centre) for station in every)
        raise UsageError(
            f"no centre that was brought up from here has the tenant {tenant!r}",
            hint=f"it is known in {elsewhere}" if elsewhere else "`idc status` shows tenants and sites",
        )
    several = ", ".join(str(station.centre_folder or station.centre) for station in found)
    raise UsageError(f"several centres have the tenant {tenant!r}: {several}", hint="name the centre after the tenant")


def shut(station: Station, tenant: str, progress: Progress) -> Done:
    """Shut one tenant. The record is written before the first rule changes, so that no `up` opens it again.

    Raises EngineError where a host could not be reached or did not close: the others are closed all the same, and the
    same command goes on.
    """
    began = time.monotonic()
    before = record.isolated_tenants(station)
    changed = record.set_isolated(station, tenant, shut=True)
    known = record.read(station)
    plans = [plan for plan in known.plans if narrow.segments_of(plan, {tenant})]
    if not plans:
        raise EngineError(
            f"{tenant} is recorded as shut and no `up` will open it, but no recorded plan says where it stands: "
            "nothing was closed, nothing was looked at",
            hint="`idc verify` shows what is open now",
        )
    hosts = Hosts(station, with_all_hosts(known.plans))
    try:
        with progress.phase("flows closed"):
            words = _close(station, hosts, known, tenant, before, progress)
            progress.result(words)
    finally:
        hosts.close()
    seconds = time.monotonic() - began
    state = f"{tenant} is shut: nothing reaches it and it reaches nothing ({seconds:.1f} s)"
    return Done(changed, seconds, f"{state}\n{words}")


def _close(
    station: Station, hosts: Hosts, known: Record, tenant: str, before: frozenset[str], progress: Progress
) -> str:
    """At once, and once more after a run that was just putting its own rules on the hosts; says what was closed."""
    try:
        with record.pushing(station, wait=0):
            return _close_once(hosts, known, tenant, before)
    except BusyError:
        progress.step("an `up` is putting rules on hosts: closing now, and again when it is done")
    _close_once(hosts, known, tenant, before)
    try:
        with record.pushing(station, wait=WAIT_PUSH):
            return _close_once(hosts, record.read(station), tenant, before)
    except BusyError as error:
        raise BusyError(
            f"{tenant} was closed, but {error.message} still: what it puts there was rendered before and may open it",
            hint="that run closes it again when it is done; run the same command again to see it shut",
        ) from None


def _close_once(hosts: Hosts, known: Record, tenant: str, before: frozenset[str]) -> str:
    networks = narrow.networks_of(known.plans, tenant)
    flows = [flow for plan in known.plans for flow in narrow.flows_of(plan, {tenant})]
    entrances = edges.edge_hosts(known.plans)
    names = sorted({*closing.affected_hosts(flows), *_hosts_of(known.plans, tenant), *entrances})
    trouble: dict[str, str] = {name: error.message for name, error in hosts.connect(names, DEADLINE_CONNECT).items()}
    cut = closing.of_networks(networks)
    orders = {}
    for name, digest in closing.rulesets(hosts, [name for name in names if name not in trouble]).items():
        if isinstance(digest, EngineError):
            trouble[name] = digest.message
        else:
            orders[name] = order_for(known, name, digest, cut, before)
    loaded = closing.push(hosts, orders, read=True)
    trouble |= find_open(loaded, networks)
    vhosts = 0
    for name in sorted(entrances & set(orders)):
        try:
            vhosts += edges.drop_names(hosts, name, known.plans, tenant)
        except EngineError as error:
            trouble.setdefault(name, error.message)
    good = [seen for name, seen in loaded.items() if isinstance(seen, Loaded) and name not in trouble]
    if trouble:
        raise EngineError(
            f"{tenant} is not proven shut everywhere: {'; '.join(trouble[name] for name in sorted(trouble))}",
            hint=f"it is shut on {len(good)} of {len(names)} hosts, and no `up` opens it; run the same command again",
            host=min(trouble),
        )
    distinct = len({flow.wire for flow in flows})
    return (
        f"{distinct} flows closed, {vhosts} vhosts taken off the edge, {sum(seen.cut for seen in good)} connections "
        f"ended; read back on {', '.join(names)}: none of {sum(len(seen.elements) for seen in good)} loaded elements "
        "lets it pass"
    )


def order_for(known: Record, host: str, digest: str, cut: Sequence[Sequence[str]], before: frozenset[str]) -> Order:
    """What a host is to load so that those who are shut are shut there, and nothing else changes. Pure."""
    plan, certain = standing.on_host(known, host, digest, (known.isolated, before, frozenset()))
    assert plan is not None  # the host is one of a recorded plan's
    target = narrow.without(plan, known.isolated)
    digests = (host_digest(plan, host, "open"), host_digest(target, host, "open")) if certain else None
    return Order(target, cut, digests)


def find_open(loaded: Mapping[str, Loaded | EngineError], networks: Sequence[IPv4Network]) -> dict[str, str]:
    """Hosts of which it is not certain that these networks are shut there: host -> why. Pure."""
    found = {}
    for name, seen in loaded.items():
        if isinstance(seen, EngineError):
            found[name] = seen.message
        elif left := closing.still_open(seen.elements, networks):
            found[name] = f"{name}: {len(left)} loaded elements still let it pass, as {left[0]}"
    return found


def with_all_hosts(plans: Sequence[Plan]) -> Plan:
    """The newest of the plans with the hosts of all: a host that a plan no longer has may still let pass. Pure."""
    every = {host.name: host for plan in reversed(plans) for host in plan.hosts}
    return dataclasses.replace(plans[0], hosts=tuple(every[name] for name in sorted(every)))


def _hosts_of(plans: Sequence[Plan], tenant: str) -> set[str]:
    return {segment.host for plan in plans for segment in plan.segments if segment.tenant == tenant}


# -- opening again ---------------------------------------------------------------------------------------------------


def undo(station: Station, tenant: str, progress: Progress) -> Done:
    """Open a tenant again, as it was applied before. What its declaration says now comes by `up`, as any change does.

    Raises BusyError while another run works, EngineError where a host was not reached.
    """
    began = time.monotonic()
    with station.hold(wait=30):
        changed = record.set_isolated(station, tenant, shut=False)
        known = record.read(station)
        if known.opening or known.applied is None or not narrow.segments_of(known.applied, {tenant}):
            why = f"{tenant} is no longer to be shut, but the last `up` did not finish: the next one opens it"
            return Done(changed, time.monotonic() - began, why)
        applied = without_expired(known.applied, tenant, datetime.datetime.now().astimezone().date())
        if applied is not known.applied:
            record.amend_applied(station, applied)
        hosts = Hosts(station, applied)
        try:
            with record.pushing(station, wait=WAIT_PUSH), progress.phase("flows opened"):
                progress.result(_open(station, hosts, narrow.without(applied, known.isolated), tenant))
        finally:
            hosts.close()
    seconds = time.monotonic() - began
    return Done(changed, seconds, f"{tenant} is open again, as it was applied ({seconds:.1f} s)")


def without_expired(plan: Plan, tenant: str, today: datetime.date) -> Plan:
    """The plan without those flows of a tenant that were declared until a day before today. Pure."""
    old = {flow for flow in narrow.flows_of(plan, {tenant}) if flow.until is not None and flow.until < today}
    if not old:
        return plan
    return narrow.narrowed(plan, dataclasses.replace(plan, flows=tuple(f for f in plan.flows if f not in old)))


def _open(station: Station, hosts: Hosts, plan: Plan, tenant: str) -> str:
    flows = narrow.flows_of(plan, {tenant})
    shut_plan = narrow.without(plan, {tenant})
    names = sorted({*closing.affected_hosts(flows), *edges.edge_hosts([plan])})
    trouble = {name: error.message for name, error in hosts.connect(names, DEADLINE_CONNECT).items()}
    orders = {
        name: Order(plan, (), (host_digest(shut_plan, name, "open"), host_digest(plan, name, "open")))
        for name in names
        if name not in trouble
    }
    for name, seen in closing.push(hosts, orders).items():
        if isinstance(seen, EngineError):
            trouble[name] = seen.message
    for name in sorted(edges.edge_hosts([plan]) - set(trouble)):
        tree = folders.tree_for(plan, name, station, station.centre_folder or Path(), with_content=False)
        folders.sync(hosts, name, tree, deadline=30.0)
    if trouble:
        raise EngineError(
            f"not opened on every host: {'; '.join(trouble[name] for name in sorted(trouble))}",
            hint="run the same command again, or `idc up`",
        )
    return f"{len(flows)} on {', '.join(names)}"
