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


@dataclass
class Engine:
    """An engine with a few things on it; remembers what was deleted."""

    things: dict[str, list[dict[str, Any]]]
    attached: frozenset[str] = frozenset()
    deleted: list[str] = field(default_factory=list)

    def labelled(self, kind: str, *labels: str) -> list[dict[str, Any]]:
        wanted = [label.split("=") for label in labels]
        return [t for t in self.things[kind] if all(t["Labels"].get(key) == value for key, value in wanted)]

    def get(self, path: str) -> dict[str, Any]:
        return {"Containers": {"x": {}} if path.rpartition("/")[2] in self.attached else {}}

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
    networks = [{"name": "tax-www-web", "host": "web-1"}]
    document = {"centre": CENTRE, "hosts": {"web-1": {"docker_host": "unix:///x"}}, "networks": networks}
    (made.folder / "plans" / f"{STACK}.json").write_text(json.dumps(document))
    state = made.folder / "state" / ".pulumi" / "stacks" / "idc"
    state.mkdir(parents=True)
    resources = [{"urn": "stack"}, {"urn": "container", "id": "known-container"}, {"urn": "net", "id": "known-network"}]
    (state / f"{STACK}.json").write_text(json.dumps({"checkpoint": {"latest": {"resources": resources}}}))
    return made


def _clear(station: Station, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(orphans, "DockerEngine", lambda *_: engine)
    orphans.clear(station, [STACK], said.append)
    return said


def test_what_the_state_knows_is_left_alone(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(
        {
            "containers": [_thing("known-container", "tax-www-web-a", station)],
            "networks": [_thing("known-network", "tax-www-web", station)],
        }
    )
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


def test_a_network_that_something_hangs_on_is_taken_over(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine({"containers": [], "networks": [_thing("n1", "tax-www-web", station)]}, frozenset({"n1"}))
    _clear(station, engine, monkeypatch)
    assert engine.deleted == []
    document = json.loads((station.folder / "plans" / f"{STACK}.json").read_text())
    assert document["networks"] == [{"name": "tax-www-web", "host": "web-1", "adopt": "n1"}]


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
        orphans.known_ids(station, STACK)


def test_half_a_checkpoint_is_mended_before_anything_is_taken_for_an_orphan(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = station.folder / "state" / ".pulumi" / "stacks" / "idc" / f"{STACK}.json"
    path.rename(path.with_suffix(".json.bak"))
    path.write_text('{"version":3,"checkp')
    engine = Engine({"containers": [_thing("known-container", "tax-www-web-a", station)], "networks": []})
    assert _clear(station, engine, monkeypatch) == []
    assert engine.deleted == []


@pytest.mark.parametrize(
    "document", [{"checkpoint": {}}, {"checkpoint": {"latest": None}}, {"checkpoint": {"latest": {}}}]
)
def test_an_empty_checkpoint_knows_nothing(document: dict[str, Any]) -> None:
    assert orphans.resource_ids(document) == frozenset()
