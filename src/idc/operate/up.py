"""`idc up`: the phases that bring a centre to what its declaration says, in the order that keeps it safe.

policies -> reach every engine -> lab hosts -> base roles -> images -> flows closed -> folders -> platform -> tenants ->
new images serve -> content, vhosts, flows opened -> containers serve -> outgoing containers removed. What is there as
planned is not done again; whatever is interrupted goes on with the same command, because a step is recorded only after
it is done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from idc.engine import files, folders, health, images, lab, machine, runtime, toolchain
from idc.engine.pulumi import PulumiRunner
from idc.errors import EngineError, IdcError
from idc.operate import closing, context, gate, narrow, roles, serving, stacks, standing, takeover
from idc.operate.closing import Order
from idc.operate.progress import Progress
from idc.operate.run import Run, UpResult
from idc.plan.types import Plan

DEADLINE_CONNECT = 60.0  # seconds


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
            progress.result(gate.refuse_findings(work).headline)
        with progress.phase("proof"):
            progress.result(gate.refuse_unproven(work.plan, gate.standing(work)).summary)
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
            _Phases(runner, progress, result, full).phases()
        if result.ok:
            gate.record(work)
        result.phases = tuple(progress.phases)
        return result


class _Phases(Run):
    """The phases, in their order."""

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

    def lab_hosts(self) -> None:
        if not any(host.is_lab for host in self.plan.hosts):
            return
        with self.progress.phase("lab hosts"), runtime.making_lab(self.progress.step):
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
                    try:
                        images.transfer(self.hosts.docker_host(name), lacking, self.progress.share)
                        moved += len(lacking)
                    except EngineError as error:
                        self._lose(name, error)
            self.progress.result(f"{moved} copied" if moved else "all present")

    def close(self) -> None:
        """Before anything stops: on each host what stands there, without what the plan no longer allows.

        What stands is what was applied, and what runs that did not get to their end may have opened since.
        """
        self.result.work = self.work.record_opening()
        known = self.work.recorded
        closed = narrow.closed_flows((narrow.without(plan, known.isolated) for plan in known.plans), self.plan)
        if not closed:
            return
        with self.progress.phase("flows closed"), self._pushing():
            cut = closing.of_flows(closed)
            names = [name for name in closing.affected_hosts(closed) if name in self._alive()]
            orders = {
                name: Order(narrow.narrowed(narrow.without(plan, self.work.isolated), self.plan), cut)
                for name in names
                if (plan := self._standing(name)) is not None
            }
            for name, loaded in closing.push(self.hosts, orders).items():
                if isinstance(loaded, EngineError):
                    self._lose(name, loaded)
            for flow in closed:
                self.progress.step(f"closed {flow.id}")
            self.progress.result(f"{len(closed)} on {len(orders)} hosts")

    def _standing(self, host: str) -> Plan | None:
        """The plan whose rules stand on a host, as it was seen when it was reached."""
        known = self.work.recorded
        return standing.on_host(known, host, self.facts[host].ruleset, (known.isolated, frozenset()))[0]

    def folders(self, *, with_content: bool) -> None:
        with self.progress.phase("content and vhosts" if with_content else "folders and secrets"):
            changed: set[str] = set()
            for _ in self._until_settled():
                for name in self._alive():
                    vhosts = (
                        serving.vhosts(self.old, self.plan, self.result.failed)
                        if with_content
                        else folders.standing_vhosts(self.old, self.plan)
                    )
                    try:
                        tree = folders.tree_for(
                            self.plan, name, self.work.station, self.work.folder,
                            with_content=with_content, vhosts=vhosts,
                        )  # fmt: skip
                        if folders.sync(self.hosts, name, tree, deadline=60.0):
                            changed.add(name)
                        if with_content:
                            self.switched.add(name)
                    except IdcError as error:
                        self.switched.discard(name)
                        self._lose(name, error)
            self.progress.result(f"changed on {len(changed)} hosts" if changed else "unchanged")

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
                try:
                    done = self.hosts.run(host, ["docker", "start", *names], deadline=60.0)
                    self.progress.step(f"{host}: started {', '.join(names)}" if done.ok else f"{host}: {done.words}")
                except EngineError as error:
                    self._lose(host, error)
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
                # What stands without a good mark is asked whether it serves: it may be a start that has failed before.
                self.ran |= {name for name in reachable if stacks.unsure(name, self.facts)}
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
            for _ in self._until_settled():
                wanted = [
                    name for name in self._alive() if self.full or roles.open_needed(self.plan, name, self.facts[name])
                ]
                self._converge(wanted, ["open"])
                self.opened = set(self._alive())

    def take_over(self) -> None:
        names = stacks.with_outgoing(self.work)
        if not names:
            return
        with self.progress.phase("outgoing containers removed"):
            back = takeover.held_back(
                self.plan, names, switched=self.switched, opened=self.opened, failed=self.result.failed
            )
            self.result.failed.update({name: why for name, why in back.items() if why})
            outcome = self._run_stacks([name for name in names if name not in back])
            self.progress.result(outcome.summary)
