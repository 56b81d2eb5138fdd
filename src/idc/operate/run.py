"""One run of `up`: what it knows, whom it has lost, how it puts rules on hosts. Its phases are in idc.operate.up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from idc.engine import facts as live_facts
from idc.engine.ansible import converge
from idc.engine.facts import HostFacts
from idc.engine.hosts import Hosts
from idc.engine.pulumi import PulumiRunner
from idc.errors import EngineError, IdcError
from idc.operate import record, stacks
from idc.operate.context import Work
from idc.operate.progress import PhaseTime, Progress
from idc.plan.types import Plan

WAIT_PUSH: Final = 60.0  # seconds for a tenant that is just being shut


@dataclass
class UpResult:
    """What a run of `up` came to."""

    work: Work
    changes: int = 0  # Pulumi resources created, changed or deleted
    roles_changed: int = 0  # Ansible tasks that changed something
    failed: dict[str, str] = field(default_factory=dict)  # host or stack -> the engine's own words
    phases: tuple[PhaseTime, ...] = ()

    @property
    def ok(self) -> bool:
        """True when everything that was declared has been done."""
        return not self.failed


class Run:
    """One run's state while it goes through the phases, and what all phases share."""

    def __init__(self, runner: PulumiRunner, progress: Progress, result: UpResult, full: bool) -> None:
        self.runner, self.progress, self.result, self.full = runner, progress, result, full
        self.hosts = Hosts(result.work.station, result.work.plan)
        self.facts: dict[str, HostFacts] = {}
        self.ran: set[str] = set()  # platform and tenant stacks that were run, or stand without a good mark
        self.switched: set[str] = set()  # hosts whose folders are the plan's
        self.opened: set[str] = set()  # hosts whose rules are the plan's
        self.lost_engines: dict[str, str] = {}  # hosts whose engine stopped answering in this run

    @property
    def work(self) -> Work:
        """The work as it is now: a tenant may be shut at any moment."""
        return self.result.work

    @property
    def plan(self) -> Plan:
        """What is to stand."""
        return self.work.plan

    @property
    def old(self) -> Plan | None:
        """What was last applied whole."""
        return self.work.applied

    @contextmanager
    def _pushing(self) -> Iterator[None]:
        """Put rules and names on hosts: with those shut who are shut now, and with no other run beside."""
        with record.pushing(self.work.station, WAIT_PUSH):
            self.result.work = self.work.with_isolated(record.isolated_tenants(self.work.station))
            yield

    def _until_settled(self) -> Iterator[None]:
        """Push, and once more where a tenant was shut meanwhile: `idc isolate` waits for nobody."""
        while True:
            with self._pushing():
                yield
            if record.isolated_tenants(self.work.station) == self.work.isolated:
                return
            self.progress.step("a tenant was shut meanwhile: its flows and names are taken off again")

    def _alive(self) -> list[str]:
        return [name for name in sorted(self.facts) if name not in self.result.failed]

    def _lose(self, name: str, error: IdcError) -> None:
        self.result.failed[name] = error.message
        self.progress.step(f"{name}: {error.message}; the rest goes on")

    def _look(self) -> None:
        names = [host.name for host in self.plan.hosts if host.name not in self.result.failed]
        for name, seen in live_facts.collect(self.hosts, names).items():
            if isinstance(seen, HostFacts):
                self.facts[name] = seen
            else:
                self._lose(name, seen)
        if not self.facts:
            raise EngineError(
                "no host of the centre answers", hint="`idc status` shows each; `idc lab up` starts a lab"
            )

    def _stack_reachable(self, name: str) -> bool:
        stack = next(stack for stack in self.plan.stacks if stack.name == name)
        missing = [host for host in stack.hosts if host in self.result.failed]
        if missing:
            self.result.failed[name] = f"not run: {', '.join(missing)} does not answer"
        return not missing

    def _converge(self, names: Sequence[str], tags: Sequence[str]) -> None:
        if not names:
            self.progress.result("unchanged, 0 tasks changed")
            return
        outcome = converge(self.work.station, self.plan, names, tags, self.progress.step)
        changed = 0
        for name, host in outcome.hosts.items():
            changed += host.changed
            if not host.ok:
                self._lose(name, EngineError(host.error, host=name))
        self.result.roles_changed += changed
        self.progress.result(f"{len(names)} hosts, {changed} tasks changed")

    def _run_stacks(self, names: Sequence[str], *, outgoing: bool = False) -> stacks.Outcome:
        outcome = stacks.run(
            self.work, self.runner, self.hosts, names, self.progress, outgoing=outgoing, lost=self.lost_engines
        )
        self.result.changes += outcome.changes
        self.result.failed.update(outcome.failed)
        return outcome
