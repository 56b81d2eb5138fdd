"""The tests of a verification run in one child: each kind of end has its verdict, and only looking makes one hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from idc.live import verify
from idc.live.probe import Verdict
from idc.live.report import Check
from idc.plan import codec
from tests.unit.live.plans import PLAN

TESTS = '''"""Try-outs."""
import pytest
from idc.live.suite import Checks, control

@control("8.1.3.2 a")
def test_holds(plan, checks):
    """A thing holds."""
    checks.equal("plan", "its centre", plan.centre, "small")

def test_finds_two(checks):
    checks.that(False, "one", "is wrong")
    checks.that(True, "two", "")
    checks.same("here", ["a"], ["b"], kind="thing")

def test_reads(snapshot, checks):
    """Reads."""
    checks.that(snapshot.xfrm.value == "", "xfrm", "is there")

def test_plain_assert():
    assert 1 == 2, "one is not two"

def test_skips():
    pytest.skip("no time")

@pytest.mark.xfail(strict=False)
def test_expects_to_fail():
    assert False

def test_breaks():
    raise KeyError("oops")

def test_looks_at_nothing(checks):
    pass

def test_does_not_apply(checks):
    checks.not_applicable("no such thing")
'''


def run(folder: Path, text: str) -> dict[str, Check]:
    suite = folder / "suite"
    suite.mkdir()
    (suite / "test_try.py").write_text(text)
    document = {
        "began": 1.0, "ended": 2.0, "kernel": "6.1", "expected": {"error": "none"},
        "parts": {"xfrm": {"out": ""}},
    }  # fmt: skip
    context = {
        "paths": [str(suite)], "hosts": [], "ssh_config": "", "station": "00000000", "files": {},
        "snapshots": {"core-1": document, "edge-1": {**document, "parts": {}}, "web-1": document},
        "unreachable": {"web-2": "web-2: does not answer"}, "this_machine": None,
    }  # fmt: skip
    (folder / "pytest.ini").write_text(verify._INI)
    (folder / "plan.json").write_text(codec.dumps(PLAN))
    (folder / "context.json").write_text(json.dumps(context))
    return {check.id: check for check in verify._run_suite(folder)}


@pytest.fixture(scope="module")
def checks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Check]:
    return run(tmp_path_factory.mktemp("suite"), TESTS)


def test_a_test_that_looked_holds_with_its_title_count_and_control(checks: dict[str, Check]) -> None:
    held = checks["try/holds"]
    assert (held.verdict, held.looked, held.title, held.family, held.control) == (
        Verdict.HELD, 1, "A thing holds", "Try-outs", "8.1.3.2 a",
    )  # fmt: skip


def test_all_findings_of_a_test_are_kept(checks: dict[str, Check]) -> None:
    found = checks["try/finds_two"]
    assert found.verdict is Verdict.BROKEN
    assert found.findings == (
        ("one", "is wrong"),
        ("thing b", "is planned here and is not there"),
        ("thing a", "is there here and nobody declared it"),
    )
    assert found.looked == 4


def test_each_host_has_its_own_verdict_and_an_unread_one_is_unknown(checks: dict[str, Check]) -> None:
    found = {name: checks[f"try/reads[{name}]"] for name in ("core-1", "edge-1", "web-1", "web-2")}
    assert {name: check.verdict for name, check in found.items()} == {
        "core-1": Verdict.HELD, "edge-1": Verdict.UNKNOWN, "web-1": Verdict.HELD, "web-2": Verdict.UNKNOWN,
    }  # fmt: skip
    assert found["web-2"].words == "web-2: does not answer"
    assert {check.host for check in found.values()} == set(found)


def test_a_plain_assertion_is_a_finding_in_its_own_words(checks: dict[str, Check]) -> None:
    assert checks["try/plain_assert"].verdict is Verdict.BROKEN
    assert checks["try/plain_assert"].words.startswith("one is not two")


@pytest.mark.parametrize("name", ["skips", "expects_to_fail", "breaks", "looks_at_nothing"])
def test_what_did_not_look_is_unknown(checks: dict[str, Check], name: str) -> None:
    assert checks[f"try/{name}"].verdict is Verdict.UNKNOWN
    assert checks[f"try/{name}"].words


def test_what_does_not_apply_says_so(checks: dict[str, Check]) -> None:
    assert checks["try/does_not_apply"].verdict is None
    assert checks["try/does_not_apply"].words == "no such thing"


def test_tests_that_cannot_be_read_are_unknown(tmp_path: Path) -> None:
    found = run(tmp_path, "import no_such_module\n")
    assert Verdict.UNKNOWN in {check.verdict for check in found.values()}
    assert Verdict.HELD not in {check.verdict for check in found.values()}


def test_no_tests_at_all_are_unknown(tmp_path: Path) -> None:
    assert [check.verdict for check in run(tmp_path, "").values()] == [Verdict.UNKNOWN]
