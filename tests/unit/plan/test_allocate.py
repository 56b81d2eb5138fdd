"""Where things land, and that they stay there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from idc.errors import InputError, Problem
from idc.plan.lock import Lock
from tests.unit.plan import build
from tests.unit.plan.build import Declared


def problems(declaration: Declared, lock: Lock | None = None, **more: Any) -> tuple[Problem, ...]:
    with pytest.raises(InputError) as caught:
        build.plan(declaration, lock, **more)
    return caught.value.problems


def test_new_tenants_spread_over_the_hosts_with_most_room() -> None:
    made, _ = build.plan(build.declare(*(build.tenant(f"t{n}") for n in range(6))))
    hosts = [site.host for site in made.sites]
    assert sorted(hosts) == ["web-1"] * 3 + ["web-2"] * 3


def test_all_sites_of_a_tenant_and_its_data_are_on_one_host() -> None:
    made, _ = build.plan(build.declare(build.tenant("parks"), build.tenant("tax", build.site(), build.app())))
    assert len({container.host for container in made.containers if container.tenant == "tax"}) == 1
    assert made.segment_by_name["tax-file-data"].host == made.segment_by_name["tax-file-web"].host


def test_a_tenant_that_fits_on_no_host_is_split_by_site() -> None:
    sites = [build.site("aa"), build.site("bb")]
    spec = build.tenant("large", *sites, quota={"cpus": 20, "memory": "8GiB", "bandwidth": "100Mbit/s"})
    made, _ = build.plan(build.declare(spec))
    assert {site.host for site in made.sites} == {"web-1", "web-2"}
    assert sum(share.rate for share in made.bandwidth) == 100_000_000
    assert {share.class_id for share in made.bandwidth} == {0x11}


def test_a_new_site_goes_to_its_tenants_host_even_if_another_has_more_room() -> None:
    quota = {"cpus": 8, "memory": "8GiB"}
    declaration = build.declare(build.tenant("parks"), build.tenant("tax", build.site(), quota=quota))
    before, lock = build.plan(declaration)
    grown = build.with_tenant(declaration, build.tenant("tax", build.site(), build.app(), quota=quota))
    after, _ = build.plan(grown, lock)
    assert {site.host for site in after.sites if site.tenant == "tax"} == {
        site.host for site in before.sites if site.tenant == "tax"
    }


def test_only_hosts_with_the_data_zone_take_a_database() -> None:
    hosts = {**build.HOSTS, "web-1": build.host("web"), "web-2": build.host("web", "data")}
    made, _ = build.plan(build.declare(build.tenant("tax", build.app()), hosts=hosts))
    assert {container.host for container in made.containers if container.tenant == "tax"} == {"web-2"}


def test_no_host_with_the_zones_is_said_at_the_site() -> None:
    hosts = {**build.HOSTS, "web-1": build.host("web"), "web-2": build.host("web")}
    (problem,) = problems(build.declare(build.tenant("tax", build.site(), build.app()), hosts=hosts))
    assert problem.file == "/centre/tenants/tax.yaml"
    assert problem.source == "sites.1"
    assert "zones web and data" in problem.message


def test_a_site_whose_host_has_gone_is_refused_not_moved() -> None:
    declaration = build.declare(build.tenant("tax"))
    _, lock = build.plan(declaration)
    held = lock.tenants["tax"].sites["www"].host
    hosts = {name: entry for name, entry in build.HOSTS.items() if name != held}
    (problem,) = problems(build.declare(build.tenant("tax"), hosts=hosts), lock)
    assert f"is on host {held}, which has gone from centre.yaml" in problem.message


def test_a_site_whose_host_lost_its_zone_is_refused() -> None:
    _, lock = build.plan(build.declare(build.tenant("tax")))
    held = lock.tenants["tax"].sites["www"].host
    hosts = {**build.HOSTS, held: build.host("data")}
    (problem,) = problems(build.declare(build.tenant("tax"), hosts=hosts), lock)
    assert "lacks the zone" in problem.message


def test_a_full_prefix_is_said_at_the_tenant() -> None:
    """A /22 has three blocks of 16 segments beside the uplink's; one of them is the edge's."""
    tenants = [build.tenant(f"t{n:02}", quota={"cpus": 0.1, "memory": "64MiB", "disk": "1GiB"}) for n in range(33)]
    found = problems(build.declare(*tenants, prefix="10.64.0.0/22"))
    assert [problem.file for problem in found] == ["/centre/tenants/t32.yaml"]
    assert "has no block left" in found[0].message


def test_a_removed_site_keeps_its_numbers_and_its_volume() -> None:
    declaration = build.declare(build.tenant("tax", build.site(), build.site("old")))
    before, lock = build.plan(declaration)
    after, later = build.plan(build.declare(build.tenant("tax", build.site())), lock)
    assert "tax-old-web" not in after.container_by_name
    assert {volume.name for volume in after.volumes} == {"tax-old-content", "tax-www-content"}
    assert later.tenants["tax"].sites["old"].segments == lock.tenants["tax"].sites["old"].segments
    again, _ = build.plan(declaration, later)
    assert again.segment_by_name["tax-old-web"] == before.segment_by_name["tax-old-web"]


def test_a_retiring_tenant_keeps_volumes_and_numbers_and_nothing_else() -> None:
    sites = (build.site(), build.app())
    _, lock = build.plan(build.declare(build.tenant("tax", *sites)))
    made, later = build.plan(build.declare(build.tenant("tax", *sites, state="retiring")), lock)
    assert [volume.name for volume in made.volumes] == ["tax-file-database", "tax-www-content"]
    assert {container.name for container in made.containers} == {segment.name for segment in made.segments} == {"edge"}
    assert (made.sites, made.vhosts, made.bandwidth, made.secrets) == ((), (), (), ())
    assert all("tax" not in flow.id for flow in made.flows)
    assert made.stack_by_name["tenant-tax"].hosts == (lock.tenants["tax"].sites["www"].host,)
    assert [entry.disk for entry in made.reservations if entry.owner == "tenant/tax"] == [5 * 1024**3]
    for name, entry in lock.tenants["tax"].sites.items():
        assert later.tenants["tax"].sites[name].segments == entry.segments


def test_a_tenant_that_retires_before_it_was_ever_applied_holds_a_number_only() -> None:
    made, lock = build.plan(build.declare(build.tenant("tax", state="retiring")))
    assert lock.tenants["tax"].sites == {}
    assert [tenant.number for tenant in made.tenants] == [1]
    assert "tenant-tax" not in made.stack_by_name


def test_moving_the_edge_is_explicit_and_moves_nothing_else() -> None:
    hosts = {**build.HOSTS, "edge-2": build.host("edge")}
    declaration = build.declare(build.tenant("tax"), hosts=hosts)
    before, lock = build.plan(declaration)
    moved = build.declare(build.tenant("tax"), hosts=hosts, services={"edge": ["edge-2"]})
    after, later = build.plan(moved, lock)
    assert after.segment_by_name["edge"].host == "edge-2"
    assert after.segment_by_name["tax-www-web"] == before.segment_by_name["tax-www-web"]
    assert {name: entry.number for name, entry in later.hosts.items()} == {
        name: entry.number for name, entry in lock.hosts.items()
    }


def test_lab_hosts_and_real_hosts_do_not_mix() -> None:
    hosts = {**build.HOSTS, "web-2": build.host("web", "data", address="192.168.7.2", interface="eth0")}
    found = problems(build.declare(build.tenant("tax"), hosts=hosts))
    assert {problem.source for problem in found} == {"hosts.core-1", "hosts.edge-1", "hosts.web-1"}


REAL = {
    name: {**entry, "address": f"192.168.7.{index}", "interface": "eth0"}
    for index, (name, entry) in enumerate(build.HOSTS.items(), 1)
}


def test_real_hosts_keep_their_addresses_and_have_no_lab() -> None:
    listeners = {"internet": {"address": "203.0.113.10/24", "interface": "eth1"}}
    made, _ = build.plan(build.declare(build.tenant("tax"), hosts=REAL, listeners=listeners))
    assert "lab" not in made.stack_by_name
    edge = made.host_by_name["edge-1"]
    assert [(interface.name, str(interface.address)) for interface in edge.interfaces] == [
        ("eth0", "192.168.7.1/32"),
        ("eth1", "203.0.113.10/24"),
    ]
    twin, _ = build.plan(build.declare(build.tenant("tax"), hosts=REAL, listeners=listeners), as_lab=True)
    assert all(host.is_lab for host in twin.hosts)
    assert [interface.name for interface in twin.host_by_name["edge-1"].interfaces] == ["internet", "uplink"]
    assert twin.segments == made.segments


def test_a_real_edge_must_name_the_interface_of_its_listeners() -> None:
    found = problems(build.declare(build.tenant("tax"), hosts=REAL))
    assert [problem.source for problem in found] == ["listeners.fabric", "listeners.internet"]


def test_what_is_wrong_in_several_places_is_said_in_one_run() -> None:
    """A wrong image, a quota that fits nowhere and a flow that cannot be: nobody should need three runs to see them."""
    unknown = build.tenant("aa", build.app(image="flings"))
    large = build.tenant("bb", quota={"cpus": 99})
    calling = build.tenant("cc", egress=[{"to": "internet", "port": "443/tcp", "why": "needed for a test"}])
    to_both = [
        {"from": "tenant/cc/site/www", "to": f"tenant/{name}/site/{site}", "port": "80/tcp", "why": "needed for a test"}
        for name, site in (("aa", "file"), ("bb", "www"))
    ]
    found = problems(build.declare(unknown, large, calling, flows=to_both))
    assert [(problem.file.rpartition("/")[2], problem.source) for problem in found] == [
        ("aa.yaml", "sites.0.image"),
        ("bb.yaml", "quota.cpus"),
        ("cc.yaml", "egress.0"),
    ]


def test_egress_of_many_sites_is_one_problem() -> None:
    egress = [{"to": "internet", "port": "443/tcp", "why": "needed for a test"}]
    (problem,) = problems(build.declare(build.tenant("cc", build.site(), build.site("two"), egress=egress)))
    assert "tenant/cc -> internet : 443/tcp" in problem.message


@pytest.mark.parametrize("state", ["active", "retiring"])
def test_a_host_that_holds_the_data_of_what_went_away_must_stay(state: str) -> None:
    sites = (build.site(), build.app())
    _, lock = build.plan(build.declare(build.tenant("tax", *sites), build.tenant("aa")))
    held = lock.tenants["tax"].sites["www"].host
    hosts = {name: entry for name, entry in build.HOSTS.items() if name != held}
    later = build.tenant("tax", *sites, state=state)
    if state == "active":
        later = later.model_copy(update={"sites": ()})
    found = problems(build.declare(later, build.tenant("aa"), hosts=hosts), lock)
    assert {problem.source for problem in found} == {"tenant"}
    assert all(f"host {held} has gone" in problem.message and "of tenant tax" in problem.message for problem in found)


def test_a_database_serves_from_its_first_slot_whatever_a_lock_says() -> None:
    """Its application knows it by that address; only what may run beside itself ever changes slots."""
    declaration = build.declare(build.tenant("tax", build.app()))
    before, lock = build.plan(declaration)
    slots = dict(lock.tenants["tax"].sites["file"].slots)
    slots["tax-file-database"] = replace(slots["tax-file-database"], slot="b")
    site = replace(lock.tenants["tax"].sites["file"], slots=slots)
    tampered = replace(lock, tenants={"tax": replace(lock.tenants["tax"], sites={"file": site})})
    after, _ = build.plan(declaration, tampered)
    assert after.container_by_name["tax-file-database"] == before.container_by_name["tax-file-database"]
