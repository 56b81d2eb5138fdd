"""What only closes: a plan without the tenants that are shut, or with only what other plans have too."""

from __future__ import annotations

from dataclasses import replace

import pytest

from idc.operate.narrow import closed_flows, flows_of, narrowed, networks_of, without
from tests.unit.plan import build

ZONE_FLOW = {"from": "zone/web", "to": "host/core-1", "port": "514/tcp", "why": "logs are kept at one place"}
EGRESS = {"to": "198.18.64.0/24", "port": "443/tcp", "why": "asks the register of people"}
DECLARATION = build.declare(
    build.tenant("parks", egress=[EGRESS]), build.tenant("tax", build.site(), build.app(), egress=[EGRESS]),
    build.tenant("works"), flows=[ZONE_FLOW],
)  # fmt: skip
PLAN, LOCK = build.plan(DECLARATION)


@pytest.mark.parametrize("shut", [{"tax"}, {"parks"}, {"tax", "works"}, {"parks", "tax", "works"}, set()])
def test_a_tenant_shut_afterwards_is_as_one_that_was_planned_shut(shut: set[str]) -> None:
    planned, _ = build.plan(DECLARATION, LOCK, isolated=frozenset(shut))
    assert without(PLAN, shut) == planned


def test_what_is_shut_has_no_flow_no_vhost_and_no_rule_of_a_host() -> None:
    found = without(PLAN, {"tax"})
    mine = networks_of([PLAN], "tax")
    ends = [n for f in found.flows for end in (f.source, f.destination) for n in end.networks if f.source.host]
    assert len(mine) == 3
    assert not [network for network in ends for own in mine if own.overlaps(network)]
    assert not [rule for rule in found.host_rules if any(own.overlaps(n) for own in mine for n in rule.networks)]
    assert {vhost.tenant for vhost in found.vhosts} == {"parks", "works"}
    assert found.containers == PLAN.containers


def test_a_plan_is_narrowed_to_what_every_other_has_too() -> None:
    less = without(PLAN, {"tax"})
    assert narrowed(PLAN, less).flows == less.flows
    assert narrowed(PLAN, less).host_rules == less.host_rules
    assert narrowed(PLAN, less, without(PLAN, {"parks"})).flows == without(PLAN, {"parks", "tax"}).flows
    assert narrowed(less, PLAN) is less


def test_flows_of_every_earlier_plan_are_closed_not_only_of_the_last() -> None:
    """An interrupted run has opened parks, what was applied before had tax; the new plan has neither."""
    applied, opening = without(PLAN, {"parks"}), without(PLAN, {"tax"})
    new = without(PLAN, {"tax", "parks"})
    closed = closed_flows([opening, applied, new], new)
    assert set(closed) == {*flows_of(PLAN, {"tax", "parks"})}


def test_a_flow_whose_reason_alone_changed_is_not_closed() -> None:
    other = replace(PLAN, flows=tuple(replace(flow, reason="said otherwise") for flow in PLAN.flows))
    assert closed_flows([PLAN], other) == ()
