"""A lab's leftovers and surroundings, by what engine and machine say."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest

from idc.engine import lab, machine_networks
from idc.engine.lab import Thing
from idc.engine.runtime import hold_id
from idc.engine.station import Station
from idc.errors import BusyError, EngineError, RefusedError
from tests.unit.render.small_plan import PLAN


def test_leftovers_are_counted_in_words() -> None:
    found = [Thing("containers", "a", "s"), Thing("containers", "b", "s"), Thing("networks", "n", "s")]
    assert lab.count(found) == "2 containers, 1 network"
    assert lab.count([]) == "nothing"


def test_the_machine_s_own_networks_are_read_from_ip() -> None:
    text = """[
      {"ifname": "lo", "addr_info": [{"family": "inet", "local": "127.0.0.1", "prefixlen": 8}]},
      {"ifname": "eth0", "addr_info": [
        {"family": "inet", "local": "192.0.2.7", "prefixlen": 24},
        {"family": "inet", "local": "10.1.2.3", "prefixlen": 32}
      ]},
      {"ifname": "eth1"}
    ]"""
    assert list(machine_networks.parse(text)) == [
        ("lo", IPv4Network("127.0.0.0/8")),
        ("eth0", IPv4Network("192.0.2.0/24")),
        ("eth0", IPv4Network("10.1.2.3/32")),
    ]
    assert list(machine_networks.parse("")) == []


# -- what an engine answers --------------------------------------------------------------------------------------------

CENTRE = "small.net"


@dataclass
class Engine:
    """This machine's engine with the things of a lab; remembers what was removed."""

    things: dict[str, list[dict[str, Any]]]
    removed: list[str] = field(default_factory=list)

    def labelled(self, kind: str, *labels: str) -> list[dict[str, Any]]:
        wanted = [label.split("=") for label in labels]
        return [thing for thing in self.things[kind] if all(thing["Labels"].get(k) == v for k, v in wanted)]

    def delete(self, path: str, query: object = None) -> bool:
        self.removed.append(path)
        return True


def _thing(name: str, station: str, state: str = "running") -> dict[str, Any]:
    labels = {"idc.centre": CENTRE, "idc.station": station, "idc.stack": "lab", "idc.digest": f"digest of {name}"}
    return {"Names": [f"/{name}"], "Name": name, "State": state, "Labels": labels}


def _entry(name: str) -> dict[str, Any]:
    return {"name": name, "docker_name": name, "labels": {"idc.digest": f"digest of {name}"}}


DOCUMENT = {
    "centre": CENTRE,
    "stack": "lab",
    "lab_hosts": [_entry("web-1")],
    "people": [_entry("citizen"), _entry("employee")],
    "networks": [_entry("uplink")],
    "volumes": [_entry("web-1-disk")],
}


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Engine:
    one = Engine(
        {
            "containers": [_thing(name, "0a0a0a0a") for name in ("web-1", "citizen", "employee")],
            "networks": [_thing("uplink", "0a0a0a0a")],
            "volumes": [_thing("web-1-disk", "0a0a0a0a")],
        }
    )
    monkeypatch.setattr(lab, "DockerEngine", lambda **_: one)
    monkeypatch.setenv("IDC_RUNTIME", str(tmp_path / "run"))
    return one


STATION = Station(Path("/none"), CENTRE, "0a0a0a0a")


def test_a_lab_that_is_whole_stands(engine: Engine) -> None:
    assert lab.stands(DOCUMENT, STATION)


@pytest.mark.parametrize(
    ("kind", "name"),
    [("containers", "web-1"), ("containers", "employee"), ("networks", "uplink"), ("volumes", "web-1-disk")],
)
def test_whatever_is_removed_is_drift(engine: Engine, kind: str, name: str) -> None:
    engine.things[kind] = [thing for thing in engine.things[kind] if thing["Name"] != name]
    assert not lab.stands(DOCUMENT, STATION)


def test_what_stands_still_was_made_otherwise_or_is_too_much_is_drift(engine: Engine) -> None:
    person = engine.things["containers"][1]
    person["State"] = "exited"
    assert not lab.stands(DOCUMENT, STATION)
    person["State"] = "running"
    person["Labels"]["idc.digest"] = "another"
    assert not lab.stands(DOCUMENT, STATION)
    person["Labels"]["idc.digest"] = "digest of citizen"
    engine.things["networks"].append(_thing("more", "0a0a0a0a"))
    assert not lab.stands(DOCUMENT, STATION)


def _remove(station: str, *, foreign: bool) -> int:
    return lab.remove(CENTRE, station_id=station, foreign=foreign, progress=lambda _: None)


def test_a_foreign_lab_is_refused_and_with_its_word_removed_whole(engine: Engine) -> None:
    with pytest.raises(RefusedError, match="another checkout"):
        _remove("0b0b0b0b", foreign=False)
    assert engine.removed == []
    assert _remove("0b0b0b0b", foreign=True) == len(engine.removed) == 5


def test_a_foreign_lab_under_a_run_is_never_removed(engine: Engine) -> None:
    with hold_id("0a0a0a0a", CENTRE), pytest.raises(BusyError, match=f"pid {os.getpid()}"):
        _remove("0b0b0b0b", foreign=True)
    assert engine.removed == []


def test_a_host_that_restarts_or_says_nothing_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str | EngineError] = ["", EngineError("Container is restarting (409)"), "starting\n", "running\r\n"]

    class Asked:
        def __init__(self, deadline: float) -> None:
            assert deadline <= 10

        def container(self, name: str) -> dict[str, Any]:
            return {"State": {"Running": True, "Paused": False}}

    def execute(*_: object) -> str:
        answer = said.pop(0)
        if isinstance(answer, EngineError):
            raise answer
        return answer

    monkeypatch.setattr(lab, "DockerEngine", Asked)
    monkeypatch.setattr(lab, "_execute", execute)
    lab._wait_booted(PLAN.hosts[0], time.monotonic() + 10)
    assert said == []
