"""The program of a child process that runs one of a centre's own policies: a file, a view, an answer.

Started as ``python -I -S -B confined.py`` with an empty environment. On standard input it gets two lines of JSON: the
file (name, source), and the view as data. Everything is imported and read first; then the process is shut off from the
system (``seccomp``), and only then the file's code runs. What it says goes to standard output as one JSON document.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import resource
import sys
from collections.abc import Mapping
from datetime import date
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, Final

#: What a policy may import, besides ``idc.policy``: afterwards no file can be read. Some are imported by others late.
MODULES: Final = (
    "abc", "bisect", "calendar", "collections", "collections.abc", "dataclasses", "datetime", "decimal", "enum",
    "fnmatch", "fractions", "functools", "hashlib", "heapq", "ipaddress", "itertools", "json", "math", "operator", "re",
    "statistics", "string", "textwrap", "types", "typing", "unicodedata", "zoneinfo",
    "_strptime", "encodings.ascii", "encodings.idna", "encodings.latin_1", "linecache", "locale", "traceback",
)  # fmt: skip
CPU_SECONDS: Final = 20
ANSWER: Final = 4 << 20  # bytes
NOBODY: Final = 65534


def main() -> None:
    """Run the file and answer. Ends with 1 and words on standard error where it cannot be run."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    for name in MODULES:
        importlib.import_module(name)
    from idc.engine import seccomp
    from idc.policy import REGISTRY, judge

    file = json.loads(sys.stdin.buffer.readline())
    text = sys.stdin.buffer.readline()
    sys.stdin.close()
    _limit(len(text))
    seccomp.shut()
    view = _view(json.loads(text))
    del text
    REGISTRY.clear()
    try:
        exec(compile(file["source"], file["name"], "exec"), {"__name__": "policy", "__file__": file["name"]})
    except ImportError as error:
        public = [name for name in MODULES if not name.startswith("_")]
        raise SystemExit(f"{error}: there are idc.policy, {', '.join(public)}") from None
    answer = []
    for each in tuple(REGISTRY):
        verdict = judge(view, [each])
        looked = " ".join(passed.looked_at for passed in verdict.passed)
        said = {"findings": verdict.findings, "due": verdict.due}
        answer.append({
            "id": each.id, "title": each.title, "severity": each.severity, "controls": list(each.controls),
            "level": each.level, "passed": bool(verdict.passed), "looked_at": looked,
            "count": sum(int(number) for number in re.findall(r"(?:^|[ ,])(\d+) ", looked)),
            **{kind: [[f.scope, f.subject, f.words, f.where, f.owner] for f in said[kind]] for kind in said},
        })  # fmt: skip
    sys.stdout.write(json.dumps(answer))
    sys.stdout.flush()


def _view(document: Mapping[str, Any]) -> Any:
    """The view of a policy: resources as everywhere, plan and files as plain data."""
    from idc.policy import Resource, View

    resources = tuple(Resource(*each) for each in document["resources"])
    prefix = IPv4Network(document["prefix"])
    return View(resources, prefix, today=date.fromisoformat(document["today"]), document=document)


def _limit(size: int) -> None:
    """Bounds its time, its memory (with room for a view of this size in bytes) and its answer; nobody's rights."""
    memory = (1 << 30) + 40 * size
    for what, number in (
        (resource.RLIMIT_CPU, CPU_SECONDS), (resource.RLIMIT_AS, memory), (resource.RLIMIT_FSIZE, ANSWER),
        (resource.RLIMIT_CORE, 0),
    ):  # fmt: skip
        resource.setrlimit(what, (number, number))
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)


if __name__ == "__main__":
    main()
