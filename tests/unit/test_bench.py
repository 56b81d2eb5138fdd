"""The measurements make the same things for each tool, keep apart, and print what was measured."""

from __future__ import annotations

from itertools import combinations, pairwise
from pathlib import Path

import pytest

from bench import build, centre, contenders, pulumi_stacks, tenants, workload


def test_no_two_contenders_share_an_address_a_bridge_or_a_name() -> None:
    made = [tenant for number, name in enumerate(tenants.MAKERS) for tenant in workload.tenants(name, number, 50)]
    networks = [network for tenant in made for network in tenant.networks]
    assert len({network.name for network in networks}) == len(networks)
    assert len({network.bridge for network in networks}) == len(networks)
    assert max(len(network.bridge) for network in networks) <= 15
    ordered = sorted(network.subnet for network in networks)
    assert not any(one.overlaps(other) for one, other in pairwise(ordered))


def test_every_contender_makes_the_same_containers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "ensure", lambda peer: tmp_path / peer.executable)
    image = "sha256:" + "0" * 64
    (tmp_path / "tofu").mkdir()
    (tmp_path / "compose").mkdir()
    one = workload.tenants("x", 0, 1)
    tofu = contenders.OpenTofu(one, image, tmp_path / "tofu")._document(one[0], image)
    compose = contenders.Compose(one, image, tmp_path / "compose", one_project=False)._document("x", one, image)
    own = pulumi_stacks._document("tenant-x", one[0], image, "station")
    ours = {each["docker_name"]: each for each in own["containers"]}
    assert set(ours) == set(tofu["resource"]["docker_container"]) == set(compose["services"])
    for name, entry in ours.items():
        theirs, composed = tofu["resource"]["docker_container"][name], compose["services"][name]
        assert entry["ipv4"] == theirs["networks_advanced"][0]["ipv4_address"]
        assert [entry["ipv4"]] == [network["ipv4_address"] for network in composed["networks"].values()]
        assert entry["memory"] == theirs["memory"] * 1024**2 == composed["mem_limit"]
        assert entry["image_id"] == theirs["image"] == composed["image"]
    assert {n["name"]: n["subnet"] for n in own["networks"]} == {
        name: network["ipam_config"][0]["subnet"] for name, network in tofu["resource"]["docker_network"].items()
    }


def test_the_table_gives_medians_and_ratios_to_opentofu() -> None:
    seconds = {
        "opentofu": {verb: [10.0, 20.0, 12.0] for verb in tenants.VERBS},
        "idc": {verb: [6.0, 5.0, 9.0] for verb in tenants.VERBS},
    }
    text = tenants.table(seconds, {"opentofu": "OpenTofu", "idc": "idc"}, 20, 3)
    assert "20 tenants, 80 resources, one engine, median of 3 rounds" in text
    assert "| idc | 6.0 s (0.50) | 6.0 s (0.50) | 6.0 s (0.50) |" in text


def test_contenders_are_told_apart_by_their_names() -> None:
    """The count of what runs goes by the beginning of a name."""
    names = [f"idc-bench-{name}-t" for name in tenants.MAKERS]
    assert not any(one.startswith(other) or other.startswith(one) for one, other in combinations(names, 2))


def test_the_centre_s_table_gives_least_median_and_greatest_of_each_figure() -> None:
    figures = {name: [10.0, 30.0, 20.04] for name in centre.FIGURES}
    lines = centre.table(figures).splitlines()
    assert lines[0] == "The reference centre, 3 rounds"
    assert "| up again, nothing to change | 10.0 s | 20.0 s | 30.0 s |" in lines
    assert "| failed requests of the others | 10 | 20 | 30 |" in lines
    assert "| memory of the whole lab | 10 MiB | 20 MiB | 30 MiB |" in lines


def test_what_was_not_measured_has_an_empty_row() -> None:
    assert "| destroy | | | |" in centre.table({name: [] for name in centre.FIGURES} | {"idc test --fast": [1.0]})


def test_memory_is_that_of_the_containers_processes_alone(tmp_path: Path) -> None:
    for pid, group in (("1", "0::/"), ("2", "0::/docker/abc/docker/def"), ("3", "5:memory:/docker/abd")):
        (tmp_path / pid).mkdir()
        (tmp_path / pid / "cgroup").write_text(f"{group}\n")
        (tmp_path / pid / "smaps_rollup").write_text(
            "x-y ---p 0 00:00 0 [rollup]\nRss: 900 kB\nPss: 512 kB\nPss_Anon: 8 kB\n"
        )
    assert [pid.name for pid in sorted(tmp_path.iterdir()) if centre.within(pid, ["abc"])] == ["2"]
    assert centre.pss(tmp_path / "2") == 512
    assert centre.pss(tmp_path / "none") == 0
    assert not centre.within(tmp_path / "none", ["abc"])


def test_the_tenant_that_is_added_is_none_of_the_reference_s(root: Path) -> None:
    assert not (root / "centres" / "reference" / "extranet" / "tenants" / "museum.yaml").exists()
