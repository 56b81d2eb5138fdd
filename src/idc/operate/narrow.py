"""A plan with less open than it says: without the tenants that are shut, or only with what another plan has too. Pure.

What only closes is computed from plans that were recorded, never from a declaration: it cannot be kept from closing by
a file that is wrong, gone or out of date, and nothing new slips in with it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable
from ipaddress import IPv4Network

from idc.plan import hostrules
from idc.plan.types import Flow, Plan


def segments_of(plan: Plan, tenants: Collection[str]) -> frozenset[str]:
    """Names of the segments of these tenants."""
    return frozenset(segment.name for segment in plan.segments if segment.tenant in tenants)


def networks_of(plans: Iterable[Plan], tenant: str) -> tuple[IPv4Network, ...]:
    """Every subnet that a tenant has in any of the plans, sorted."""
    return tuple(sorted({each.subnet for plan in plans for each in plan.segments if each.tenant == tenant}))


def flows_of(plan: Plan, tenants: Collection[str]) -> tuple[Flow, ...]:
    """The flows with one of these tenants on either side."""
    mine = segments_of(plan, tenants)
    return tuple(flow for flow in plan.flows if not mine.isdisjoint((flow.source.segment, flow.destination.segment)))


def without(plan: Plan, tenants: Collection[str]) -> Plan:
    """The plan with these tenants shut: their containers stand, they have no flow, no host rule and no vhost.

    The same as a plan that is made with them isolated.
    """
    if not any(tenant.id in tenants and not tenant.isolated for tenant in plan.tenants):
        return plan
    gone = set(flows_of(plan, tenants))
    return dataclasses.replace(
        _with_flows(plan, (flow for flow in plan.flows if flow not in gone)),
        vhosts=tuple(vhost for vhost in plan.vhosts if vhost.tenant not in tenants),
        tenants=tuple(
            dataclasses.replace(tenant, isolated=True) if tenant.id in tenants else tenant for tenant in plan.tenants
        ),
    )


def narrowed(plan: Plan, *allowed: Plan) -> Plan:
    """The plan with only those of its flows that all the others have too."""
    kept = [{flow.wire for flow in other.flows} for other in allowed]
    flows = [flow for flow in plan.flows if all(flow.wire in keys for keys in kept)]
    return plan if len(flows) == len(plan.flows) else _with_flows(plan, flows)


def closed_flows(old: Iterable[Plan], new: Plan) -> tuple[Flow, ...]:
    """Flows of any of the old plans that the new one does not have, each once."""
    kept = {flow.wire for flow in new.flows}
    found = {flow.wire: flow for plan in old for flow in plan.flows}
    return tuple(flow for key, flow in found.items() if key not in kept)


def _with_flows(plan: Plan, flows: Iterable[Flow]) -> Plan:
    """With other flows, and the host rules that follow from those."""
    chosen = tuple(flows)
    return dataclasses.replace(plan, flows=chosen, host_rules=hostrules.derive(plan.host_by_name, chosen))
