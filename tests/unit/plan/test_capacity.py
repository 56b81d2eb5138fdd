"""What hosts can hold, and how a quota is divided."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from idc.errors import InputError, Problem
from idc.plan import capacity, catalogue
from idc.plan.capacity import Amount
from idc.plan.types import Plan
from tests.unit.plan import build


def only(*tenants: Any, **centre: Any) -> Problem:
    with pytest.raises(InputError) as caught:
        build.plan(build.declare(*tenants, **centre))
    assert len(caught.value.problems) == 1, caught.value.render()
    return caught.value.problems[0]


@pytest.mark.parametrize(
    ("quota", "key", "words"),
    [
        ({"cpus": 40}, "cpus", "40 of cpus asked, 15.2 free"),
        ({"memory": "100GiB"}, "memory", "100GiB of memory asked, 60.8GiB free"),
        ({"disk": "2TiB"}, "disk", "2TiB of disk asked, 972.8GiB free"),
        ({"bandwidth": "2Gbit/s"}, "bandwidth", "2000Mbit/s of bandwidth asked, 950Mbit/s free"),
    ],
)
def test_what_fits_nowhere_is_said_at_the_quota_with_the_numbers(quota: dict[str, Any], key: str, words: str) -> None:
    problem = only(build.tenant("tax", quota=quota))
    assert problem.file == "/centre/tenants/tax.yaml"
    assert problem.source == f"quota.{key}"
    assert words in problem.message


def test_a_host_that_was_full_before_names_who_asks_for_most() -> None:
    small, large = build.tenant("aaa"), build.tenant("tax", quota={"cpus": 15})
    _, lock = build.plan(build.declare(small, large))
    grown = build.tenant("tax", quota={"cpus": 16})
    with pytest.raises(InputError) as caught:
        build.plan(build.declare(small, grown), lock)
    (problem,) = caught.value.problems
    assert problem.file == "/centre/tenants/tax.yaml"
    assert "host web-2 cannot hold what is declared on it: 16 of cpus asked, 15.2 offered" in problem.message
    assert "tenant/tax 16" in problem.message


def test_what_the_outside_asks_for_must_fit_the_edges_uplink() -> None:
    hosts = {**build.HOSTS, "edge-1": build.host("edge", uplink="100Mbit/s")}
    tenants = [build.tenant(name, quota={"bandwidth": "60Mbit/s"}) for name in ("aa", "bb")]
    problem = only(*tenants, hosts=hosts)
    assert (
        "host edge-1 cannot hold what is declared on it: 120Mbit/s of bandwidth asked, 95Mbit/s offered"
        in problem.message
    )


def test_a_quota_too_small_for_what_it_shall_run_is_refused() -> None:
    problem = only(build.tenant("tax", build.site(), build.app(), quota={"memory": "256MiB"}))
    assert problem.source == "quota.memory"
    least = catalogue.least_memory(build.tenant("tax", build.site(), build.app()).sites)
    assert f"need {least >> 20}MiB or more" in problem.hint
    build.plan(build.declare(build.tenant("tax", build.site(), build.app(), quota={"memory": least})))


def test_too_few_cores_are_refused() -> None:
    problem = only(build.tenant("tax", build.app(), quota={"cpus": 0.1}))
    assert problem.source == "quota.cpus"
    least = catalogue.least_cpus(build.tenant("tax", build.app()).sites)
    assert f"need {least:g} or more" in problem.hint
    made, _ = build.plan(build.declare(build.tenant("tax", build.app(), quota={"cpus": least})))
    for container in made.containers:
        assert container.cpus >= catalogue.IMAGES[container.image].least_cpus


def test_too_little_disk_is_refused_with_the_figure() -> None:
    problem = only(build.tenant("tax", build.site(), build.app(), quota={"disk": "200MiB"}))
    assert problem.source == "quota.disk"
    assert "need 272MiB or more" in problem.hint
    build.plan(build.declare(build.tenant("tax", build.site(), build.app(), quota={"disk": "272MiB"})))


GIB = 1 << 30


def disk(plan: Plan) -> dict[str, int]:
    """What is set aside for the tenant, by host, in GiB."""
    return {entry.host: entry.disk // GIB for entry in plan.reservations if entry.owner == "tenant/tax"}


def test_a_site_that_has_gone_keeps_its_part_of_the_disk_and_nothing_else() -> None:
    """Its volume still lies there; the tenant's other sites do not get the room."""
    quota = {"disk": "800GiB", "cpus": 16}  # two hosts are needed
    both = build.tenant("tax", build.site(), build.app(), quota=quota)
    before, lock = build.plan(build.declare(both))
    www, file = (before.container_by_name[name].host for name in ("tax-www-web", "tax-file-app"))
    assert www != file
    assert disk(before) == {www: 200, file: 600}
    after, later = build.plan(build.declare(build.tenant("tax", build.site(), quota=quota | {"cpus": 8})), lock)
    assert disk(after) == {www: 200, file: 600}
    rests = next(entry for entry in after.reservations if entry.owner == "tenant/tax" and entry.host == file)
    assert (rests.cpus, rests.memory, rests.bandwidth) == (0, 0, 0)
    assert not [share for share in after.bandwidth if share.host == file]
    back, _ = build.plan(build.declare(both), later)
    assert disk(back) == disk(before)


