"""``idc env`` says which hosts it could not connect; what it prints serves for the others."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from idc.cli import main
from idc.engine.hosts import Hosts
from idc.errors import Unreachable


@pytest.fixture
def centre(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A centre that was brought up before, and whose tools are there."""
    station = SimpleNamespace(folder=tmp_path)
    work = SimpleNamespace(station=station, plan=SimpleNamespace(hosts=()))
    monkeypatch.setattr("idc.operate.context.as_applied", lambda _: work)
    monkeypatch.setattr("idc.engine.toolchain.ensure", lambda _: SimpleNamespace(env=lambda: {"PATH": "/a b"}))
    monkeypatch.setattr("idc.engine.pulumi.shell_env", lambda _: {})
    monkeypatch.setattr(Hosts, "__init__", lambda *_: None)
    monkeypatch.setattr(Hosts, "keep", lambda *_: None)
    monkeypatch.setattr(Hosts, "close", lambda *_: None)
    return str(root / "centres" / "small" / "extranet")


def unreachable(self: Hosts, names: object = None, deadline: float = 0) -> dict[str, Unreachable]:
    return {"web-1": Unreachable("no answer within 30 s", hint="is it up?", host="web-1")}


def all_answer(self: Hosts, names: object = None, deadline: float = 0) -> dict[str, Unreachable]:
    return {}


def test_a_host_that_does_not_answer_is_named_and_the_exit_code_is_3(
    centre: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Hosts, "connect", unreachable)
    assert main(["env", centre, "--json"]) == 3
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert document["ok"] is False
    assert document["unreachable"] == {"web-1": "no answer within 30 s"}
    assert err == "error: web-1: no answer within 30 s\n  hint: is it up?\n"


def test_the_lines_for_the_shell_are_printed_all_the_same(
    centre: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Hosts, "connect", unreachable)
    assert main(["env", centre]) == 3
    assert "export PATH='/a b'\n" in capsys.readouterr().out


def test_it_is_done_when_all_hosts_answer(
    centre: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Hosts, "connect", all_answer)
    assert main(["env", centre, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True
