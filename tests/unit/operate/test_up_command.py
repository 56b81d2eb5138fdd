"""`idc up` of several centres: all are read and planned before one is touched, and none is lost for another's sake."""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from idc.cli import up as command
from idc.errors import EngineError, InputError, Problem, RefusedError
from idc.live.probe import Verdict
from idc.live.report import Finding
from idc.operate import outcome, up
from idc.operate.outcome import CentreOutcome

FINDING = Finding(
    "other-host/1", "tenant to tenant", "web-1", "tax-www -> parks-www tcp/8080", "it passed", Verdict.BROKEN,
    hops=("web-1 br-1", "web-2 br-2"),
)  # fmt: skip


def load_as(monkeypatch: pytest.MonkeyPatch, **found: Exception | None) -> None:
    """Have each centre folder load so."""

    def load(folder: Path, **_: object) -> argparse.Namespace:
        if (error := found[folder.name]) is not None:
            raise error
        told = Problem("x/centre.yaml", 7, "it was allowed until 2026-01-01")
        return argparse.Namespace(declaration=argparse.Namespace(expired=(told,)))

    monkeypatch.setattr("idc.operate.context.load", load)


def test_what_is_wrong_with_every_centre_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = Problem("a", 1, "no"), Problem("b", 2, "too much memory")
    load_as(monkeypatch, a=InputError([first]), b=RefusedError("older"), c=InputError([second]))
    with pytest.raises(InputError) as caught:
        command.check([Path("a"), Path("b"), Path("c")], as_lab=False)
    assert caught.value.problems == (first, second)


def test_a_refusal_of_the_second_centre_comes_before_the_first_is_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    load_as(monkeypatch, a=None, b=RefusedError("older than what was applied"))
    with pytest.raises(RefusedError, match="older"):
        command.check([Path("a"), Path("b")], as_lab=False)


@pytest.mark.parametrize(("error", "code"), [(EngineError("hung"), 3), (RefusedError("meanwhile"), 1)])
def test_a_centre_that_fails_in_the_middle_keeps_the_result_of_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, code: int
) -> None:
    monkeypatch.setattr(command, "centre_folders", lambda _: [Path("a"), Path("b")])
    load_as(monkeypatch, a=None, b=None)
    monkeypatch.setattr(up, "prepare", lambda _: (None, {}))

    def run(folder: Path, *_: object, **__: object) -> Any:
        if folder.name == "b":
            raise error
        return argparse.Namespace(failed={})

    monkeypatch.setattr(up, "up", run)
    built = CentreOutcome("a", True, "done", findings=(FINDING,))
    monkeypatch.setattr(outcome, "of", lambda *_: built)
    args = argparse.Namespace(centre=None, lab=False, full=False, image=[], no_verify=True, json=True)
    assert command.run(args) == code
    document = json.loads(capsys.readouterr().out)
    assert [(centre["id"], centre["ok"]) for centre in document["centres"]] == [("a", True), ("b", False)]
    assert [[told["line"] for told in centre["expired"]] for centre in document["centres"]] == [[7], [7]]
    assert document["centres"][0]["findings"][0]["hops"] == ["web-1 br-1", "web-2 br-2"]
    assert document["centres"][0]["findings"][0]["verdict"] == "broken"


def test_up_names_what_the_verification_has_found(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr("idc.cli.common.console", lambda: Console(file=stream, width=150))
    command._show([CentreOutcome("a", False, "done", findings=(FINDING,))], argparse.Namespace(phases=[]))  # type: ignore[arg-type]
    for words in (FINDING.subject, "seen: it passed", "web-1 br-1 > web-2 br-2"):
        assert words in stream.getvalue()
