"""`idc-health`: the engine looks at its containers' health again, and what somebody else has paused stays paused."""

from __future__ import annotations

import importlib.machinery
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.conftest import ROOT


class Engine:
    """Containers by id with their status; some requests may fail."""

    def __init__(self, **status: str) -> None:
        self.status = status
        self.version = "20.10.24"
        self.asked: list[str] = []
        self.refuses: set[str] = set()

    def ask(self, method: str, path: str) -> Any:
        if path == "/version":
            return {"Version": self.version}
        if path == "/containers/json":
            return [{"Id": number, "Names": [number], "Status": status} for number, status in self.status.items()]
        _, _, number, what = path.split("/")
        if number not in self.status:
            raise OSError(f"{method} {path}: 404 no such container")
        if what == "json":
            return {"State": {"Paused": "(Paused)" in self.status[number]}}
        self.asked.append(f"{what} {number}")
        if f"{what} {number}" in self.refuses:
            raise OSError(f"{method} {path}: 500 refused")
        self.status[number] = "Up (Paused)" if what == "pause" else "Up (health: starting)"
        return None


@pytest.fixture
def program(tmp_path: Path) -> ModuleType:
    """The role's program, its marks in a folder of the test's."""
    loader = importlib.machinery.SourceFileLoader("idc_health", str(ROOT / "roles/engine/files/idc-health"))
    spec = importlib.util.spec_from_loader("idc_health", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    module.PAUSED = tmp_path / "paused"  # type: ignore[attr-defined]
    return module


def run(program: ModuleType, engine: Engine) -> int:
    program.ask = engine.ask  # type: ignore[attr-defined]
    code: int = program.main()
    return code


def test_every_container_with_a_health_check_is_looked_at_again(program: ModuleType) -> None:
    engine = Engine(a="Up 3 minutes (healthy)", b="Up 2 seconds (health: starting)", c="Up 1 hour", d="Up (unhealthy)")
    assert run(program, engine) == 0
    assert engine.asked == ["pause a", "unpause a", "pause b", "unpause b", "pause d", "unpause d"]
    assert not list(program.PAUSED.iterdir())


def test_what_somebody_else_has_paused_stays_paused(program: ModuleType) -> None:
    engine = Engine(a="Up 3 minutes (Paused)")
    assert run(program, engine) == 0
    assert engine.asked == []


def test_one_that_was_paused_between_the_looks_stays_paused(program: ModuleType) -> None:
    engine = Engine(a="Up 3 minutes (healthy)")
    engine.refuses = {"pause a"}
    assert run(program, engine) == 1
    assert engine.asked == ["pause a"]
    assert not list(program.PAUSED.iterdir())


def test_a_run_that_died_or_failed_is_made_up_for_by_the_next(program: ModuleType) -> None:
    engine = Engine(a="Up (healthy)", b="Up (healthy)")
    engine.refuses = {"unpause a"}
    assert run(program, engine) == 1
    assert [mark.name for mark in program.PAUSED.iterdir()] == ["a"]
    engine.refuses = set()
    assert run(program, engine) == 0
    assert "Paused" not in engine.status["a"]
    assert not list(program.PAUSED.iterdir())


def test_a_mark_of_a_container_that_is_gone_is_forgotten(program: ModuleType) -> None:
    program.PAUSED.mkdir()
    (program.PAUSED / "gone").touch()
    assert run(program, Engine()) == 0
    assert not list(program.PAUSED.iterdir())


def test_an_engine_that_sees_to_it_itself_is_left_alone(program: ModuleType) -> None:
    engine = Engine(a="Up (healthy)")
    engine.version = "23.0.1"
    assert run(program, engine) == 0
    assert engine.asked == []
