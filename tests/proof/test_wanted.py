"""Denied packets as entries of a declaration, judged by the law."""

from __future__ import annotations

import datetime
import os
import subprocess
from datetime import UTC, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
import yaml

from idc import model
from idc.engine.station import Station
from idc.errors import EngineError
from idc.live.denials import Denial
from idc.model import Declaration
from idc.operate import denied
from idc.operate.denied import Logs
from idc.plan import make
from idc.plan.lock import Lock
from idc.plan.types import Plan
from idc.proof.wanted import Wanted, judged, wanted
from idc.report import denied as shown
from tests.conftest import ROOT

TODAY = datetime.date(2026, 6, 1)
NOON = datetime.datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def declared() -> tuple[Declaration, Plan]:
    declaration = model.load(ROOT / "centres" / "small" / "extranet", today=TODAY)
    return declaration, make(declaration, Lock(), {}, today=TODAY)[0]


def denial(source: str, destination: str, port: int = 443, protocol: str = "tcp", **more: object) -> Denial:
    known: dict[str, object] = {
        "at": NOON, "log": "web-1", "chain": "forward", "source_port": 40000, "link_in": "", "link_out": "",
        "begins": True, **more,
    }  # fmt: skip
    ends = {"source": ip_address(source), "destination": ip_address(destination)}
    return Denial(**known, **ends, port=port, protocol=protocol)  # type: ignore[arg-type]


def address(plan: Plan, name: str) -> str:
    return str(plan.container_by_name[name].address())


def outside(plan: Plan) -> str:
    """An address of the users' network."""
    fabric = next(i for h in plan.hosts for i in h.interfaces if i.role.value == "fabric")
    return str(fabric.address.network[200])


def answered(declared: tuple[Declaration, Plan], *denials: Denial) -> list[Wanted]:
    declaration, plan = declared
    return list(judged(wanted(plan, "permits", denials), declaration, Lock(), "permits"))


def test_a_call_to_outside_is_ready_egress_counted_with_its_times(declared: tuple[Declaration, Plan]) -> None:
    plan = declared[1]
    ends = address(plan, "permits-file-app"), outside(plan)
    later = denial(*ends, at=NOON + timedelta(minutes=5), log="edge-1")
    (kind,) = answered(declared, denial(*ends), later, denial(address(plan, "library-www-web"), outside(plan)))
    assert (kind.source, kind.destination, kind.egress) == ("tenant/permits/site/file", ends[1], True)
    assert (kind.count, kind.first, kind.last, kind.logs) == (2, NOON, later.at, ("edge-1", "web-1"))
    assert kind.refused == ""
    text = shown.yaml("permits", [kind], Logs((), ("web-1", "edge-1")), "1h")
    assert yaml.safe_load(text) == {"egress": [{"to": ends[1], "port": "443/tcp", "why": "", "until": None}]}
    assert "2 times, 2026-06-01 12:00:00 UTC to 2026-06-01 12:05:00 UTC, in the log of edge-1, web-1" in text
    assert "# for tenants/permits.yaml" in text


def test_a_call_from_elsewhere_is_a_flow_of_the_centre(declared: tuple[Declaration, Plan]) -> None:
    plan = declared[1]
    edge = next(c for c in plan.containers if c.owner == "service/edge")
    (kind,) = answered(declared, denial(str(edge.address()), address(plan, "permits-file-app"), 9090))
    assert not kind.egress
    text = shown.yaml("permits", [kind], Logs((), ("web-1",)), "1h")
    (entry,) = yaml.safe_load(text)["flows"]
    assert (entry["from"], entry["to"], entry["port"]) == ("service/edge", "tenant/permits/site/file", "9090/tcp")


