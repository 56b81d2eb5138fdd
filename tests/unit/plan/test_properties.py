"""What must hold for any declaration: nothing moves, nothing overlaps, nothing is overcommitted, same in same out."""

from __future__ import annotations

import random
from dataclasses import replace
from ipaddress import IPv4Address
from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from idc.errors import InputError
from idc.model.types import TenantSpec
from idc.plan import capacity, catalogue, codec
from idc.plan.lock import Lock
from idc.plan.types import Plan
from tests.unit.plan import build
from tests.unit.plan.build import Declared

HOSTS = {**build.HOSTS, "web-3": build.host("web"), "web-4": build.host("web", "data", cpus=4, uplink="200Mbit/s")}
quick = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def sites(draw: st.DrawFn) -> list[dict[str, Any]]:
    """One to three sites of any kind."""
    names = draw(st.lists(st.sampled_from(["www", "file", "desk", "old"]), min_size=1, max_size=3, unique=True))
    kinds = [build.app, build.site]
    return [draw(st.sampled_from(kinds))(name) for name in names]


@st.composite
def tenants(draw: st.DrawFn) -> tuple[TenantSpec, ...]:
    """Up to nine tenants with quotas that mostly fit."""
    names = draw(st.lists(st.sampled_from([f"t{n:02}" for n in range(20)]), min_size=1, max_size=9, unique=True))
    found = []
    for name in sorted(names):
        held = draw(sites())
        quota = {
            "cpus": draw(st.sampled_from([0.5, 1, 2, 6, 12])),
            "memory": draw(st.sampled_from(["1GiB", "2GiB", "20GiB"])),
            "disk": draw(st.sampled_from(["1GiB", "50GiB"])),
            "bandwidth": draw(st.sampled_from(["1Mbit/s", "30Mbit/s", "99Mbit/s"])),
        }
        found.append(build.tenant(name, *held, quota=quota))
    return tuple(found)


def declared(specs: tuple[TenantSpec, ...]) -> Declared:
    return build.declare(*specs, hosts=HOSTS)


def planned(specs: tuple[TenantSpec, ...], lock: Lock | None = None) -> tuple[Plan, Lock] | None:
    """The plan, or None where the quotas do not fit: which then must be said in proper words."""
    try:
        return build.plan(declared(specs), lock)
    except InputError as error:
        assert_said(error)
        return None


def assert_said(error: InputError) -> None:
    assert error.problems
    assert all(problem.message and problem.line for problem in error.problems)


@quick
@given(tenants())
def test_nothing_overlaps_and_every_container_has_two_addresses_of_its_own(specs: tuple[TenantSpec, ...]) -> None:
    made = planned(specs)
    if made is None:
        return
    plan = made[0]
    subnets = sorted((int(s.subnet.network_address), int(s.subnet.broadcast_address)) for s in plan.segments)
    assert all(last < first for (_, last), (first, _) in pairwise(subnets))
    seen: set[IPv4Address] = set()
    for container in plan.containers:
        segment = plan.segment_by_name[container.segment]
        addresses = {container.address_a, container.address_b}
        assert len(addresses) == 2
        assert all(address in segment.subnet for address in addresses)
        ends = {segment.gateway, segment.subnet.network_address, segment.subnet.broadcast_address}
        assert not addresses & ends
        assert not addresses & seen
        seen |= addresses
    for segment in plan.segments:
        assert any(segment.subnet.subnet_of(block) for block in plan.host_by_name[segment.host].blocks)
    blocks = [block for host in plan.hosts for block in host.blocks]
    assert len(set(blocks)) == len(blocks)
    bridges = [segment.bridge for segment in plan.segments]
    assert len(set(bridges)) == len(bridges)
    assert all(len(bridge) <= 15 for bridge in bridges)


