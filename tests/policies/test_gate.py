"""The gate on a real station and centre folder: refused before anything is changed; old findings stop nobody else."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from idc.engine.images import image_names
from idc.errors import InputError, RefusedError
from idc.operate import context, gate
from idc.operate.context import Work
from tests.conftest import ROOT

IDS = {image: f"sha256:{number:064x}" for number, image in enumerate(image_names(), 1)}
WAIVERS = """format: 1
waivers:
  - {policy: POLICY, scope: tenant/tax, reason: until the new image, approver: li-na, until: DAY}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IDC_STATIONS", str(tmp_path / "stations"))
    copy = tmp_path / "extranet"
    shutil.copytree(ROOT / "centres" / "reference" / "extranet", copy)
    context.make_station(copy, as_lab=True)
    return copy


def work(folder: Path, *, root: str = "") -> Work:
    """The work on the centre; the named container of its plan runs as root."""
    made = context.need(folder, ids=IDS)
    containers = tuple(replace(c, user="0:0") if c.name == root else c for c in made.whole.containers)
    return replace(made, whole=replace(made.whole, containers=containers))


def applied(folder: Path, *, root: str = "") -> None:
    """As after an `up`."""
    made = work(folder, root=root)
    made.record_allocation()
    made.record_applied()
    gate.record(made)


def test_a_finding_refuses_and_names_its_witness(folder: Path) -> None:
    with pytest.raises(RefusedError, match=r"\[hardening.user\] container tax-www-web-a runs as '0:0'") as refused:
        gate.refuse_findings(work(folder, root="tax-www-web"))
    assert refused.value.exit_code == 1
    assert not (folder / "locks").exists()


def test_a_good_centre_passes(folder: Path) -> None:
    assert gate.refuse_findings(work(folder)).ok


def test_another_tenant_s_old_finding_does_not_stop_an_urgent_fix(folder: Path) -> None:
    applied(folder, root="tax-www-web")
    tenant = folder / "tenants" / "personnel.yaml"
    tenant.write_text(tenant.read_text().replace("department: ", "department: New "))
    decision = gate.refuse_findings(work(folder, root="tax-www-web"))
    assert [finding.scope for finding in decision.standing] == ["tenant/tax"]
    assert decision.ok


def test_shutting_a_tenant_with_an_old_finding_stops_nobody(folder: Path) -> None:
    applied(folder, root="tax-www-web")
    shut = work(folder, root="tax-www-web").with_isolated(frozenset({"tax"}))
    assert gate.refuse_findings(shut).ok


def test_a_new_finding_stops_beside_an_old_one(folder: Path) -> None:
    applied(folder)
    with pytest.raises(RefusedError, match="nothing was changed"):
        gate.refuse_findings(work(folder, root="tax-www-web"))


def test_touching_what_is_broken_asks_for_mending(folder: Path) -> None:
    applied(folder, root="tax-www-web")
    tenant = folder / "tenants" / "tax.yaml"
    tenant.write_text(tenant.read_text().replace("department: ", "department: New "))
    with pytest.raises(RefusedError, match=r"hardening.user"):
        gate.refuse_findings(work(folder, root="tax-www-web"))


def test_images_that_are_yet_to_be_built_are_named_and_not_refused(folder: Path) -> None:
    made = context.need(folder, ids={})
    decision = gate.foresee(made)
    assert decision.ok
    assert "edge" in decision.yet_to_be_built
    with pytest.raises(RefusedError, match=r"hardening.image"):
        gate.refuse_findings(made)


def _waive(folder: Path, policy: str, day: str) -> None:
    shutil.copy(ROOT / "tests" / "bad_input" / "base" / "people.yaml", folder / "people.yaml")
    (folder / "waivers.yaml").write_text(WAIVERS.replace("POLICY", policy).replace("DAY", day))


def test_a_waiver_of_a_policy_that_is_not_there_is_bad_input(folder: Path) -> None:
    _waive(folder, "hardening.users", "2020-01-01")
    with pytest.raises(InputError) as bad:
        gate.refuse_findings(work(folder))
    (problem,) = bad.value.problems
    assert (problem.line, problem.hint) == (3, "did you mean `hardening.user`?")


def test_an_expired_waiver_waives_nothing(folder: Path) -> None:
    _waive(folder, "hardening.user", "2020-01-01")
    with pytest.raises(RefusedError, match=r"hardening.user"):
        gate.refuse_findings(work(folder, root="tax-www-web"))


def test_what_was_found_is_recorded_with_the_applied_plan(folder: Path) -> None:
    applied(folder, root="tax-www-web")
    record = json.loads((work(folder).station.folder / "applied" / "judged.json").read_text())
    assert [key[0] for key in record["findings"]] == ["hardening.user"]
