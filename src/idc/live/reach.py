"""Running a program of ``agent/`` on a host by one call, or on this machine: one JSON document in, one out.

Nothing is installed on the host: the programs go along on standard input.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import resources
from typing import Any, Final, Protocol, TypeVar

from idc.errors import EngineError, Unreachable

HERE: Final = ""  # the name by which this machine itself is meant: people of a lab live on its own engine

Answer = TypeVar("Answer")

_BOOT: Final = """
import json, sys, types
text = json.load(sys.stdin)
for name in ("idc", "idc.live", "idc.live.agent", *text["programs"]):
    module = sys.modules[name] = types.ModuleType(name)
    parent, _, child = name.rpartition(".")
    if parent: setattr(sys.modules[parent], child, module)
    exec(compile(text["programs"].get(name, ""), name, "exec"), module.__dict__)
json.dump(sys.modules[text["main"]].main(text["document"]), sys.stdout)
"""


class Completed(Protocol):
    """What came of a command."""

    @property
    def returncode(self) -> int:
        """0 when it did what it should."""
        ...

    @property
    def stdout(self) -> bytes:
        """What it printed."""
        ...

    @property
    def stderr(self) -> bytes:
        """What it complained about."""
        ...


class Way(Protocol):
    """The one way to every host (``idc.engine.hosts.Hosts``)."""

    def run(
        self, host: str, command: Sequence[str], *, input: bytes = b"", deadline: float = 60.0  # noqa: A002
    ) -> Completed:  # fmt: skip
        """Runs a command there. Raises Unreachable when the host does not answer within the deadline (seconds)."""
        ...


@cache
def _program(name: str) -> str:
    return resources.files("idc.live.agent").joinpath(f"{name}.py").read_text(encoding="utf-8")


def bundle(program: str, document: Mapping[str, Any]) -> bytes:
    """Standard input of a call: the program with what it needs, and its document."""
    names = {
        "collect": ("collect",),
        "sensor": ("wire", "filters", "spaces", "sensor"),
        "shoot": ("wire", "filters", "spaces", "shot", "shoot"),
    }[program]
    programs = {f"idc.live.agent.{name}": _program(name) for name in names}
    return json.dumps({"programs": programs, "main": f"idc.live.agent.{program}", "document": document}).encode()


def call(way: Way, host: str, program: str, document: Mapping[str, Any], deadline: float) -> dict[str, Any]:
    """Runs ``agent/<program>`` on a host and returns its document.

    Raises Unreachable (no answer within ``deadline`` seconds) or EngineError (it answered, but not with a document).
    """
    text = bundle(program, document)
    if host == HERE:
        name = "this machine"
        try:
            done: Completed = subprocess.run(
                [sys.executable, "-I", "-c", _BOOT], input=text, capture_output=True, timeout=deadline, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise Unreachable(f"this machine did not finish within {deadline:.0f} s", host=host) from error
    else:
        name = f"host {host}"
        done = way.run(host, ["python3", "-I", "-c", _BOOT], input=text, deadline=deadline)
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip().splitlines()
        raise EngineError(f"{name}: {program} failed: {words[-1] if words else f'exit {done.returncode}'}", host=host)
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        raise EngineError(f"{name}: {program} did not answer with a document", host=host) from error
    return answer


def each(names: Sequence[str], do: Callable[[str], Answer], workers: int = 16) -> dict[str, Answer | EngineError]:
    """The same for several hosts, side by side; a failed host has its error in the place of an answer."""

    def attempt(name: str) -> Answer | EngineError:
        try:
            return do(name)
        except EngineError as error:
            return error

    with ThreadPoolExecutor(max_workers=max(1, min(workers, len(names)))) as pool:
        return dict(zip(names, pool.map(attempt, names), strict=True))