def test_what_the_law_refuses_is_a_comment_with_the_reason(declared: tuple[Declaration, Plan]) -> None:
    plan = declared[1]
    (kind,) = answered(
        declared, denial(address(plan, "permits-file-app"), address(plan, "library-www-web"), 8080)
    )  # fmt: skip
    assert "tenant permits reaches tenant library" in kind.refused
    text = shown.yaml("permits", [kind], Logs((), ("web-1",)), "1h")
    assert yaml.safe_load(text) is None
    assert "refused: " in text


@pytest.mark.parametrize(
    ("container", "more", "why"),
    [
        ("permits-file-app", {"protocol": "icmp", "port": 0}, "flows are of TCP and UDP"),
        ("permits-file-app", {"chain": "spoofed"}, "not of the link"),
        ("permits-file-app", {"begins": False}, "had begun before"),
        ("permits-file-database", {}, "a database, which calls nobody"),
    ],
)
def test_what_no_flow_lets_through_says_why(
    declared: tuple[Declaration, Plan], container: str, more: dict[str, object], why: str
) -> None:
    plan = declared[1]
    (kind,) = answered(declared, denial(address(plan, container), outside(plan), **more))  # type: ignore[arg-type]
    assert why in kind.refused


def test_what_a_site_asks_its_own_host_is_refused_by_planning(declared: tuple[Declaration, Plan]) -> None:
    plan = declared[1]
    app = plan.container_by_name["permits-file-app"]
    gateway = str(plan.segment_by_name[app.segment].gateway)
    (kind,) = answered(declared, denial(str(app.address()), gateway, 53, "udp", chain="input"))
    assert kind.destination == f"host/{app.host}"
    assert "its own host" in kind.refused


def test_nothing_denied_says_whose_logs_were_read_and_what_was_not() -> None:
    text = shown.yaml("permits", [], Logs((), ("web-1",), ("web-2: did not answer",), ("reaches back to noon",)), "1h")
    assert yaml.safe_load(text) is None
    for words in ("by the log of web-1", "NOT READ, so that more may have been denied: web-2", "reaches back to noon"):
        assert words in text


@pytest.fixture
def switch(tmp_path: Path) -> Path:
    file = tmp_path / "nf_log_all_netns"
    file.write_text("0\n")
    return file


def test_a_lab_whose_denials_the_kernel_does_not_log_is_not_called_quiet(
    declared: tuple[Declaration, Plan], switch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in (switch, tmp_path / "there-is-none"):
        logs = denied.of_lab(timedelta(hours=1), file)
        assert not logs.read
        assert "nf_log_all_netns is 0" in logs.unread[0]
    monkeypatch.setattr(denied, "of_lab", lambda _: logs)
    station = object.__new__(Station)  # no host of a lab is asked
    with pytest.raises(EngineError, match="it is not known what was denied") as failure:
        denied.read(station, declared[1], timedelta(hours=1))
    assert "sysctl -w net.netfilter.nf_log_all_netns=1" in failure.value.hint


@pytest.mark.parametrize(
    ("journal", "code", "words"),
    [
        ("exit 0", 3, "no line of the kernel is in its journal"),  # a host without a journal
        ('case "$*" in *--grep*) exit 1;; *) echo "{}";; esac', 0, ""),  # nothing matches
        ('case "$*" in *--grep*) echo cut >&2; exit 2;; *) echo "{}";; esac', 1, "cut"),
        ('echo "{}"; [[ "$*" != *--grep* || "$*" == *--since=-7200s* ]]', 0, ""),
    ],
)
def test_a_host_whose_journal_cannot_tell_says_so(tmp_path: Path, journal: str, code: int, words: str) -> None:
    program = tmp_path / "journalctl"
    program.write_text(f"#!/bin/bash\n{journal}\n")
    program.chmod(0o755)
    script = ["bash", "--norc", "-euo", "pipefail", "-c", denied.command(timedelta(hours=2))]
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(script, env={"PATH": path}, capture_output=True, text=True, check=False)
    assert (done.returncode != 0) is (code != 0)
    assert words in done.stderr
