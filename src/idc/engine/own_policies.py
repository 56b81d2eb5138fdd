"""A centre's own policies: Python files in its ``policies/``, each run in a child that can do nothing but think.

No keys, no files, no network, no other process (``confined``, ``seccomp``), an empty environment, a deadline. What
cannot be loaded, dies, is late or speaks nonsense is unknown, and unknown is a finding.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args

from idc.engine import confined
from idc.model.text import POLICY, printable
from idc.plan.codec import encode
from idc.policy import Finding, Verdict, View
from idc.policy.rules import Passed, Severity

FOLDER: Final = "policies"
DEADLINE: Final = 60.0  # seconds
LARGEST: Final = 1 << 20  # bytes of a file
LONGEST: Final = 500  # characters of what is said
AT_ONCE: Final = 2


@dataclass(frozen=True)
class Judged:
    """One policy of a centre's own, and what it said."""

    id: str
    title: str
    control: str
    findings: tuple[Finding, ...]
    due: tuple[Finding, ...] = ()
    looked_at: str = ""
    count: int = 0  # how many things it looked at
    unknown: bool = False


def verdict(judged: tuple[Judged, ...]) -> Verdict:
    """As one verdict, beside that of the pack."""
    findings = tuple(finding for each in judged for finding in each.findings)
    passed = tuple(Passed(each.id, each.looked_at) for each in judged if not each.findings)
    return Verdict(findings, passed, len(judged), tuple(finding for each in judged for finding in each.due))


def files(centre_folder: Path) -> list[Path]:
    """The files there are, by name; hidden ones and folders are none."""
    return sorted(path for path in (centre_folder / FOLDER).glob("*.py") if not path.name.startswith("."))


def judge(centre_folder: Path, view: View, *, deadline: float = DEADLINE) -> tuple[Judged, ...]:
    """Run each file over what a view holds. Nothing is run where there is none. ``deadline`` in seconds, a file."""
    found = files(centre_folder)
    if not found:
        return ()
    text = document(view)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        said = pool.map(lambda file: tuple(_run(file, text, deadline)), found)
        judged = [each for answers in said for each in answers]
    seen: set[str] = set()
    for index, each in enumerate(judged):
        if each.id in seen and not each.unknown:
            judged[index] = _unknown(each.id, FOLDER, "another file has a policy of this name")
        seen.add(each.id)
    return tuple(judged)


def document(view: View) -> bytes:
    """What a policy gets, as one line of JSON: no key and no secret is in a plan or a declaration."""
    files = {name: source.data for name, source in view.declaration.sources.items()} if view.declaration else {}
    whole = {
        "today": view.day.isoformat(),
        "prefix": str(view.planned.prefix),
        "plan": encode(view.planned),
        "files": files,
        "resources": [[each.type, each.name, each.stack, each.props] for each in view.resources],
    }
    return json.dumps(whole, default=str).encode() + b"\n"


def _run(file: Path, text: bytes, deadline: float) -> Iterator[Judged]:
    name = f"custom.{re.sub(r'[^a-z0-9-]+', '-', file.stem.lower()).strip('-') or 'file'}"
    shown = f"{FOLDER}/{printable(file.name)}"
    try:
        if file.is_symlink() or file.stat().st_size > LARGEST:
            raise ValueError(f"it is a link, or larger than {LARGEST} bytes")
        source = file.read_text(encoding="utf-8")
        answer = json.loads(_child(json.dumps({"name": shown, "source": source}).encode() + b"\n", text, deadline))
        judged = [_judged(each, shown) for each in answer]
        if not judged:
            raise ValueError("it holds no policy: write a function under `@rule` or `@policy`")
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        yield _unknown(name, shown, _words(str(error) or type(error).__name__))
    else:
        yield from judged


def _child(head: bytes, text: bytes, deadline: float) -> bytes:
    """The answer of a child process. Raises ValueError where there is none."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:  # bounded by the child's own limits
        child = subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", confined.__file__],
            stdin=subprocess.PIPE, stdout=out, stderr=err, cwd="/", env={}, start_new_session=True,
        )  # fmt: skip
        try:
            child.communicate(head + text, timeout=deadline)
        except subprocess.TimeoutExpired:
            raise ValueError(f"it did not answer within {deadline:g} s") from None
        finally:
            child.kill()
            child.wait()
        if child.returncode != 0:
            err.seek(max(0, err.seek(0, 2) - 4 * LONGEST))
            lines = err.read().decode(errors="replace").strip().splitlines()
            raise ValueError(lines[-1] if lines else f"it ended with {child.returncode}")
        out.seek(0)
        return out.read()


def _judged(said: Mapping[str, Any], shown: str) -> Judged:
    """One policy's answer. Raises ValueError, KeyError or TypeError for what is none."""
    name, severity = str(said["id"]), said["severity"]
    if not re.fullmatch(POLICY, name) or not name.startswith("custom."):
        raise ValueError(f"`{_words(name)}` is not the id of an own policy: as custom.no-php")
    if severity not in get_args(Severity):
        raise ValueError(f"severity {_words(str(severity))} of {name} is none of {', '.join(get_args(Severity))}")
    parts = {kind: tuple(sorted(_finding(name, severity, each) for each in said[kind])) for kind in ("findings", "due")}
    if not said["passed"] and not parts["findings"]:
        raise ValueError(f"{name} neither passed nor found anything")
    control = ", ".join(_words(each) for each in said["controls"])
    count = int(said["count"])
    return Judged(
        name, _words(said["title"]), control, parts["findings"], parts["due"], _words(said["looked_at"]) or shown, count
    )


def _finding(name: str, severity: Severity, said: Any) -> Finding:
    scope, subject, words, where, owner = map(_words, said)
    return Finding(name, scope, subject, words, where, severity, owner)


def _words(text: object) -> str:
    """What a policy says, as it is safe to print. Raises TypeError for what is no text."""
    if not isinstance(text, str):
        raise TypeError(f"it says {type(text).__name__} where words are asked for")
    return printable(text[:LONGEST])


def _unknown(name: str, shown: str, why: str) -> Judged:
    finding = Finding(name, "centre", shown, f"cannot be judged: {why}", severity="critical")
    return Judged(name, f"a policy of the centre's own ({shown})", "", (finding,), unknown=True)
