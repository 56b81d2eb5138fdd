"""The test that the security engineer's guide shows does what the guide says, in a verification."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

import pytest

from idc.live import verify
from idc.live.probe import Verdict
from idc.live.report import Check
from idc.operate.verify import own_tests
from idc.plan import codec
from tests.docs.pages import blocks
from tests.unit.live import good

(EXAMPLE,) = [block for block in blocks("python") if block.page == "docs/guides/security-engineer.md"]
SSH = "#!/bin/sh\necho passwordauthentication {}\n"


def container(name: str, labels: dict[str, str]) -> dict[str, object]:
    """As a host's engine shows it."""
    return {
        "Id": name, "Name": f"/{name}", "Image": "sha256:x", "State": {"Running": True, "Status": "running"},
        "Config": {"Labels": labels}, "HostConfig": {}, "Mounts": [],
    }  # fmt: skip


@pytest.fixture
def looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> dict[str, Check]:
    """The example in a centre's `tests/`, run over two hosts whose SSH server and containers are as asked for."""
    passwords, labels = request.param
    centre, run = tmp_path / "centre", tmp_path / "run"
    (centre / "tests").mkdir(parents=True)
    (centre / "tests" / "test_audit.py").write_text(EXAMPLE.text)
    run.mkdir()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "ssh").write_text(SSH.format(passwords))
    (tmp_path / "bin" / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    engine = {"version": "20.10", "containers": [container("web-a", labels)], "networks": [], "volumes": []}
    snapshot = {
        "began": 1.0, "ended": 2.0, "kernel": "6.1", "expected": {"error": ""}, "parts": {"docker": {"out": engine}},
    }  # fmt: skip
    names = [host.name for host in good.PLAN.hosts]
    (folder,) = own_tests(centre)
    context = {
        "paths": [str(folder)], "own": [str(folder)], "hosts": names, "ssh_config": "", "station": good.STATION,
        "snapshots": dict.fromkeys(names, snapshot), "unreachable": {}, "this_machine": None, "files": {},
    }  # fmt: skip
    (run / "pytest.ini").write_text(verify._INI)
    (run / "plan.json").write_text(codec.dumps(good.PLAN))
    (run / "context.json").write_text(json.dumps(context))
    return {check.id: check for check in verify._run_suite(run)}


@pytest.mark.parametrize("looked", [("no", {"idc.owner": "tenant/tax"})], indirect=True)
def test_the_guides_test_holds_on_good_hosts_with_title_family_and_control(looked: dict[str, Check]) -> None:
    assert {check.verdict for check in looked.values()} == {Verdict.HELD}, [asdict(c) for c in looked.values()]
    assert {check.family for check in looked.values()} == {"What our own audit asks of every host"}
    host = looked["centre/audit/no_password_opens_a_host[ssh://web-1]"]
    assert (host.title, host.control, host.host) == ("SSH takes keys only", "8.1.4.2", "web-1")
    assert looked["centre/audit/every_container_has_an_owner[web-1]"].looked == 1
    assert len(looked) == 2 * len(good.PLAN.hosts)


@pytest.mark.parametrize("looked", [("yes", {})], indirect=True)
def test_the_guides_test_finds_what_it_is_for(looked: dict[str, Check]) -> None:
    assert {check.verdict for check in looked.values()} == {Verdict.BROKEN}


def test_a_centre_without_tests_has_none_of_its_own(tmp_path: Path) -> None:
    assert own_tests(tmp_path) == []
