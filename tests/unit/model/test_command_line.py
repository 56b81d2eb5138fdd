"""Every bad input through the command itself: exit code 2, all problems as text and as JSON, and nothing written."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from idc.cli import main
from idc.model.declaration import load
from tests.bad_input import cases

CASES = cases.all_cases()


@pytest.mark.parametrize("case", CASES, ids=[f"{case.source}: {case.name}" for case in CASES])
def test_a_bad_input_ends_plan_with_2_and_writes_nothing(
    case: cases.Case, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDC_STATIONS", str(tmp_path / "stations"))
    # The tables have their own day, and `plan` goes by the machine's.
    monkeypatch.setattr("idc.model.load", lambda folder, **_: load(folder, today=cases.TODAY))
    folder = tmp_path / "centre"
    case.build(folder)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    assert main(["plan", "--json", str(folder)]) == 2

    document = json.loads((shown := capsys.readouterr()).out)
    assert document["ok"] is False
    assert len(document["problems"]) == sum(line.startswith(">") for line in case.expected)
    assert "Traceback" not in shown.err
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def _idc(tmp_path: Path, *words: str | bytes, **more: str) -> subprocess.CompletedProcess[bytes]:
    env = {**os.environ, "IDC_STATIONS": str(tmp_path / "stations"), **more}
    return subprocess.run([sys.executable, "-m", "idc", *words], env=env, capture_output=True, check=False)


def test_a_name_that_is_no_utf8_is_shown_with_escapes(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/caf\xff"
    Path(os.fsdecode(folder)).mkdir()
    (Path(os.fsdecode(folder)) / "centre.yaml").write_text("format: 2\n")
    run = _idc(tmp_path, "plan", "--json", folder)
    assert run.returncode == 2
    assert b"Traceback" not in run.stderr
    assert json.loads(run.stdout)["ok"] is False


@pytest.fixture
def centre(tmp_path: Path, root: Path) -> Path:
    """A sound centre with a name that not every terminal has."""
    folder = tmp_path / "centre"
    shutil.copytree(root / "centres" / "small" / "extranet", folder)
    file = folder / "tenants" / "library.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(re.sub("department: .*", "department: 市博物馆", text), encoding="utf-8")
    return folder


def test_chinese_names_stop_nothing_on_a_terminal_without_them(tmp_path: Path, centre: Path) -> None:
    for words in (["plan"], ["plan", "--markdown"], ["plan", "--json"]):
        run = _idc(tmp_path, *words, str(centre), PYTHONIOENCODING="latin-1")
        assert run.returncode == 0, run.stderr
    assert "市博物馆" in json.dumps(json.loads(run.stdout), ensure_ascii=False)


@pytest.mark.parametrize("words", [["plan"], ["plan", "--markdown"], ["plan", "--json"], ["plan", "--json", "nowhere"]])
def test_a_reader_that_has_seen_enough_is_no_failure(tmp_path: Path, centre: Path, words: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    env = {**os.environ, "IDC_STATIONS": str(tmp_path / "stations")}
    command = [sys.executable, "-m", "idc", *words, *([] if "nowhere" in words else [str(centre)])]
    run = subprocess.run(command, env=env, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (run.returncode, run.stderr) == (0, b"")


def test_the_problems_of_all_centres_are_told_in_one_run(tmp_path: Path, centre: Path) -> None:
    shutil.copytree(centre, tmp_path / "sound")
    folder = tmp_path / "city"
    for name, old, new in (("one", "format: 1", "format: 2"), ("two", "fabric: government-extranet", "fabric: moon")):
        shutil.copytree(centre, folder / name)
        text = (folder / name / "centre.yaml").read_text(encoding="utf-8")
        (folder / name / "centre.yaml").write_text(text.replace(old, new), encoding="utf-8")
    run = _idc(tmp_path, "plan", "--json", str(folder))
    assert run.returncode == 2
    files = [problem["file"] for problem in json.loads(run.stdout)["problems"]]
    assert {Path(file).parent.name for file in files} == {"one", "two"}
    assert f"{folder}/one/centre.yaml:".encode() in run.stderr
    assert f"{folder}/two/centre.yaml:".encode() in run.stderr
