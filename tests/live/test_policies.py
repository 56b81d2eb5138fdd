"""The policy pack on Pulumi's own preview: what idc refuses of a plan, a preview typed by hand refuses too."""

from __future__ import annotations

import copy
import json
import os
import secrets
import subprocess
from collections.abc import Callable
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest

from idc import plan as planning
from idc.engine import toolchain
from idc.engine.pulumi import PulumiRunner, shell_env
from idc.engine.station import Station
from idc.policy import pack
from tests.conftest import ROOT
from tests.policies.reference import plan

ENGINE = "unix:///nowhere/docker.sock"  # a preview asks no engine
STACK = "tenant-tax"
Break = Callable[[dict[str, Any]], None]


def _root(document: dict[str, Any]) -> None:
    document["containers"][0]["user"] = "00:0"


def _socket(document: dict[str, Any]) -> None:
    document["containers"][0]["mounts"][0]["source"] = "/var/run/docker.sock"


def _masquerade(document: dict[str, Any]) -> None:
    document["networks"][0]["masquerade"] = True


def _outside(document: dict[str, Any]) -> None:
    document["networks"][0] |= {"subnet": "192.168.77.0/28", "gateway": "192.168.77.1", "bridge": "br-c0a84d00"}


def _processes(document: dict[str, Any]) -> None:
    document["containers"][0]["pids"] = -1


BROKEN: dict[str, Break] = {
    "hardening.user": _root,
    "mounts.folders": _socket,
    "networks.options": _masquerade,
    "networks.prefix": _outside,
    "limits.resources": _processes,
}


@pytest.fixture
def preview(tmp_path: Path) -> Callable[[dict[str, Any]], subprocess.CompletedProcess[str]]:
    """Type ``pulumi preview --policy-pack policies`` on an input of the stack. Nothing is made on any engine."""
    (tmp_path / "passphrase").write_text(secrets.token_urlsafe(32))
    (tmp_path / "plans").mkdir()
    tools = toolchain.ensure(lambda _: None)

    def run(document: dict[str, Any]) -> subprocess.CompletedProcess[str]:
        for host in document["hosts"].values():
            host["docker_host"] = ENGINE
        (tmp_path / "plans" / f"{STACK}.json").write_text(json.dumps({**document, "station": "00000000"}))
        with PulumiRunner(
            backend=tmp_path / "state", passphrase_file=tmp_path / "passphrase", station=tmp_path, toolchain=tools,
            log_dir=tmp_path / "logs",
        ) as runner:  # fmt: skip
            runner.preview([STACK], parallel=1, deadline=120, on_event=lambda *_: None)  # makes the stack's state
        # A relative path of the caller's own would show the pack the programs' platform.py for Python's.
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        environment = {**inherited, **tools.env(), **shell_env(Station(tmp_path, "test.test", "00000000"))}
        return subprocess.run(
            ["pulumi", "preview", "--stack", STACK, "--policy-pack", "policies", "--non-interactive",
             "--color", "never"],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=180,
        )  # fmt: skip

    return run


def test_a_preview_by_hand_refuses_what_idc_refuses(
    preview: Callable[[dict[str, Any]], subprocess.CompletedProcess[str]],
) -> None:
    good = json.loads(json.dumps(planning.stack_input(plan(), STACK)))
    done = preview(copy.deepcopy(good))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "idc" in done.stdout, "the pack did not run"
    broken = copy.deepcopy(good)
    for break_it in BROKEN.values():
        break_it(broken)
    findings = pack.judge_inputs([broken], IPv4Network(broken["prefix"])).findings
    assert {finding.policy for finding in findings} >= set(BROKEN)
    refused = preview(broken)
    assert refused.returncode != 0
    said = " ".join((refused.stdout + refused.stderr).split())
    assert [str(finding) for finding in findings if str(finding) not in said] == []
