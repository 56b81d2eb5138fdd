"""What the Pulumi CLI says while it works (``--json``: one event a line), and what a run comes to. Pure."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

_SAME: Final = frozenset({"same", "read", "refresh", "discard", "import"})
# The provider's log of what it reports as an error anyway, and Pulumi's remarks about how idc runs it.
_NOISE: Final = re.compile(r"^using pulumi-\S+ from \$PATH at |^sdk-v2/\S+\.go:\d+: ")
_CLOSING: Final = re.compile(r"^(update|preview|destroy|refresh) failed$")
_WRAPPING: Final = re.compile(r"^(?P<before>.*?)1 error occurred:\s*\* (?P<words>.*)$", re.DOTALL)
_LONGEST_ERROR: Final = 6000  # characters


@dataclass(frozen=True)
class StackResult:
    """What a run of one stack came to. ``error`` is empty, or the engine's own words without secrets."""

    stack: str
    ok: bool
    created: int
    updated: int
    deleted: int
    replaced: int
    same: int
    seconds: float
    outputs: Mapping[str, object]
    error: str


@dataclass(frozen=True)
class Tell:
    """Something worth showing at once: an operation on a resource, or a message."""

    operation: str  # create, update, delete, replace ..., warning, error
    what: str  # the resource's URN, or the message


@dataclass
class Reading:
    """What has been read of a run's events so far."""

    steps: Counter[str] = field(default_factory=Counter)  # finished, by operation
    summary: Mapping[str, int] | None = None
    outputs: Mapping[str, object] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)  # lines that are no events

    def feed(self, line: str) -> Tell | None:
        """Take in one line of the CLI's output."""
        try:
            event = json.loads(line)
        except ValueError:
            event = None
        if not isinstance(event, dict):
            if line.strip():
                self.other.append(line.rstrip())
            return None
        return self._take(event)

    def _take(self, event: Mapping[str, Any]) -> Tell | None:
        if "resourcePreEvent" in event:
            step = event["resourcePreEvent"]["metadata"]
            return None if step["op"] in _SAME else Tell(step["op"], step["urn"])
        if "resOutputsEvent" in event:
            step = event["resOutputsEvent"]["metadata"]
            self.steps[step["op"]] += 1
            if step["type"] == "pulumi:pulumi:Stack":
                self.outputs = dict((step.get("new") or {}).get("outputs") or {})
            return None
        if "resOpFailedEvent" in event:
            step = event["resOpFailedEvent"]["metadata"]
            return Tell("failed", step["urn"])
        if "diagnosticEvent" in event:
            return self._diagnostic(event["diagnosticEvent"])
        if "policyEvent" in event:
            return self._policy(event["policyEvent"])
        if "summaryEvent" in event:
            self.summary = event["summaryEvent"].get("resourceChanges") or {}
        return None

    def _diagnostic(self, event: Mapping[str, Any]) -> Tell | None:
        message = str(event.get("message", "")).strip()
        severity = str(event.get("severity", ""))
        if event.get("ephemeral") or severity == "debug" or not message or _NOISE.search(message):
            return None
        if severity == "error":
            if _CLOSING.match(message):
                return None  # said by the exit code
            message = _unwrapped(message)
            name = str(event.get("urn", "")).rpartition("::")[2]
            self.errors.append(f"{name}: {message}" if name else message)
        return Tell(severity or "info", message)

    def _policy(self, event: Mapping[str, Any]) -> Tell:
        level = str(event.get("enforcementLevel", ""))
        words = f"policy {event.get('policyName')}: {str(event.get('message', '')).strip()}"
        if level == "mandatory":
            self.errors.append(words)
            return Tell("error", words)
        return Tell("warning", words)

    def result(self, stack: str, *, code: int | None, seconds: float, trouble: str = "") -> StackResult:
        """The run's result. ``code`` is the CLI's exit code; ``trouble`` is what idc itself did to it (a deadline)."""
        ok = code == 0 and not trouble
        counts = self.summary if self.summary is not None else self.steps
        # The summary counts a replacement once, under "replace"; single steps count its halves as well.
        return StackResult(
            stack=stack,
            ok=ok,
            created=counts.get("create", 0),
            updated=counts.get("update", 0),
            deleted=counts.get("delete", 0),
            replaced=counts.get("replace", 0),
            same=counts.get("same", 0),
            seconds=seconds,
            outputs=self.outputs,
            error="" if ok else self._words(code, trouble),
        )

    def _words(self, code: int | None, trouble: str) -> str:
        said = [*([trouble] if trouble else []), *dict.fromkeys(self.errors or self.other[-15:])]
        if not said:
            said = [f"the Pulumi CLI ended with code {code} and no words"]
        return "\n".join(said)[:_LONGEST_ERROR]


def _unwrapped(message: str) -> str:
    """The provider wraps each single error into a list of errors."""
    found = _WRAPPING.match(message)
    return f"{found['before']}{found['words']}" if found else message


def redact(text: str, secrets: Mapping[str, str]) -> str:
    """Put a name in the place of each secret (name -> secret) that a text holds."""
    for name, secret in secrets.items():
        if secret:
            text = text.replace(secret, f"[{name}]")
    return text
