"""The intranet beside the extranet on one machine: two fabrics that have nothing in common, one stopped, one gone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator

import pytest

from tests.live.centre import Traces, assert_nothing_left, plan_of, wait_all_serving
from tests.live.conftest import ROOT, LiveCentre


@pytest.fixture(scope="module")
def intranet(small: LiveCentre, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCentre]:
    """The reference intranet, up beside the small centre, with a stations folder of its own."""
    assert small.station.exists()
    base = tmp_path_factory.mktemp("intranet")
    folder = base / "centre"
    shutil.copytree(ROOT / "centres" / "reference" / "intranet", folder, ignore=shutil.ignore_patterns("locks"))
    centre = LiveCentre(folder, base / "stations")
    centre.idc("destroy", str(folder), "--foreign").ok()
    try:
        centre.up()
        yield centre
    finally:
        ended = centre.idc("destroy", str(folder), "--foreign")
    ended.ok()


def containers(centre: LiveCentre, *words: str) -> list[str]:
    """Names of the containers of a centre's lab on this machine's engine."""
    label = f"label=idc.centre={plan_of(centre).id}"
    return centre.docker("ps", *words, "--filter", label, "--format", "{{.Names}}").split()


def networks(centre: LiveCentre) -> set[str]:
    """Ids of the Docker networks that they are attached to; `none`, which has no link, is not one."""
    found = json.loads(centre.docker("inspect", *containers(centre, "-a")))
    links = [entry for each in found for entry in each["NetworkSettings"]["Networks"].items()]
    return {link["NetworkID"] for name, link in links if name != "none"}


def test_two_fabrics_share_no_network_station_or_key(small: LiveCentre, intranet: LiveCentre) -> None:
    assert networks(small)
    assert networks(intranet)
    assert not networks(small) & networks(intranet)
    assert small.station != intranet.station
    for secret in ("passphrase", "ssh/id_ed25519", "ssh/id_ed25519.pub"):
        assert (small.station / secret).read_bytes() != (intranet.station / secret).read_bytes(), secret


def test_the_plan_of_one_fabric_names_nothing_of_the_other(small: LiveCentre, intranet: LiveCentre) -> None:
    text, plan = (small.station / "applied" / "plan.json").read_text(), plan_of(intranet)
    names = {host.name for host in plan.hosts} | {host.lab_name for host in plan.hosts} | {plan.id}
    addresses = {str(host.address) for host in plan.hosts} | {str(entry.address) for entry in plan.listeners}
    assert names
    assert addresses
    assert not [word for word in names | addresses if f'"{word}"' in text or f'"{word}/' in text]


def test_the_intranet_beside_it_proves_tight(intranet: LiveCentre) -> None:
    wait_all_serving(plan_of(intranet), 30)
    run = intranet.idc("verify", str(intranet.folder), "--json")
    (report,) = run.json["centres"].values()
    assert run.code == 0, json.dumps(report["findings"], indent=1)[-8000:]
    assert report["proven"]


def test_a_lab_stopped_and_started_serves_as_before(small: LiveCentre, intranet: LiveCentre) -> None:
    plan, there, others = plan_of(intranet), set(containers(intranet)), set(containers(small))
    intranet.idc("lab", "down", str(intranet.folder)).ok()
    assert containers(intranet) == []
    assert set(containers(intranet, "-a")) == there  # stopped, their disks kept
    assert set(containers(small)) == others
    intranet.idc("lab", "up", str(intranet.folder)).ok()
    assert set(containers(intranet)) == there
    intranet.up()
    wait_all_serving(plan, 60)


def test_one_fabric_destroyed_leaves_nothing_and_the_other_serves(small: LiveCentre, intranet: LiveCentre) -> None:
    traces = Traces.of(intranet)
    assert any(kind.startswith("containers") for kind in traces.left())
    intranet.idc("destroy", str(intranet.folder)).ok()
    assert_nothing_left(traces, intranet)
    wait_all_serving(plan_of(small), 30)
