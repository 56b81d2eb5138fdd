"""Which probes a plan calls for."""

from __future__ import annotations

from collections import Counter

import pytest

from idc.live.probe import MUST_PASS, Family, Probe
from idc.live.probes import choose, machines
from tests.unit.live.plans import PLAN, isolated


@pytest.fixture(scope="module")
def probes() -> list[Probe]:
    return choose(PLAN)


def test_each_family_that_the_plan_has_is_probed(probes: list[Probe]) -> None:
    seen = {probe.family for probe in probes}
    assert set(Family) - seen == {Family.SHUT}  # nobody is shut in this plan


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


def test_no_blocked_probe_contradicts_a_flow(probes: list[Probe]) -> None:
    passing = {(p.source, p.address, p.protocol, p.port) for p in probes if p.family is Family.FLOW}
    blocked = {(p.source, p.address, p.protocol, p.port) for p in probes if not p.passes and not p.forged}
    assert not passing & blocked


def test_every_container_is_tried_by_another_tenant(probes: list[Probe]) -> None:
    tried = {str(probe.address) for probe in probes if probe.family in (Family.SAME_HOST, Family.OTHER_HOST)}
    inner = {str(container.address()) for container in PLAN.containers if container.name != "edge"}
    assert inner <= tried


def test_the_same_plan_gives_the_same_probes_whose_ids_are_their_own(probes: list[Probe]) -> None:
    assert choose(PLAN) == probes
    assert max(Counter(probe.id for probe in probes).values()) == 1


def test_the_employees_site_is_asked_for_from_the_internet_by_its_name(probes: list[Probe]) -> None:
    asked = [p for p in probes if p.family is Family.AUDIENCE and p.request and p.request.host == "staff.parks.example"]
    assert {str(probe.address) for probe in asked} == {"203.0.113.10", "2001:db8:113::10"}
    for probe in asked:
        assert probe.request
        assert probe.request.statuses == (404, 421)
        assert any("staff.parks.example" in control for control in probe.controls)


def test_a_shut_tenant_is_probed_as_shut() -> None:
    probes = choose(isolated("tax"))
    shut = [probe for probe in probes if probe.family is Family.SHUT]
    assert {probe.request.host for probe in shut if probe.request} == {"tax.example", "file.tax.example"}
    assert {str(probe.address) for probe in shut if not probe.request} == {"10.64.16.2", "10.64.16.18", "10.64.16.34"}


def test_machines_name_this_one_last(probes: list[Probe]) -> None:
    assert machines(probes) == ["core-1", "edge-1", "web-1", "web-2", ""]
