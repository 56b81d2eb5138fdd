"""The pytest side of a verification: a plugin with what tests need, run in one child process, one document of results.

    python -m idc.live.suite FOLDER      FOLDER/context.json says what is looked at; FOLDER/results.json is written

A test's docstring is its title, its module's the family, ``@control`` names the clause that it supports. It gets
``plan``, ``snapshot`` (once a host), ``snapshots``, ``this_machine`` and ``checks``, or testinfra's own ``host`` for a
look at the real one.
What is skipped, cannot be read or breaks by itself is unknown: only what was looked at can hold.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

import pytest

from idc.live import parse
from idc.live.snapshot import Snapshot, UnreadError
from idc.plan import codec
from idc.plan.types import Plan

MOST_FINDINGS: Final = 200  # of one test
Test = TypeVar("Test", bound=Callable[..., None])


def control(clause: str) -> Callable[[Test], Test]:
    """Names the clause of GB/T 22239-2019 that a test supports; unverified, as the standard was not seen."""

    def mark(test: Test) -> Test:
        test.control = clause  # type: ignore[attr-defined]
        return test

    return mark


class NotApplicableError(Exception):
    """What is asked does not exist here (a kernel setting in a container, say): no verdict, and the reason is told."""


class FoundError(AssertionError):
    """A test found something."""


@dataclass
class Checks:
    """Collects what one test looked at and what it found, so that the first failure does not hide the others."""

    looked: int = 0
    found: list[tuple[str, str]] = field(default_factory=list)

    def that(self, holds: object, subject: str, words: str) -> None:
        """One thing that must hold; ``words`` say what is wrong if it does not."""
        self.looked += 1
        if not holds:
            self.found.append((subject, words))

    def equal(self, subject: str, what: str, found: object, planned: object) -> None:
        """One thing that must be as planned."""
        self.that(found == planned, subject, f"{what} is {_short(found)}, planned {_short(planned)}")

    def same(self, subject: str, found: Iterable[str], planned: Iterable[str], *, kind: str) -> None:
        """Two lists of names that must be alike: what is missing and what nobody declared are findings of their own."""
        one, other = set(found), set(planned)
        self.looked += len(one | other)
        self.found += [(f"{kind} {name}", f"is planned {subject} and is not there") for name in sorted(other - one)]
        self.found += [(f"{kind} {name}", f"is there {subject} and nobody declared it") for name in sorted(one - other)]

    def nothing(self, words: str) -> None:
        """There is nothing of this kind in the plan, so that nothing can be looked at."""
        self.not_applicable(words)

    def not_applicable(self, words: str) -> NoReturn:
        """Ends the test without a verdict."""
        raise NotApplicableError(words)


def _short(value: object) -> str:
    text = repr(sorted(value)) if isinstance(value, (set, frozenset)) else repr(value)
    return text if len(text) <= 160 else text[:157] + "..."


@dataclass(frozen=True)
class Context:
    """What a run looks at."""

    plan: Plan
    snapshots: Mapping[str, Snapshot]
    unreachable: Mapping[str, str]
    this_machine: Snapshot | None
    station: str
    files: Mapping[str, Mapping[str, str]]  # host -> path -> SHA-256 that it must have
    own: tuple[Path, ...] = ()  # folders of the centre's own tests, whose ids begin with "centre/"

    @staticmethod
    def read(folder: Path) -> Context:
        """The context that ``write`` has put into a folder."""
        document = json.loads((folder / "context.json").read_text())
        machine = document["this_machine"]
        return Context(
            plan=codec.loads((folder / "plan.json").read_text()),
            snapshots={name: parse.snapshot(name, raw) for name, raw in document["snapshots"].items()},
            unreachable=document["unreachable"],
            this_machine=parse.snapshot("this machine", machine) if machine else None,
            station=document["station"],
            files=document["files"],
            own=tuple(Path(folder) for folder in document.get("own", ())),
        )


class Plugin:
    """Fixtures for the tests, and the collector of their results."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.results: list[dict[str, Any]] = []
        self._checks: dict[str, Checks] = {}

    # -- what tests get ----------------------------------------------------------------------------------------------

    @pytest.fixture
    def plan(self) -> Plan:
        """The plan that the centre must be as."""
        return self.context.plan

    @pytest.fixture
    def context_of_run(self) -> Context:
        """Everything at once."""
        return self.context

    @pytest.fixture
    def snapshot(self, request: pytest.FixtureRequest) -> Snapshot:
        """One host's snapshot; the test runs once for each host of the plan."""
        return self._snapshot(request.param)

    @pytest.fixture
    def snapshots(self) -> Mapping[str, Snapshot]:
        """All hosts' snapshots. A host that did not answer makes the test unknown."""
        return {host.name: self._snapshot(host.name) for host in self.context.plan.hosts}

    @pytest.fixture
    def this_machine(self) -> Snapshot:
        """The machine that a lab stands on."""
        if self.context.this_machine is None:
            raise UnreadError("this machine was not read")
        return self.context.this_machine

    @pytest.fixture
    def checks(self, request: pytest.FixtureRequest) -> Checks:
        """Where a test puts what it looks at."""
        return self._checks.setdefault(request.node.nodeid, Checks())

    def _snapshot(self, name: str) -> Snapshot:
        if name in self.context.unreachable:
            raise UnreadError(self.context.unreachable[name])
        return self.context.snapshots[name]

    # -- pytest's side -----------------------------------------------------------------------------------------------

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """A test that asks for ``snapshot`` runs once for each host."""
        if "snapshot" in metafunc.fixturenames:
            names = [host.name for host in self.context.plan.hosts]
            metafunc.parametrize("snapshot", names, indirect=True, ids=names)

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, object, object]:
        """A test that has collected findings fails, though none of its lines raised."""
        result = yield
        checks = self._checks.get(pyfuncitem.nodeid)
        if checks is not None and checks.found:
            raise FoundError(f"{len(checks.found)} findings")
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Keeps the result of each test."""
        report = yield
        if report.when == "call" or (report.when == "setup" and not report.passed):
            self.results.append(self._result(item, call, report))
        return report

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that cannot be read as tests is unknown."""
        if report.failed:
            words = str(report.longrepr).strip().splitlines()
            self.results.append(
                _entry(report.nodeid, Path(report.nodeid).stem, "its tests can be read", "", "unknown", 0, words[-1])
            )

    def _result(self, item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> dict[str, Any]:
        checks = self._checks.pop(item.nodeid, None)
        verdict, words = self._verdict(call, report, checks)
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        backend = getattr(parameters.get("_testinfra_host"), "backend", None)
        host = str(parameters.get("snapshot") or getattr(backend, "hostname", None) or "")
        function = getattr(item, "function", None)
        title = (getattr(function, "__doc__", None) or item.name).strip().splitlines()[0].rstrip(".")
        module = (getattr(getattr(item, "module", None), "__doc__", None) or item.path.stem).strip().splitlines()[0]
        name = f"{item.path.stem.removeprefix('test_')}/{item.name.removeprefix('test_')}"
        if any(folder in item.path.parents for folder in self.context.own):
            name = f"centre/{name}"
        entry = _entry(name, module.rstrip("."), title, host, verdict, 0, words)
        entry["looked"] = checks.looked if checks else int(verdict != "unknown")
        entry["findings"] = [list(found) for found in checks.found[:MOST_FINDINGS]] if checks else []
        entry["control"] = getattr(function, "control", "")
        entry["seconds"] = round(report.duration, 3)
        return entry

    @staticmethod
    def _verdict(call: pytest.CallInfo[None], report: pytest.TestReport, checks: Checks | None) -> tuple[str, str]:
        error = call.excinfo.value if call.excinfo else None
        if isinstance(error, NotApplicableError):
            return "not applicable", str(error)
        if isinstance(error, FoundError):
            return "broken", str(error)
        if isinstance(error, UnreadError):
            return "unknown", str(error)
        if hasattr(report, "wasxfail"):
            return "unknown", "expected to fail: no verdict can rest on it"
        if report.skipped:
            return "unknown", f"was skipped: {error}"
        if isinstance(error, AssertionError) and report.when == "call":
            return "broken", (str(error).strip() or "its assertion does not hold").splitlines()[0]
        if error is not None:
            return "unknown", f"could not look: {type(error).__name__}: {error}"
        if checks is not None and not checks.looked:
            return "unknown", "looked at nothing"
        return "held", ""


def _entry(name: str, family: str, title: str, host: str, verdict: str, looked: int, words: str) -> dict[str, Any]:
    return {
        "id": name,
        "family": family,
        "title": title,
        "host": host,
        "verdict": verdict,
        "looked": looked,
        "words": words,
        "findings": [],
        "control": "",
        "seconds": 0.0,
    }


def main(folder: Path) -> int:
    """Runs the tests that the context names; pytest's exit code."""
    order = json.loads((folder / "context.json").read_text())
    plugin = Plugin(Context.read(folder))
    hosts = ",".join(f"ssh://{name}" for name in order["hosts"])
    words = [
        *order["paths"], "-q", "--no-header", "--tb=short", "--import-mode=importlib", f"--hosts={hosts}",
        "-p", "testinfra.plugin", "-p", "no:cacheprovider", "--noconftest",
        f"--rootdir={folder}", f"--confcutdir={folder}", "-c", str(folder / "pytest.ini"),
        *([f"--ssh-config={order['ssh_config']}"] if order["ssh_config"] else []),
    ]  # fmt: skip
    code = pytest.main(words, plugins=[plugin])
    beside = folder / "results.json.new"
    beside.write_text(json.dumps({"code": int(code), "results": plugin.results}))
    beside.rename(folder / "results.json")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
