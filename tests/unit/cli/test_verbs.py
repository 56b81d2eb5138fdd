"""What holds for every verb: it explains itself, and says what is wrong with its input as text and as one document."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from idc.cli import VERBS, main

# What a verb wants before its centre folder.
BEFORE = {
    "isolate": ["tax"],
    "lab": ["up"],
    "retire": ["tax"],
    "init": ["new-folder"],
    "why": ["internet", "service/edge"],
    "reach": ["internet"],
}


@pytest.fixture(autouse=True)
def no_stations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A verb that went on in spite of its input finds no centre of this machine."""
    monkeypatch.setenv("IDC_STATIONS", str(tmp_path / "stations"))


@pytest.fixture(params=["missing", "empty", "broken"])
def bad_folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """No centre folder: it is not there, holds nothing, or holds a declaration that is none."""
    folder = tmp_path / "centre"
    if request.param != "missing":
        folder.mkdir()
    if request.param == "broken":
        (folder / "centre.yaml").write_text("format: 1\ncentre: [\n", encoding="utf-8")
    return folder


def failed(capfd: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The one document on standard output, beside words on standard error that are no traceback."""
    out, err = capfd.readouterr()
    assert "Traceback (most recent call last)" not in err
    assert err.strip()
    document: dict[str, Any] = json.loads(out)
    assert document["ok"] is False
    assert document["error"]
    assert document["hint"] or all(problem["message"] for problem in document["problems"])
    return document


@pytest.mark.parametrize("verb", VERBS)
def test_help_has_an_example_of_the_verb(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([verb, "--help"])
    assert f"idc {verb}" in capsys.readouterr().out.partition("example: ")[2]


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in ("init", "test")])
def test_a_bad_centre_folder_is_one_document(verb: str, bad_folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main([verb, *BEFORE.get(verb, []), str(bad_folder), "--json"]) == 2
    assert "problems" in failed(capfd)


def test_a_folder_that_holds_something_is_no_place_for_a_new_centre(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").touch()
    assert main(["init", str(tmp_path), "--name", "city", "--json"]) == 2
    assert "notes.txt" in failed(capfd)["error"]


@pytest.mark.live  # a run of tests within one
def test_tests_that_are_not_there_are_one_document(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["test", "--fast", "--json", "--", "tests/no_such_test.py"]) == 2
    failed(capfd)


@pytest.mark.live  # a run of tests within one
@pytest.mark.parametrize(
    ("text", "broken"),
    [("def test_it(): assert False", ["::test_it"]), ("import no_such_module", ["::"])],
    ids=["a test that fails", "a file that cannot be read"],
)
def test_a_failed_test_is_a_finding_and_named(
    text: str, broken: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "test_one.py").write_text(text + "\n", encoding="utf-8")
    assert main(["test", "--fast", "--json", "--", str(tmp_path / "test_one.py")]) == 1
    document = failed(capfd)
    assert document["failures"] + document["errors"] == len(document["failed"]) == 1
    assert all(part in name for part, name in zip(broken, document["failed"], strict=True))


@pytest.mark.parametrize("verb", VERBS)
def test_a_bad_option_is_one_document(verb: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main([verb, *BEFORE.get(verb, []), "--no-such-option", "--json"]) == 2
    document = failed(capfd)
    assert document["error"] == f"`idc {verb}` does not take '--no-such-option'"
    assert f"idc {verb} --help" in document["hint"]


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["plann"], "did you mean `idc plan`?"),
        (["xyzzy"], "`idc --help` lists the verbs"),
        (["plan", "--markdwon"], "did you mean `--markdown`?"),
        (["plan", "--mark"], "did you mean `--markdown`?"),  # nothing is guessed from a beginning
        (["--markdown", "plan"], "options come after the verb: `idc plan … --markdown`"),
        (["lab", "sideways"], "`idc lab --help` shows what it takes"),
        (["isolate"], "`idc isolate --help` shows what it takes"),
        (["why", "internet"], "`idc why internet tenant/tax/site/file`"),
        (["why", "internet", "host/web-1", "--since", "1h"], "`idc why --denied TENANT --since 1h`"),
        (["why", "--denied", "tax", "centres", "443/tcp"], "as `idc why --denied tax --since 1h my-city`"),
        (["why", "--denied", "taxx", "centres/reference"], "did you mean `tax`?"),
        ([], "`idc --help` shows what it takes"),
    ],
    ids=" ".join,
)
def test_a_slip_of_the_pen_is_answered_with_what_was_meant(
    words: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.endswith(f"\n  hint: {hint}\n")


def test_what_follows_two_hyphens_asks_for_no_document(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["test", "--fast", "--nonsense", "--", "--json"]) == 2
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("as_json", [True, False])
def test_ctrl_c_is_answered_like_any_error(
    as_json: bool, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("idc.cli.plan.centre_folders", interrupted)
    assert main(["plan", *(["--json"] if as_json else [])]) == 130
    if as_json:
        assert "the same command" in failed(capfd)["hint"]
    else:
        words = "error: interrupted\n  hint: nothing is lost, the same command goes on from here\n"
        assert capfd.readouterr().err == words


@pytest.mark.parametrize("place", ["missing/x.svg", ".", "x" * 300])
def test_a_picture_that_cannot_be_written_is_a_usage_error(
    place: str, root: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    centre = root / "centres" / "small" / "extranet"
    assert main(["graph", str(centre), "-o", str(tmp_path / place), "--json"]) == 2
    assert "cannot write" in failed(capfd)["error"]


def test_a_name_that_no_folder_can_have_is_a_usage_error(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "x" * 300, "--json"]) == 2
    assert "cannot read" in failed(capfd)["error"]


def test_the_program_itself_keeps_standard_output_for_the_document(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "idc", "status", "/no/such/folder", "--json"],
        cwd=root, env={"PYTHONPATH": str(root / "src")}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert json.loads(done.stdout)["ok"] is False
