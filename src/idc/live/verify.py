"""Proves a running centre: one snapshot a host, tests over them and over the hosts themselves, and real packets.

The tests run in one child process while the packets fly. What does not come back in time is unknown.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol

from idc import paths
from idc.errors import EngineError
from idc.live import prober
from idc.live.probe import Outcome, Verdict
from idc.live.probes import choose, not_placed
from idc.live.reach import HERE, Way
from idc.live.report import Check, Report
from idc.live.settle import settle
from idc.live.snapshot import Snapshot
from idc.live.take import Taken, take
from idc.plan import codec
from idc.plan.types import Plan
from idc.render.host_files import host_files

SUITE: Final = "tests/live/verify"
SUITE_DEADLINE: Final = 300.0

_INI: Final = "[pytest]\nmarkers =\n    live: needs hosts\n"

Say = Callable[[str], None]
Judge = Callable[[Plan, Mapping[str, Snapshot]], Iterable[Check]]


class Station(Protocol):
    """What a verification needs of ``idc.engine.station.Station``."""

    @property
    def folder(self) -> Path:
        """The station's folder."""
        ...

    @property
    def id(self) -> str:
        """Label of all that was made from here."""
        ...

    @property
    def ssh_config(self) -> Path:
        """For ``ssh -F``."""
        ...


def run(
    station: Station,
    hosts: Way,
    plan: Plan,
    *,
    packets: bool = True,
    progress: Say = lambda _: None,
    extra: Sequence[Path] = (),
    judges: Sequence[Judge] = (),
) -> Report:
    """Verify a centre against its plan and leave the evidence in the station's folder.

    ``packets=False`` sends nothing. ``extra`` are folders of more tests (a centre's own), in which every
    ``test_*.py`` must be readable as tests. ``judges`` look at all snapshots of hosts together.
    """
    began, spent = datetime.now(UTC), _Spent()
    lab = any(host.is_lab for host in plan.hosts)
    with spent("snapshots"):
        taken = take(hosts, plan, [*plan.host_by_name, *([HERE] if lab else [])])
        taken = settle(plan, taken, lambda names: take(hosts, plan, names), progress=progress)
    read = {name: entry for name, entry in taken.items() if isinstance(entry, Taken)}
    lost = {name: entry.message for name, entry in taken.items() if isinstance(entry, EngineError)}
    progress(f"{len(read)} snapshots" + "".join(f"; {name or 'this machine'}: {words}" for name, words in lost.items()))
    chosen = choose(plan)
    with ThreadPoolExecutor(max_workers=1) as pool:
        tests = pool.submit(_tests, station, plan, read, lost, extra, spent)
        with spent("packets"):
            outcomes = prober.run(hosts, chosen.probes, progress=progress) if packets else []
        checks = tests.result()
    with spent("judged"):
        seen = {name: entry.snapshot for name, entry in read.items() if name != HERE}
        checks += [check for judge in judges for check in judge(plan, seen)]
    report = Report(
        centre=plan.id,
        began=began.isoformat(timespec="seconds"),
        plan=codec.digest(plan),
        checks=tuple(checks),
        outcomes=tuple(outcomes),
        not_assessed=tuple(_not_assessed(plan, packets)),
        durations=spent.seconds,
        snapshots={name or "this machine": _digest(entry.document) for name, entry in sorted(read.items())},
        packets=packets,
        demanded=chosen.demanded,
        absent=chosen.absent,
    )
    _keep(station, report, read, began)
    progress(f"{len(report.checks)} tests, {_count(report.outcomes)}")
    return report


def _count(outcomes: Sequence[Outcome]) -> str:
    held = sum(1 for outcome in outcomes if outcome.verdict is Verdict.HELD)
    return f"{held} of {len(outcomes)} packets and requests as they must be"


