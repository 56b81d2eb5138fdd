"""A centre's own policies stop a change at the gate, and are checks of a verification."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from idc.engine.images import image_names
from idc.errors import RefusedError
from idc.live.probe import Verdict
from idc.operate import context, gate, judge_own
from idc.operate.context import Work
from tests.conftest import ROOT

IDS = {image: f"sha256:{number:064x}" for number, image in enumerate(image_names(), 1)}
OWN = """
from idc.policy import Broken, Level, Looked, rule

@rule("custom.long-names", "No host name is long", severity="medium", controls=["8.1.2.1 d"], level=Level.DECLARED)
def long_names(view):
    for file, data in view.document["files"].items():
        for site in data.get("sites", ()):
            yield Looked(len(site["names"]), "names")
            for name in site["names"]:
                if len(name) > LIMIT:
                    yield Broken(f"tenant/{data['tenant']}", name, "is a long name", file)
"""
WAIVERS = """format: 1
waivers:
  - {policy: custom.long-names, scope: tenant/personnel, reason: until the new name, approver: li-na, until: DAY}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IDC_STATIONS", str(tmp_path / "stations"))
    copy = tmp_path / "extranet"
    shutil.copytree(ROOT / "centres" / "reference" / "extranet", copy)
    (copy / "policies").mkdir()
    context.make_station(copy, as_lab=True)
    return copy


def work(folder: Path, limit: int, *, waived: str = "") -> Work:
    (folder / "policies" / "names.py").write_text(OWN.replace("LIMIT", str(limit)))
    if waived:
        shutil.copy(ROOT / "tests" / "bad_input" / "base" / "people.yaml", folder / "people.yaml")
        (folder / "waivers.yaml").write_text(WAIVERS.replace("DAY", waived))
    return context.need(folder, ids=IDS)


def day() -> str:
    import datetime

    return (datetime.datetime.now().astimezone().date() + datetime.timedelta(days=30)).isoformat()


def test_the_gate_refuses_what_an_own_policy_finds(folder: Path) -> None:
    with pytest.raises(RefusedError, match=r"\[custom.long-names\] staff.personnel.city.example is a long name"):
        gate.refuse_findings(work(folder, 26))


def test_a_plan_shows_it_without_a_station_too(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    work(folder, 26)
    monkeypatch.setenv("IDC_STATIONS", str(tmp_path / "none"))
    decision = gate.foresee(context.load(folder, ids=IDS))
    assert [finding.policy for finding in decision.blocking] == ["custom.long-names"]


def test_a_kept_own_policy_is_counted_and_stops_nothing(folder: Path) -> None:
    without = gate.refuse_findings(context.need(folder, ids=IDS))
    decision = gate.refuse_findings(work(folder, 60))
    assert decision.ok
    assert decision.verdict.judged == without.verdict.judged + 1
    assert "2 names" in {passed.policy: passed.looked_at for passed in decision.verdict.passed}["custom.long-names"]


def test_an_own_policy_can_be_waived(folder: Path) -> None:
    decision = gate.refuse_findings(work(folder, 26, waived=day()))
    assert [finding.policy for finding, _ in decision.waived] == ["custom.long-names"]


def test_one_that_cannot_be_loaded_stops_the_change(folder: Path) -> None:
    made = work(folder, 60)
    (folder / "policies" / "names.py").write_text("import requests\n")
    with pytest.raises(RefusedError, match=r"\[custom.names\] policies/names.py cannot be judged: No module named"):
        gate.refuse_findings(made)


@pytest.mark.parametrize(
    ("limit", "waived", "verdict"), [(60, False, Verdict.HELD), (26, False, Verdict.BROKEN), (26, True, Verdict.HELD)]
)
def test_a_verification_has_a_check_for_each(folder: Path, limit: int, waived: bool, verdict: Verdict) -> None:
    made = work(folder, limit, waived=day() if waived else "")
    (check,) = judge_own.checks(folder)(made.plan, {})
    assert (check.id, check.verdict, check.title) == ("policy/custom.long-names", verdict, "No host name is long")
    assert ("waived until" in check.words) is waived


def test_in_a_verification_what_cannot_be_judged_is_unknown(folder: Path) -> None:
    made = work(folder, 60)
    (folder / "policies" / "names.py").write_text("x = 1\n")
    assert [check.verdict for check in judge_own.checks(folder)(made.plan, {})] == [Verdict.UNKNOWN]
    (folder / "centre.yaml").write_text("nonsense")
    assert [check.verdict for check in judge_own.checks(folder)(made.plan, {})] == [Verdict.UNKNOWN]


def test_a_centre_without_own_policies_has_no_check(folder: Path) -> None:
    assert list(judge_own.checks(folder)(context.need(folder, ids=IDS).plan, {})) == []
    assert list(judge_own.checks(None)(context.need(folder, ids=IDS).plan, {})) == []