def test_a_new_tenant_is_refused_where_the_volumes_of_a_gone_site_lie() -> None:
    quota = {"disk": "900GiB"}
    hosts = {name: spec for name, spec in build.HOSTS.items() if name != "web-2"}
    _, lock = build.plan(build.declare(build.tenant("tax", build.site(), build.app(), quota=quota), hosts=hosts))
    shrunk = build.tenant("tax", build.site(), quota=quota)
    with pytest.raises(InputError) as caught:
        build.plan(build.declare(shrunk, build.tenant("works", quota={"disk": "200GiB"}), hosts=hosts), lock)
    (problem,) = caught.value.problems
    assert "200GiB of disk asked, 72.8GiB free" in problem.message


def test_a_retiring_tenants_disk_stays_set_aside_until_its_numbers_are_free() -> None:
    quota = {"disk": "900GiB"}
    _, lock = build.plan(build.declare(build.tenant("tax", quota=quota)))
    retiring = build.tenant("tax", quota=quota, state="retiring")
    assert list(disk(build.plan(build.declare(retiring), lock)[0]).values()) == [900]


def test_the_catalogue_says_what_the_images_say(root: Path) -> None:
    """images/README.md has the same table for people; the Dockerfiles have the user."""
    rows = {}
    for line in (root / "images" / "README.md").read_text().splitlines():
        cells = [cell.strip().strip("`") for cell in line.split("|")[1:-1]]
        if len(cells) == 7 and cells[1].replace(":", "").isdigit():
            rows[cells[0]] = cells
    assert sorted(rows) == sorted(catalogue.IMAGES)
    for name, image in catalogue.IMAGES.items():
        _, user, ports, healthcheck, tmpfs, *_ = rows[name]
        assert image.user == user
        assert str(image.port) in ports
        assert " ".join(image.healthcheck) == healthcheck
        assert [line.partition(":")[0] for line in image.tmpfs] == [tmpfs]
        assert f"USER {user}\n" in (root / "images" / name / "Dockerfile").read_text()


def test_an_unknown_application_image_is_refused_with_those_there_are() -> None:
    problem = only(build.tenant("tax", build.app(image="flings")))
    assert problem.source == "sites.0.image"
    assert "filing" in problem.hint


def test_the_edge_hangs_on_no_tenant() -> None:
    one, _ = build.plan(build.declare(build.tenant("tax")))
    many, _ = build.plan(build.declare(*(build.tenant(f"t{n}") for n in range(9))))
    assert one.container_by_name["edge"] == many.container_by_name["edge"]


def test_five_percent_stay_for_the_host_itself() -> None:
    made, _ = build.plan(build.declare(build.tenant("tax")))
    held = {entry.host: entry for entry in capacity.of_plan(made)}
    assert held["core-1"].offered == Amount(15_200, 64 * 1024**3 * 95 // 100, 1024**4 * 95 // 100, 950_000_000)
    assert held["core-1"].used == Amount()
    assert held["edge-1"].used.cpus == 2 * 2_000  # its two workers, and twice during a takeover


@pytest.mark.parametrize(
    ("name", "number", "shown"),
    [
        ("cpus", 1_500, "1.5"),
        ("cpus", 0, "0"),
        ("memory", 1536 * 1024**2, "1.5GiB"),
        ("disk", 4 * 1024**4, "4TiB"),
        ("bandwidth", 50_000_000, "50Mbit/s"),
        ("memory", 512, "512B"),
    ],
)
def test_amounts_read_as_people_write_them(name: str, number: int, shown: str) -> None:
    assert capacity.words(name, number) == shown
