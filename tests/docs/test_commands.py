"""What the pages let people type and needs no engine is typed here; it must end well and print what the page shows."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from idc.cli import VERBS, main
from tests.conftest import ROOT
from tests.docs.pages import blocks, text_of
from tests.docs.test_pages import commands

WITHOUT_ENGINE = ("plan", "graph", "init")
# Verbs that end with 1 on a centre that was never brought up, and say so; none of them touches anything then.
OF_NOTHING = ("status", "verify", "env")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder like a fresh checkout's root, as the pages' relative names mean it, on a machine without stations."""
    shutil.copytree(ROOT / "centres", tmp_path / "centres", ignore=shutil.ignore_patterns("locks"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IDC_STATIONS", str(tmp_path / "stations"))
    return tmp_path


def typed(*verbs: str) -> list[str]:
    """The pages' commands of these verbs, each once; a new centre's own folder is made where one is named."""
    found = dict.fromkeys(command for _, command in commands())
    return [command for command in found if command.split()[0] in verbs]


def run(command: str, here: Path) -> int:
    words = shlex.split(command)
    named = [word for word in words[1:] if not word.startswith("-")]
    centre = next((word for word in named if word == "my-city" or word.startswith(("centres/", "."))), "")
    if words[0] != "init" and centre == "my-city":
        assert main(["init", "my-city"]) == 0
    if words[0] != "init" and centre == ".":
        assert main(["init", ".new", "--name", "new"]) == 0
        os.chdir(here / ".new")
    return main(words)


def test_there_are_commands_that_need_no_engine() -> None:
    assert {command.split()[0] for command in typed(*WITHOUT_ENGINE)} == set(WITHOUT_ENGINE)


@pytest.mark.parametrize("command", typed(*WITHOUT_ENGINE))
def test_a_command_that_needs_no_engine_does_what_its_page_says(
    command: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command, here) == 0, capsys.readouterr().err
    assert capsys.readouterr().out
    output = re.search(r"-o (\S+)", command)
    assert output is None or (here / output[1]).stat().st_size > 1000


@pytest.mark.parametrize("command", typed(*OF_NOTHING))
def test_what_was_never_brought_up_is_said_to_be_so(
    command: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command, here) == 1
    assert re.search(r"has never been brought up from here\n  hint: `idc up ", capsys.readouterr().err)
    assert not (here / "stations").exists()


def test_the_verbs_that_the_readme_lists_are_those_of_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    shown = capsys.readouterr().out
    listed = dict(re.findall(r"^\| `([a-z]+)` \| (.+) \|$", text_of("README.md"), re.MULTILINE))
    assert list(listed) == list(VERBS) == re.findall(r"^    ([a-z]+) ", shown, re.MULTILINE)
    assert [words.replace("`", "") for words in listed.values()] == [words.replace("`", "") for words in VERBS.values()]


def test_a_new_centre_is_what_the_guide_says(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every file that `init` prints is there, and the command that it names next is one that works."""
    assert main(["init", "my-city"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all((here / line.removeprefix("wrote ")).is_file() for line in lines[:-1])
    assert main(shlex.split(lines[-1].removeprefix("next: idc "))) == 0


def test_the_flow_that_the_readme_shows_is_printed_by_the_command_itself(here: Path) -> None:
    """The README's own steps in a process of its own. Nothing is applied here, so the whole centre is new, and only
    what is of the department alone can be compared; tests/docs/test_examples.py compares every line."""
    example = next(block for block in blocks("yaml") if block.page == "README.md")
    file = here / "centres" / "reference" / "extranet" / "tenants" / "museum.yaml"
    file.write_text(example.text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "idc", "plan"],
        cwd=here, env={**os.environ, "PYTHONPATH": str(ROOT / "src")}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (shown,) = (block.text for block in blocks("text") if block.page == "README.md")
    lines = [
        line
        for line in shown.partition("\nIsolation")[0].splitlines()
        if "museum.city.example" in line or "tenant-museum" in line
    ]
    assert len(lines) == 3
    assert [line for line in lines if line not in done.stdout.splitlines()] == []
