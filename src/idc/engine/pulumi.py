"""Runs Pulumi stacks side by side, each in a CLI process of its own, with one CLI call a stack.

What is saved against the usual way: stacks are made by writing an empty state (`pulumi_state`), programs run in forks
of one preloaded Python (`language_host`), and there is no preview before an update, since the plan is that.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final

from idc.engine import files
from idc.engine.pulumi_events import StackResult
from idc.engine.pulumi_home import prepare_home, settings, shell_env
from idc.engine.pulumi_host import LanguageHostProcess
from idc.engine.pulumi_run import Run, Running, Tell, run
from idc.engine.pulumi_state import Backend
from idc.engine.toolchain import CLI_VERSION, Toolchain
from idc.errors import EngineError

__all__ = ["PulumiRunner", "StackResult", "shell_env"]

_COMMON_FLAGS: Final = ("--non-interactive", "--color", "never", "--json")


class PulumiRunner:
    """Runs stacks of one station. A context manager: it holds the language host, and leaves no process behind."""

    def __init__(
        self, *, backend: Path, passphrase_file: Path, station: Path, toolchain: Toolchain, log_dir: Path
    ) -> None:
        self._backend = Backend(state=backend, config=station / "pulumi", passphrase_file=passphrase_file)
        self._station = station
        self._toolchain = toolchain
        self._logs = log_dir
        self._host: LanguageHostProcess | None = None
        self._running = Running(register=self._register)

    def __enter__(self) -> PulumiRunner:
        """Start the language host; it gets ready while other things are done."""
        files.make_folder(self._logs)
        self._backend.prepare()
        prepare_home(self._station, self._toolchain)
        self._host = LanguageHostProcess(self._environment(), self._logs / "language-host.log")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End whatever still runs."""
        self._running.end_all()
        if self._host is not None:
            self._host.close()
            self._host = None

    # -- what is run -----------------------------------------------------------------------------------------------

    def up(
        self,
        stacks: Sequence[str],
        *,
        parallel: int,
        deadline: float,
        on_event: Tell,
        policy_pack: Path | None = None,
        refresh: Collection[str] = (),
        before: Callable[[str], float] | None = None,
    ) -> list[StackResult]:
        """Create or change stacks until they are as their inputs say; results in the order of ``stacks``.

        ``deadline`` is in seconds, for each stack. A stack that fails or is late is reported so; the others go on.
        ``before`` is asked when a stack's turn has come: the seconds that it may take, at most ``deadline``; it raises
        EngineError where the stack is not to run. Those of ``refresh`` are first brought to what is really there: else
        the CLI takes what its state says for granted, and what somebody has removed by hand stays away.
        """

        def argv(stack: str) -> list[str]:
            self._backend.create(stack, CLI_VERSION)
            # After a run that was killed the state may not know what became of the last operations.
            refreshed = self._backend.recover(stack) or stack in refresh
            return ["up", "--yes", "--skip-preview", *(["--refresh"] if refreshed else []), *_policy(policy_pack)]

        return self._all(stacks, argv, parallel, deadline, on_event, before)

    def preview(
        self,
        stacks: Sequence[str],
        *,
        parallel: int,
        deadline: float,
        on_event: Tell,
        policy_pack: Path | None = None,
    ) -> list[StackResult]:
        """What ``up`` would do. Changes nothing; a policy that is broken makes the result not ok."""

        def argv(stack: str) -> list[str]:
            self._backend.create(stack, CLI_VERSION)
            return ["preview", *_policy(policy_pack)]

        return self._all(stacks, argv, parallel, deadline, on_event)

    def destroy(
        self, stacks: Sequence[str], *, parallel: int, deadline: float, on_event: Tell, remove: bool = True
    ) -> list[StackResult]:
        """Destroy all that the stacks have made; with ``remove`` the stacks are forgotten too."""

        def argv(stack: str) -> list[str]:
            refreshed = self._backend.recover(stack)
            return ["destroy", "--yes", "--skip-preview", *(["--refresh"] if refreshed else []),
                    *(["--remove"] if remove else [])]  # fmt: skip

        known = set(self._backend.stacks())
        there = [stack for stack in stacks if stack in known]
        results = {result.stack: result for result in self._all(there, argv, parallel, deadline, on_event)}
        for result in results.values():
            if remove and result.ok:
                self._backend.forget(result.stack)
        gone = StackResult("", True, 0, 0, 0, 0, 0, 0.0, {}, "")
        return [results.get(stack) or _named(gone, stack) for stack in stacks]

    def refresh(self, stacks: Sequence[str], *, parallel: int, deadline: float, on_event: Tell) -> list[StackResult]:
        """Bring the stacks' states to what is really there."""

        def argv(stack: str) -> list[str]:
            self._backend.recover(stack)
            return ["refresh", "--yes", "--skip-preview"]

        return self._all(stacks, argv, parallel, deadline, on_event)

    def stacks(self) -> list[str]:
        """Names of the station's stacks; no state is read."""
        return self._backend.stacks()

    def break_stranded_locks(self) -> list[str]:
        """Break locks whose process on this machine is dead; returns in words what was broken.

        Call it while the station is held: then no other idc runs, and what is alive is a CLI that a person started.
        """
        return self._backend.break_locks(self._backend.stranded_locks())

    def at_work(self) -> frozenset[str]:
        """The stacks that run now."""
        return self._running.stacks()

    def cut_off(self, stack: str, why: str) -> None:
        """End a stack that runs now: its result is not ok and says why."""
        self._running.cut_off(stack, why)

    # -- how ---------------------------------------------------------------------------------------------------------

    def _all(
        self,
        stacks: Sequence[str],
        argv: Callable[[str], list[str]],
        parallel: int,
        deadline: float,
        on_event: Tell,
        before: Callable[[str], float] | None = None,
    ) -> list[StackResult]:
        if self._host is None:
            raise EngineError("PulumiRunner is used outside its `with` block")
        if not stacks:
            return []
        environment = {**self._environment(), "PULUMI_DEBUG_LANGUAGES": f"python:{self._host.port()}"}
        secrets = self._secrets()
        guard = threading.Lock()

        def tell(stack: str, operation: str, what: str) -> None:
            with guard:
                on_event(stack, operation, what)

        def one(stack: str) -> StackResult:
            try:
                seconds = min(deadline, before(stack)) if before else deadline
                words = argv(stack)
                command = [str(self._toolchain.pulumi), *words, "--stack", stack, *_COMMON_FLAGS,
                           "--config-file", str(self._backend.config_file(stack))]  # fmt: skip
                log = self._logs / f"pulumi-{stack}.jsonl"
                result = run(Run(stack, command, environment, self._station / "pulumi", log, secrets, seconds),
                             self._running, tell)  # fmt: skip
            except EngineError as error:
                return _named(StackResult("", False, 0, 0, 0, 0, 0, 0.0, {}, error.render()), stack)
            if result.ok and {"refresh", "--refresh"} & set(words):
                self._backend.refreshed(stack)
            if not result.ok:
                # Its own lock only: every process of its session is dead by now.
                self._backend.break_locks(lock for lock in self._backend.stranded_locks() if lock.stack == stack)
            self._backend.trim_history(stack)
            return result

        with ThreadPoolExecutor(max_workers=max(1, parallel)) as pool:
            futures: list[Future[StackResult]] = [pool.submit(one, stack) for stack in stacks]
            try:
                return [future.result() for future in futures]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                self._running.end_all()
                self._running.ended = False
                raise

    def _environment(self) -> dict[str, str]:
        # Nothing of the user's own Pulumi or Docker settings gets in: they would name other states and engines.
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("PULUMI_") and name not in ("DOCKER_HOST", "DOCKER_CONTEXT")
        }
        return {
            **inherited,
            **settings(self._backend, self._station),
            **self._toolchain.env(),
            "PULUMI_ENABLE_STREAMING_JSON_PREVIEW": "true",
            "TF_LOG": "off",  # the provider's log, each line a call to the engine
            "GOGC": "800",  # CLI and plugin live for seconds; most garbage is best left where it is
            "PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS": "true",  # the history holds the same
        }

    def _secrets(self) -> dict[str, str]:
        """What must not get into logs and messages: name -> secret."""
        found = {"passphrase": files.read_text(self._backend.passphrase_file).strip()}
        folder = self._station / "secrets"
        if folder.is_dir():
            for file in folder.iterdir():
                if file.is_file():
                    found[f"secret {file.name}"] = file.read_text(errors="replace").strip()
        return {name: secret for name, secret in found.items() if len(secret) >= 8}

    def _register(self, session: int) -> None:
        if self._host is not None:
            self._host.register(session)


def _policy(pack: Path | None) -> list[str]:
    return ["--policy-pack", str(pack)] if pack is not None else []


def _named(result: StackResult, stack: str) -> StackResult:
    return replace(result, stack=stack)
