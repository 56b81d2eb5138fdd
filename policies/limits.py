"""Family ``limits``: no container starves another, fills a disk with its logs, or stays down by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from idc.policy import Resource, View, policy

MOST_PROCESSES: Final = 4096
MOST_LOGS: Final = 256 * 1024 * 1024  # bytes of a container, all files together
_UNITS: Final = {"k": 1024, "m": 1024**2, "g": 1024**3}


@policy(
    "limits.resources", "Memory, processors and processes are limited", severity="high", controls=["8.2.4.3 a"]
)  # fmt: skip
def limited(container: Resource, view: View) -> Iterator[str]:
    """Without limits one tenant starves the others; swap beyond memory is a limit evaded."""
    memory, swap = _number(container.props.get("memory")), _number(container.props.get("memorySwap"))
    if memory <= 0:
        yield "has no memory limit"
    elif swap != memory:
        yield "may swap beyond its memory limit"
    if _number(container.props.get("cpus")) <= 0:
        yield "has no processor limit"
    pids = _number(container.labels.get("idc.pids"))
    if not 0 < pids <= MOST_PROCESSES:
        yield f"has no limit of processes between 1 and {MOST_PROCESSES}"


@policy("limits.logs", "Logs are kept by the engine, within bounds", severity="medium", controls=["8.1.4.3"])
def logs_bounded(container: Resource, view: View) -> Iterator[str]:
    """An unbounded log fills the disk of every tenant on the host; another driver sends it where nobody looks."""
    driver = container.text("logDriver")
    if driver != "json-file":
        yield f"logs by {driver or 'an unknown driver'!r}"
    options = container.props.get("logOpts") or {}
    size, files = _bytes(str(options.get("max-size", ""))), _number(options.get("max-file"))
    if size <= 0 or files <= 0 or size * files > MOST_LOGS:
        yield "has no bound on its logs, or one above 256 MiB"


@policy("limits.restart", "A container comes back by itself", severity="medium", controls=["8.1.4.9 c"])
def comes_back(container: Resource, view: View) -> Iterator[str]:
    """After a failure and after a restart of its host, unless a person has stopped it."""
    if container.text("restart") != "unless-stopped":
        yield f"has restart policy {container.text('restart') or 'none'!r}"
    if container.props.get("mustRun") is False:
        yield "need not run"


def _number(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return 0.0


def _bytes(text: str) -> float:
    return _number(text[:-1]) * _UNITS[text[-1].lower()] if text and text[-1].lower() in _UNITS else _number(text)
