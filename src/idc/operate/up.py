"""`idc up`: the phases that bring a centre to what its declaration says, in the order that keeps it safe.

reach every engine -> lab hosts -> base roles -> images -> flows closed -> folders -> platform -> tenants -> new images
serve -> content, vhosts, flows opened -> containers serve -> outgoing containers removed. What is there as planned is
not done again; whatever is interrupted goes on with the same command, because a step is recorded only after it is done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from idc.engine import facts as live_facts
from idc.engine import files, folders, health, images, lab, machine, toolchain
from idc.engine.ansible import converge
from idc.engine.facts import HostFacts
from idc.engine.hosts import Hosts
from idc.engine.pulumi import PulumiRunner
from idc.errors import EngineError, IdcError
from idc.operate import closing, context, gate, roles, serving, stacks
from idc.operate.context import Work
from idc.operate.progress import PhaseTime, Progress

DEADLINE_STACK = 300.0  # seconds for one run of all stacks of a kind
DEADLINE_CONNECT = 60.0


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


def prepare(progress: Progress, *, lab_image: bool = True) -> tuple[toolchain.Toolchain, dict[str, str]]:
    """Make this machine's engine, the toolchain and the images ready. Returns the toolchain and the images' ids."""
    with progress.phase("this machine"):
        machine.ensure(progress.share)
        progress.result("engine answers")
    with progress.phase("toolchain"):
        tools = toolchain.ensure(progress.step)
        progress.result("ready")
    with progress.phase("images"):
        names = [name for name in images.image_names() if lab_image or name != "lab-host"]
        lock = images.ensure(names, progress.share)
        progress.result(f"{len(lock.ids)} pinned by content")
    return tools, dict(lock.ids)


def up(
    folder: Path,
    tools: toolchain.Toolchain,
    ids: Mapping[str, str],
    progress: Progress,
    *,
    full: bool = False,
    as_lab: bool = False,
) -> UpResult:
    """Bring one centre up. The station is held for the whole run.

    Raises InputError and RefusedError before anything is changed, EngineError where nothing more can be done. A host or
    stack that failed while the rest went on is in the result's ``failed``.
    """
    station = context.make_station(folder, as_lab=as_lab)
    with station.hold(wait=0), files.private():
        work = context.need(folder, ids=ids)
        with progress.phase("policies"):
            progress.result(f"{gate.refuse_findings(work).judged} judged, nothing found")
        work.record_allocation()
        result = UpResult(work)
        with PulumiRunner(
            backend=station.folder / "state",
            passphrase_file=station.folder / "passphrase",
            station=station.folder,
            toolchain=tools,
            log_dir=station.folder / "logs",
        ) as runner:
            for lock in runner.break_stranded_locks():
                progress.step(f"a lock left behind by a run that died was broken: {lock}")
            _Run(work, runner, progress, result, full).phases()
        result.phases = tuple(progress.phases)
        return result


class _Run:
    """One run's state while it goes through the phases."""

    def __init__(self, work: Work, runner: PulumiRunner, progress: Progress, result: UpResult, full: bool) -> None:
        self.work, self.plan, self.old = work, work.plan, work.applied
        self.runner, self.progress, self.result, self.full = runner, progress, result, full
        self.hosts = Hosts(work.station, work.plan)
        self.facts: dict[str, HostFacts] = {}
        self.ran: set[str] = set()  # platform and tenant stacks that were run

    def phases(self) -> None:
        try:
            self.lab_hosts()
            self.reach()
            self.base_roles()
            self.images()
            self.close()
            self.folders(with_content=False)
            self.revive()
            self.platform_and_tenants()
            self.serve("new images serve", serving.taking_over(self.work, self.result.failed))
            self.folders(with_content=True)
            self.open()
            self.serve("containers serve", health.of_stacks(self.plan, self.ran - set(self.result.failed)))
            self.take_over()
            if self.result.ok:
                self.work.record_applied()
        finally:
            self.hosts.close()

    # -- the phases, in their order ---------------------------------------------------------------------------------

    def lab_hosts(self) -> None:
        if not any(host.is_lab for host in self.plan.hosts):
            return
        with self.progress.phase("lab hosts"):
            lab.refuse_leftovers(self.plan, self.work.station)
            if not self.full and stacks.lab_unchanged(self.work):
                self.progress.result(f"{len(self.plan.hosts)} as planned")
                return
            outcome = self._run_stacks(["lab"])
            if outcome.failed:
                raise EngineError(f"the lab hosts could not be made: {outcome.failed['lab']}")
            lab.wait_booted(self.plan, deadline=DEADLINE_CONNECT)
            self.progress.result(outcome.summary)

    def reach(self) -> None:
        with self.progress.phase("hosts reached"):
            names = [host.name for host in self.plan.hosts]
            for name, error in self.hosts.connect(names, DEADLINE_CONNECT).items():
                self._lose(name, error)
            self._look()
            self.progress.result(f"{len(self.facts)} of {len(names)}")

    def base_roles(self) -> None:
        with self.progress.phase("base roles"):
            wanted = [
                name for name in self._alive() if self.full or roles.base_needed(self.plan, name, self.facts[name])
            ]
            self._converge(wanted, ["base"])

    def images(self) -> None:
        with self.progress.phase("images on hosts"):
            moved = 0
            for name in self._alive():
                wanted = {c.image: c.image_id for c in self.plan.on(name)}
                lacking = {image: id_ for image, id_ in wanted.items() if id_ not in self.facts[name].images}
                if lacking:
                    images.transfer(self.hosts.docker_host(name), lacking, self.progress.share)
                    moved += len(lacking)
            self.progress.result(f"{moved} copied" if moved else "all present")

    def close(self) -> None:
        """Before anything stops: the old plan without what the new one no longer allows."""
        if self.old is None:
            return
        closed = closing.closed_flows(self.old, self.plan)
        if not closed:
            return
        with self.progress.phase("flows closed"):
            names = [name for name in closing.affected_hosts(closed) if name in self.facts]
            kept = [flow for flow in self.old.flows if flow not in closed]
            # The old plan's rules: an edge that is being replaced still serves from its old slot.
            closing.push(self.hosts, self.old, names, kept, closed)
            for flow in closed:
                self.progress.step(f"closed {flow.id}")
            self.progress.result(f"{len(closed)} on {len(names)} hosts")

    def folders(self, *, with_content: bool) -> None:
        with self.progress.phase("content and vhosts" if with_content else "folders and secrets"):
            changed = 0
            for name in self._alive():
                vhosts = (
                    serving.vhosts(self.old, self.plan, self.result.failed)
                    if with_content
                    else folders.standing_vhosts(self.old, self.plan)
                )
                tree = folders.tree_for(
                    self.plan, name, self.work.station, self.work.folder, with_content=with_content, vhosts=vhosts
                )
                try:
                    changed += folders.sync(self.hosts, name, tree, deadline=60.0)
                except EngineError as error:
                    self._lose(name, error)
            self.progress.result(f"changed on {changed} hosts" if changed else "unchanged")

    def revive(self) -> None:
        """Start planned containers that stand still: what they need (folders, flows) is there again by now."""
        stopped = [
            (name, fact.name)
            for name in self._alive()
            for fact in self.facts[name].containers
            if not fact.running and fact.labels.get("idc.digest") in self._digests(name)
        ]
        if not stopped:
            return
        with self.progress.phase("stopped containers started"):
            for host in sorted({host for host, _ in stopped}):
                names = [container for where, container in stopped if where == host]
                done = self.hosts.run(host, ["docker", "start", *names], deadline=60.0)
                self.progress.step(f"{host}: started {', '.join(names)}" if done.ok else f"{host}: {done.words}")
            self._look()
            self.progress.result(str(len(stopped)))

    def _digests(self, host: str) -> set[str]:
        return {
            entry["labels"]["idc.digest"]
            for stack in self.plan.stacks
            if stack.kind != "lab" and host in stack.hosts
            for entry in stacks.stack_input(self.work, stack.name)["containers"]
            if entry["host"] == host
        }

    def platform_and_tenants(self) -> None:
        for title, kind in (("platform stack", "platform"), ("tenant stacks", "tenant")):
            with self.progress.phase(title):
                names = [stack.name for stack in self.plan.stacks if stack.kind == kind]
                reachable = [name for name in names if self._stack_reachable(name)]
                wanted = [name for name in reachable if self.full or not stacks.unchanged(self.work, name, self.facts)]
                if not wanted:
                    self.progress.result(f"{len(names)} unchanged, 0 changes")
                    continue
                self.ran |= set(wanted)
                outcome = self._run_stacks(wanted, outgoing=True)
                self.progress.result(f"{outcome.summary}, {len(reachable) - len(wanted)} stacks not run")

    def serve(self, title: str, containers: Mapping[str, Sequence[str]]) -> None:
        """Wait until these containers (host -> names) serve; a stack whose containers do not has failed."""
        if not any(containers.values()):
            return
        with self.progress.phase(title):
            late = serving.late(self.hosts, self.plan, containers)
            for stack, reasons in late.items():
                self.result.failed[stack] = "; ".join(f"{name} does not serve: {why}" for name, why in reasons.items())
            count = sum(map(len, containers.values()))
            self.progress.result(f"{count - sum(map(len, late.values()))} of {count}")

    def open(self) -> None:
        with self.progress.phase("flows opened, bandwidth"):
            wanted = [
                name for name in self._alive() if self.full or roles.open_needed(self.plan, name, self.facts[name])
            ]
            self._converge(wanted, ["open"])

    def take_over(self) -> None:
        names = stacks.with_outgoing(self.work)
        if not names:
            return
        with self.progress.phase("outgoing containers removed"):
            outcome = self._run_stacks([name for name in names if name not in self.result.failed])
            self.progress.result(outcome.summary)

    # -- helpers ----------------------------------------------------------------------------------------------------

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
            self.work, self.runner, self.hosts, names, self.progress, outgoing=outgoing, deadline=DEADLINE_STACK
        )
        self.result.changes += outcome.changes
        self.result.failed.update(outcome.failed)
        return outcome
