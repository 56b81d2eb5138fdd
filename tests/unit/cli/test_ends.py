"""How a command ends when something goes wrong that nobody expected, or another run is in the way."""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import tempfile
from pathlib import Path

import pytest

from idc import cli
from idc.cli import graph, test
from idc.engine import machine
from idc.engine.alone import alone
from idc.errors import BusyError

UNEXPECTED = [
    OSError(28, "No space left on device"),
    ValueError("odd"),
    KeyError("Names"),
    subprocess.TimeoutExpired(["git"], 10),
]


@pytest.fixture
def broken(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Exception:
    error: Exception = request.param

    def fail(_: argparse.Namespace) -> int:
        raise error

    monkeypatch.setattr(graph, "run", fail)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return error


@pytest.mark.parametrize("broken", UNEXPECTED, indirect=True)
def test_what_nobody_expected_is_one_line_and_its_traceback_a_file(
    broken: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["graph"]) == 3
    said = capsys.readouterr().err
    assert said.startswith(f"error: unexpected {type(broken).__name__}: ")
    assert "Traceback" not in said
    found = re.search(r"the details are in (\S+):", said)
    assert found
    kept = Path(found.group(1))
    assert "Traceback" in kept.read_text()
    assert kept.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("broken", UNEXPECTED[:1], indirect=True)
def test_as_json_it_is_one_document(broken: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["graph", "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["ok"] is False


@pytest.mark.parametrize("broken", UNEXPECTED[:1], indirect=True)
def test_with_no_place_for_a_file_the_line_says_where_it_happened(
    broken: Exception, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/none")
    assert cli.main(["graph"]) == 3
    assert "test_ends.py:" in capsys.readouterr().err


def test_a_second_full_test_run_refuses_and_names_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(test, "LOCK", tmp_path / "lock")
    monkeypatch.setattr(machine, "ensure", lambda *_, **__: pytest.fail("the engine was touched"))
    with alone(tmp_path / "lock", 0, BusyError):
        assert cli.main(["test"]) == 3
    assert f"pid {os.getpid()}, since" in capsys.readouterr().err
