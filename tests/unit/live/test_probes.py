"""Which probes a plan calls for."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from idc.live.probe import MUST_PASS, Family, Probe
from idc.live.probes import choose, machines
from idc.model.types import Visibility
from idc.plan.types import Plan
from tests.conftest import ROOT
from tests.plans.summary import plan_of
from tests.unit.live.plans import PLAN, isolated

PLANS = [
    *(plan_of(ROOT / "centres" / name) for name in ("reference/extranet", "reference/intranet", "small/extranet")),
    PLAN,
    replace(isolated("tax"), centre="tax-shut"),
    replace(isolated("parks"), centre="parks-shut"),
    replace(isolated("tax"), centre="all-shut", vhosts=(), flows=()),
    replace(PLAN, centre="tax-only", containers=tuple(c for c in PLAN.containers if c.tenant != "parks")),
    replace(PLAN, centre="edge-only", containers=PLAN.containers[:1], flows=PLAN.flows[-1:], vhosts=(), sites=()),
]


@pytest.fixture(scope="module")
def probes() -> list[Probe]:
    return list(choose(PLAN).probes)


def test_each_family_that_the_plan_has_is_probed(probes: list[Probe]) -> None:
    seen = {probe.family for probe in probes}
    assert set(Family) - seen == {Family.SHUT}  # nobody is shut in this plan


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.id)
def test_the_classes_that_are_probed_are_those_that_the_plan_has(plan: Plan) -> None:
    chosen = choose(plan)
    assert {probe.family for probe in chosen.probes} == chosen.demanded
    assert all(chosen.absent.values())


def test_classes_without_a_pair_have_their_reason() -> None:
    inner = tuple(c for c in PLAN.containers if c.host != "web-2")
    vhosts = tuple(v for v in PLAN.vhosts if v.visibility is Visibility.INTERNET)
    flows = tuple(f for f in PLAN.flows if "parks/site/staff" not in f.id)
    sites = tuple(s for s in PLAN.sites if s.container != "parks-staff")
    absent = choose(replace(PLAN, containers=inner, vhosts=vhosts, flows=flows, sites=sites)).absent
    assert absent == {
        Family.OTHER_HOST: "all containers of tenants are on web-1",
        Family.AUDIENCE: "no site is served to the fabric's users alone",
        Family.SHUT: "no tenant is isolated or going away",
    }


def test_real_hosts_have_no_people_and_the_report_says_so() -> None:
    hosts = tuple(replace(host, ssh=IPv4Address("192.0.2.1")) for host in PLAN.hosts)
    chosen = choose(replace(PLAN, hosts=hosts))
    assert not any(host.is_lab for host in hosts)
    assert {probe.family for probe in chosen.probes} == chosen.demanded
    assert chosen.absent[Family.INTERNET_INSIDE].startswith("no machine of ours stands")
    assert Family.OTHER_HOST in chosen.demanded


def test_each_declared_flow_has_a_probe_that_passes(probes: list[Probe]) -> None:
    shown = {probe.stands_for for probe in probes if probe.family is Family.FLOW}
    inside = {flow.id for flow in PLAN.flows if flow.source.ref != "internet"}
    assert shown == inside


def test_each_site_is_asked_for_by_each_address_of_its_listener(probes: list[Probe]) -> None:
    asked = {
        (probe.request.host, str(probe.address)) for probe in probes if probe.family is Family.SITE and probe.request
    }
    assert ("tax.example", "203.0.113.10") in asked
    assert ("tax.example", "2001:db8:113::10") in asked
    assert ("staff.parks.example", "198.51.100.10") in asked
    assert ("staff.parks.example", "203.0.113.10") not in asked


def test_each_blocked_probe_has_a_control_that_is_chosen_too(probes: list[Probe]) -> None:
    by_id = {probe.id: probe for probe in probes}
    for probe in probes:
        assert probe.passes == (probe.family in MUST_PASS)
        if not probe.passes:
            assert probe.controls, probe.id
            assert all(by_id[control].passes for control in probe.controls)


def test_a_flow_on_the_same_path_is_a_control_too(probes: list[Probe]) -> None:
    by_id = {probe.id: probe for probe in probes}
    for family in (Family.REVERSE, Family.WRONG_PORT, Family.WRONG_PROTOCOL):
        for probe in (probe for probe in probes if probe.family is family):
            kinds = {by_id[control].family for control in probe.controls}
            assert kinds == {Family.CONTROL, Family.FLOW}, probe.id


def test_the_edge_is_shown_alive_by_its_own_refusal_where_no_site_is_served() -> None:
    chosen = choose(isolated("parks"))  # whose employees' site is the only one of the fabric's side
    shut = [p for p in chosen.probes if p.family is Family.SHUT and p.request and str(p.address) == "198.51.100.10"]
    assert [control for probe in shut for control in probe.controls] == [
        "refusal/idc-small-net-employee/198.51.100.10/http-80"
    ]


def test_a_reverse_direction_is_tried_by_each_protocol_and_from_the_services_own_port(probes: list[Probe]) -> None:
    back = [p for p in probes if p.family is Family.REVERSE and p.source.space == "container:tax-file-database-a"]
    tried = {(probe.protocol, probe.service_port) for probe in back}
    assert tried == {("tcp", 0), ("udp", 0), ("icmp", 0), ("tcp", 5432)}
    assert {str(probe.address) for probe in back} == {"10.64.16.18"}


def test_no_blocked_probe_contradicts_a_flow(probes: list[Probe]) -> None:
    passing = {(p.source, p.address, p.protocol, p.port) for p in probes if p.family is Family.FLOW}
    blocked = {(p.source, p.address, p.protocol, p.port) for p in probes if not p.passes and not p.forged}
    assert not passing & blocked


def test_every_container_is_tried_by_another_tenant(probes: list[Probe]) -> None:
    tried = {str(probe.address) for probe in probes if probe.family in (Family.SAME_HOST, Family.OTHER_HOST)}
    inner = {str(container.address()) for container in PLAN.containers if container.name != "edge"}
    assert inner <= tried


def test_the_same_plan_gives_the_same_probes_whose_ids_are_their_own(probes: list[Probe]) -> None:
    assert list(choose(PLAN).probes) == probes
    assert max(Counter(probe.id for probe in probes).values()) == 1


def test_the_employees_site_is_asked_for_from_the_internet_by_its_name(probes: list[Probe]) -> None:
    asked = [p for p in probes if p.family is Family.AUDIENCE and p.request and p.request.host == "staff.parks.example"]
    assert {str(probe.address) for probe in asked} == {"203.0.113.10", "2001:db8:113::10"}
    for probe in asked:
        assert probe.request
        assert probe.request.statuses == (421,)
        assert any("staff.parks.example" in control for control in probe.controls)


def test_a_shut_tenant_is_probed_as_shut() -> None:
    probes = choose(isolated("tax")).probes
    shut = [probe for probe in probes if probe.family is Family.SHUT]
    assert {probe.request.host for probe in shut if probe.request} == {"tax.example", "file.tax.example"}
    assert {str(probe.address) for probe in shut if not probe.request} == {"10.64.16.2", "10.64.16.18", "10.64.16.34"}


def test_machines_name_this_one_last(probes: list[Probe]) -> None:
    assert machines(probes) == ["core-1", "edge-1", "web-1", "web-2", ""]