@quick
@given(tenants())
def test_nothing_is_ever_overcommitted(specs: tuple[TenantSpec, ...]) -> None:
    made = planned(specs)
    if made is None:
        return
    plan = made[0]
    for held in capacity.of_plan(plan):
        assert held.used.fits(held.offered), held
    for spec in specs:
        running = [c for c in plan.containers if c.tenant == spec.tenant]
        twice = [2 if container.blue_green else 1 for container in running]
        assert sum(c.memory * times for c, times in zip(running, twice, strict=True)) <= spec.quota.memory
        assert round(sum(c.cpus * times for c, times in zip(running, twice, strict=True)), 6) <= spec.quota.cpus
        shares = [share for share in plan.bandwidth if share.tenant == spec.tenant]
        assert sum(share.rate for share in shares) <= spec.quota.bandwidth
        for container in running:
            assert container.memory >= catalogue.IMAGES[container.image].least_memory
            assert container.cpus >= catalogue.IMAGES[container.image].least_cpus
    used = {host.name: 0 for host in plan.hosts}
    for share in plan.bandwidth:
        used[share.host] += share.rate
    assert all(used[host.name] <= host.uplink for host in plan.hosts)
    classes = [(share.host, share.class_id) for share in plan.bandwidth]
    assert len(set(classes)) == len(classes)


def of_tenant(plan: Plan, name: str) -> tuple[object, ...]:
    """All that a tenant holds."""
    parts = (plan.tenants, plan.segments, plan.containers, plan.volumes, plan.sites, plan.bandwidth)
    mine = [tuple(x for x in part if name in (getattr(x, "tenant", ""), getattr(x, "id", ""))) for part in parts]
    return tuple(mine)


@quick
@given(tenants(), st.data())
def test_adding_and_retiring_never_moves_another(specs: tuple[TenantSpec, ...], data: st.DataObject) -> None:
    made = planned(specs)
    if made is None:
        return
    plan, lock = made
    more = build.tenant("s00", *data.draw(sites()), quota={"cpus": 0.5, "memory": "1GiB", "bandwidth": "1Mbit/s"})
    leaving = data.draw(st.sampled_from(specs))
    retiring = leaving.model_copy(update={"state": build.tenant("x1", state="retiring").state})
    after = planned(tuple(retiring if spec is leaving else spec for spec in (*specs, more)), lock)
    if after is None:
        return
    for spec in specs:
        if spec is not leaving:
            assert of_tenant(after[0], spec.tenant) == of_tenant(plan, spec.tenant)
    kept = after[1].tenants[leaving.tenant]
    assert kept.number == lock.tenants[leaving.tenant].number
    assert {n: s.segments for n, s in kept.sites.items()} == {
        n: s.segments for n, s in lock.tenants[leaving.tenant].sites.items()
    }


@quick
@given(tenants(), st.integers(0, 2**32))
def test_the_order_of_files_and_keys_never_shows(specs: tuple[TenantSpec, ...], seed: int) -> None:
    made = planned(specs)
    if made is None:
        return
    shuffle = random.Random(seed)
    hosts = dict(shuffle.sample(sorted(HOSTS.items()), len(HOSTS)))
    services = {"edge": ["edge-1"]}
    mixed = [
        spec.model_copy(update={"sites": tuple(shuffle.sample(spec.sites, len(spec.sites)))})
        for spec in shuffle.sample(specs, len(specs))
    ]
    other = Declared(build.centre(hosts, services=services), tuple(mixed))
    again, lock = build.plan(other)
    assert codec.dumps(again) == codec.dumps(made[0])
    assert lock == made[1]


@quick
@given(tenants())
def test_same_in_same_out_and_the_codec_loses_nothing(specs: tuple[TenantSpec, ...]) -> None:
    made = planned(specs)
    if made is None:
        return
    plan, lock = made
    text = codec.dumps(plan)
    assert codec.loads(text) == plan
    again, same = build.plan(declared(specs), lock)
    assert codec.dumps(again) == text
    assert same is lock


@quick
@given(tenants(), st.sampled_from(["nginx-static", "filing", "postgresql", "edge"]))
def test_a_slot_flips_only_for_what_changed_and_may_run_beside_itself(
    specs: tuple[TenantSpec, ...], image: str
) -> None:
    made = planned(specs)
    if made is None:
        return
    plan, lock = made
    after, later = build.plan(declared(specs), lock, images=build.IMAGES | {image: "sha256:new"})
    for old, new in zip(plan.containers, after.containers, strict=True):
        changed = new.image == image
        assert (old.digest != new.digest) == changed
        assert (old.slot != new.slot) == (changed and new.blue_green)
        assert replace(new, slot=old.slot, digest=old.digest, image_id=old.image_id) == old
    again, _ = build.plan(declared(specs), later, images=build.IMAGES | {image: "sha256:new"})
    assert again == after