class _Spent:
    """Seconds of each part."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = time.monotonic() - began


def _not_assessed(plan: Plan, packets: bool) -> Iterator[str]:
    if any(host.is_lab for host in plan.hosts):
        yield "physical isolation from other fabrics: this is a lab, its hosts share one kernel with all else here"
    if packets:
        yield from not_placed(plan)
    else:
        yield "what passes and what is blocked: no packet was sent"


# -- tests -----------------------------------------------------------------------------------------------------------


def _tests(
    station: Station,
    plan: Plan,
    read: Mapping[str, Taken],
    lost: Mapping[str, str],
    where: Sequence[Path],
    spent: _Spent,
) -> list[Check]:
    with spent("tests"), tempfile.TemporaryDirectory(prefix="idc-verify-") as name:
        folder = Path(name)
        names = [host.name for host in plan.hosts if host.name in read]
        context = {
            "paths": [str(_copy_of_suite(folder)), *(str(path) for path in where if any(path.rglob("test_*.py")))],
            "own": [str(path) for path in where],
            "hosts": names,
            "ssh_config": str(station.ssh_config),
            "station": station.id,
            "snapshots": {name: read[name].document for name in names},
            "unreachable": dict(lost),
            "this_machine": read[HERE].document if HERE in read else None,
            "files": {
                host.name: {
                    path: hashlib.sha256(text.encode()).hexdigest()
                    for path, text in host_files(plan, host.name).items()
                }
                for host in plan.hosts
            },
        }
        (folder / "pytest.ini").write_text(_INI)
        (folder / "plan.json").write_text(codec.dumps(plan))
        (folder / "context.json").write_text(json.dumps(context))
        return _run_suite(folder)


def _copy_of_suite(folder: Path) -> Path:
    """The tests beside their context: where they come from, they stand among tests of the project itself."""
    suite = folder / "suite"
    suite.mkdir()
    for file in sorted((paths.resources() / SUITE).glob("test_*.py")):
        shutil.copy(file, suite)
    return suite


def _run_suite(folder: Path) -> list[Check]:
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    source = str(Path(__file__).resolve().parents[2])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [source, environment.get("PYTHONPATH", "")]))
    process = subprocess.Popen(
        [sys.executable, "-m", "idc.live.suite", str(folder)],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=SUITE_DEADLINE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        process.communicate()
        return [_unknown(f"the tests did not end within {SUITE_DEADLINE:.0f} s")]
    except BaseException:
        os.killpg(process.pid, 9)
        process.communicate()
        raise
    results = folder / "results.json"
    if not results.exists():
        words = output.decode(errors="replace").strip().splitlines()
        return [_unknown(f"the tests did not run: {words[-1] if words else f'exit {process.returncode}'}")]
    document = json.loads(results.read_text())
    checks = [_check(entry) for entry in document["results"]]
    if document["code"] not in (0, 1) or not checks:
        checks.append(_unknown(f"pytest ended with code {document['code']} after {len(checks)} tests"))
    return checks


def _unknown(words: str) -> Check:
    return Check("suite", "The tests themselves", "the tests run to their end", "", Verdict.UNKNOWN, 0, words)


def _check(entry: Mapping[str, Any]) -> Check:
    verdict = entry["verdict"]
    return Check(
        id=entry["id"],
        family=entry["family"],
        title=entry["title"],
        host=entry["host"],
        verdict=None if verdict == "not applicable" else Verdict(verdict),
        looked=entry["looked"],
        words=entry["words"],
        findings=tuple((subject, words) for subject, words in entry["findings"]),
        control=entry["control"],
        seconds=entry["seconds"],
    )


# -- evidence --------------------------------------------------------------------------------------------------------


def _digest(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def _keep(station: Station, report: Report, read: Mapping[str, Taken], began: datetime) -> None:
    """The report, and the snapshots that it rests on (the last ones), for nobody's eyes but the station's."""
    stamp = began.strftime("%Y%m%dT%H%M%SZ")
    _write(station.folder / "evidence" / f"verify-{stamp}.json", report.to_document())
    for name, entry in read.items():
        _write(station.folder / "snapshots" / f"{name or 'this-machine'}.json", entry.document)


def _write(path: Path, document: Mapping[str, Any]) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(document, file, ensure_ascii=False)
    beside.rename(path)
