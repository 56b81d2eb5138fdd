"""What a dead run leaves behind is told from what the state knows, and cleared without harm."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from idc.engine import orphans
from idc.engine.station import Station
from idc.errors import EngineError

CENTRE = "small.government-extranet"
STACK = "tenant-tax"
BRIDGE = "com.docker.network.bridge"
NETWORK = {
    "Driver": "bridge",
    "Options": {f"{BRIDGE}.name": "tax0", f"{BRIDGE}.enable_ip_masquerade": "false"},
    "IPAM": {"Config": [{"Subnet": "10.64.16.0/28", "Gateway": "10.64.16.1"}]},
}
PLANNED = {
    "name": "tax-www-web", "host": "web-1", "bridge": "tax0", "subnet": "10.64.16.0/28", "gateway": "10.64.16.1",
    "subnet6": None, "gateway6": None,
}  # fmt: skip
CONTAINER = {
    "docker_name": "tax-www-web-a", "host": "web-1", "network": "tax-www-web", "ipv4": "10.64.16.2",
    "labels": {"idc.digest": "d1"},
}  # fmt: skip


@dataclass
class Engine:
    """An engine with a few things on it; remembers what was deleted."""

    things: dict[str, list[dict[str, Any]]]
    attached: dict[str, tuple[str, ...]] = field(default_factory=dict)  # network -> containers
    inspected: dict[str, Any] = field(default_factory=dict)  # of a network, where it is not as planned
    deleted: list[str] = field(default_factory=list)
    refreshed: frozenset[str] = frozenset()  # stacks that were said to need it

    def labelled(self, kind: str, *labels: str) -> list[dict[str, Any]]:
        wanted = [label.split("=") for label in labels]
        return [t for t in self.things.get(kind, ()) if all(t["Labels"].get(key) == value for key, value in wanted)]

    def get(self, path: str) -> dict[str, Any]:
        number = path.rpartition("/")[2]
        return NETWORK | self.inspected | {"Containers": {key: {} for key in self.attached.get(number, ())}}

    def delete(self, path: str, query: object = None) -> bool:
        self.deleted.append(path)
        return True


def _thing(number: str, name: str, station: Station, **more: str) -> dict[str, Any]:
    labels = {"idc.centre": CENTRE, "idc.station": station.id, "idc.stack": STACK, **more}
    return {"Id": number, "Names": [f"/{name}"], "Name": name, "Labels": labels}


@pytest.fixture
def station(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Station:
    monkeypatch.setenv("IDC_STATIONS", str(tmp_path))
    made = Station.create(CENTRE)
    document = {
        "centre": CENTRE,
        "hosts": {"web-1": {"docker_host": "unix:///x"}},
        "networks": [PLANNED],
        "containers": [CONTAINER],
    }
    (made.folder / "plans" / f"{STACK}.json").write_text(json.dumps(document))
    state = made.folder / "state" / ".pulumi" / "stacks" / "idc"
    state.mkdir(parents=True)
    resources = [
        {"urn": "stack", "type": "pulumi:pulumi:Stack"},
        {"urn": "provider", "type": "pulumi:providers:docker", "id": "0a1b"},
        {"urn": "container", "type": "docker:index/container:Container", "id": "known-container"},
        {"urn": "net", "type": "docker:index/network:Network", "id": "known-network"},
        {"urn": "volume", "type": "docker:index/volume:Volume", "id": "tax-www"},
    ]
    (state / f"{STACK}.json").write_text(json.dumps({"checkpoint": {"latest": {"resources": resources}}}))
    return made


def _clear(station: Station, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(orphans, "DockerEngine", lambda *_: engine)
    engine.refreshed = orphans.clear(station, [STACK], said.append)
    return said


def _known(station: Station, **networks: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """All that the state knows, as it was made; ``networks``: those that the container is on."""
    on = networks or {"tax-www-web": {"NetworkID": "known-network", "IPAMConfig": {"IPv4Address": "10.64.16.2"}}}
    more = {"NetworkSettings": {"Networks": on}}
    return {
        "containers": [_thing("known-container", "tax-www-web-a", station, **{"idc.digest": "d1"}) | more],
        "networks": [_thing("known-network", "tax-www-web", station)],
        "volumes": [_thing("", "tax-www", station)],
    }


def test_what_the_state_knows_is_left_alone(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(_known(station))
    assert _clear(station, engine, monkeypatch) == []
    assert engine.deleted == []
    assert engine.refreshed == frozenset()


@pytest.mark.parametrize("kind", ["containers", "networks", "volumes"])
def test_a_stack_of_which_something_is_gone_is_refreshed(
    station: Station, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    known = _known(station)
    del known[kind][0]
    if kind == "networks":
        del known["containers"][0]  # it hung on it
    engine = Engine(known)
    _clear(station, engine, monkeypatch)
    assert engine.refreshed == {STACK}
    assert engine.deleted == []


OWN = {"NetworkID": "known-network", "IPAMConfig": {"IPv4Address": "10.64.16.2"}}


@pytest.mark.parametrize(
    ("networks", "words"),
    [
        ({"tax-www-web": OWN, "parks-www-web": OWN}, "is also on parks-www-web"),
        ({"parks-www-web": OWN}, "is not on its network tax-www-web"),
        ({"tax-www-web": OWN | {"NetworkID": "removed"}}, "hangs on a network tax-www-web that is gone"),
        ({"tax-www-web": OWN | {"IPAMConfig": None}}, "has the address , not 10.64.16.2"),
    ],
)
def test_a_container_that_was_put_elsewhere_is_made_again(
    station: Station, monkeypatch: pytest.MonkeyPatch, networks: dict[str, Any], words: str
) -> None:
    engine = Engine(_known(station, **networks))
    assert _clear(station, engine, monkeypatch) == [f"web-1: tax-www-web-a {words}; it was removed and is made again"]
    assert engine.deleted == ["/containers/known-container"]
    assert engine.refreshed == {STACK}


def test_a_container_that_the_plan_changes_is_left_to_its_stack(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = _known(station, **{"old-network": OWN})
    known["containers"][0]["Labels"]["idc.digest"] = "d0"
    engine = Engine(known)
    assert _clear(station, engine, monkeypatch) == []
    assert engine.deleted == []


def test_a_stranded_container_goes_before_its_network(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(
        {
            "networks": [_thing("n1", "tax-www-web", station)],
            "containers": [_thing("c1", "tax-www-web-a", station)],
        }
    )
    said = _clear(station, engine, monkeypatch)
    assert engine.deleted == ["/containers/c1", "/networks/n1"]
    assert said[0] == "web-1: tax-www-web-a, left behind by a run that died, was removed"


def _new_network(station: Station) -> dict[str, list[dict[str, Any]]]:
    """The network was made again by hand, and the container put on it."""
    known = _known(station, **{"tax-www-web": OWN | {"NetworkID": "n1"}})
    return known | {"networks": [_thing("n1", "tax-www-web", station)]}


def test_a_network_that_something_hangs_on_is_taken_over(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(_new_network(station), {"n1": ("known-container",)})
    said = _clear(station, engine, monkeypatch)
    assert said == ["web-1: the network tax-www-web, left behind by a run that died, is taken over"]
    assert engine.deleted == []
    assert engine.refreshed == {STACK}
    document = json.loads((station.folder / "plans" / f"{STACK}.json").read_text())
    assert document["networks"] == [PLANNED | {"adopt": "n1"}]


OTHERWISE: list[dict[str, Any]] = [
    {"Driver": "macvlan"},
    {"Internal": True},
    {"Options": {**NETWORK["Options"], f"{BRIDGE}.name": "tax1"}},  # type: ignore[dict-item]
    {"Options": {**NETWORK["Options"], f"{BRIDGE}.enable_ip_masquerade": "true"}},  # type: ignore[dict-item]
    {"Options": {**NETWORK["Options"], f"{BRIDGE}.inhibit_ipv4": "true"}},  # type: ignore[dict-item]
    {"IPAM": {"Config": [{"Subnet": "10.64.16.0/24", "Gateway": "10.64.16.1"}]}},
]


@pytest.mark.parametrize("otherwise", OTHERWISE)
def test_a_network_that_is_not_as_planned_goes_with_its_containers(
    station: Station, monkeypatch: pytest.MonkeyPatch, otherwise: dict[str, Any]
) -> None:
    engine = Engine(_new_network(station), {"n1": ("known-container",)}, otherwise)
    said = _clear(station, engine, monkeypatch)
    assert engine.deleted == ["/containers/known-container", "/networks/n1"]
    assert said[0].endswith("was removed, with what hung on it")
    assert engine.refreshed == {STACK}


def test_what_somebody_else_has_hung_on_such_a_network_is_not_removed(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(_new_network(station), {"n1": ("known-container", "another")}, {"Internal": True})
    with pytest.raises(EngineError, match="not as planned, but something hangs on it"):
        _clear(station, engine, monkeypatch)
    assert engine.deleted == []


@pytest.mark.parametrize(
    "labels",
    [{"idc.station": "another"}, {"idc.centre": "other.fabric"}, {"idc.stack": "tenant-parks"}, {"idc.stack": ""}],
)
def test_what_is_not_this_stack_s_is_never_touched(
    station: Station, monkeypatch: pytest.MonkeyPatch, labels: dict[str, str]
) -> None:
    engine = Engine({"containers": [_thing("c1", "tax-www-web-a", station, **labels)], "networks": []})
    _clear(station, engine, monkeypatch)
    assert engine.deleted == []


def test_a_lost_state_is_said_instead_of_removing_what_serves(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    (station.folder / "state" / ".pulumi" / "stacks" / "idc" / f"{STACK}.json").unlink()
    (station.folder / "applied" / "stacks.json").write_text(json.dumps({STACK: "digest"}))
    engine = Engine({"containers": [_thing("c1", "tax-www-web-a", station)], "networks": []})
    with pytest.raises(EngineError, match="the state of the stack tenant-tax is lost"):
        _clear(station, engine, monkeypatch)
    assert engine.deleted == []


def test_a_damaged_checkpoint_is_an_error_with_its_name(station: Station) -> None:
    path = station.folder / "state" / ".pulumi" / "stacks" / "idc" / f"{STACK}.json"
    path.write_text('{"checkpoint": []}')
    with pytest.raises(EngineError, match=f"the state of stack {STACK} is damaged: .*{STACK}.json"):
        orphans.state_of(station, STACK)


def test_half_a_checkpoint_is_mended_before_anything_is_taken_for_an_orphan(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = station.folder / "state" / ".pulumi" / "stacks" / "idc" / f"{STACK}.json"
    path.rename(path.with_suffix(".json.bak"))
    path.write_text('{"version":3,"checkp')
    engine = Engine(_known(station))
    assert _clear(station, engine, monkeypatch) == []
    assert engine.deleted == []


@pytest.mark.parametrize(
    "document", [{"checkpoint": {}}, {"checkpoint": {"latest": None}}, {"checkpoint": {"latest": {}}}]
)
def test_an_empty_checkpoint_knows_nothing(document: dict[str, Any]) -> None:
    assert orphans.resource_ids(document) == frozenset()
