"""Runs a module of the roles as a host does: a program of its own with its arguments as JSON, its answer as JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from idc import paths

LIBRARY = paths.resources() / "roles/library"


def run_module(
    name: str, arguments: Mapping[str, object], programs: Path | None = None, *, check: bool = False
) -> dict[str, Any]:
    """The module's answer. ``programs``: a folder whose programs are found before the machine's own."""
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}" if programs else os.environ["PATH"]}
    words = json.dumps({"ANSIBLE_MODULE_ARGS": {**arguments, "_ansible_check_mode": check}})
    done = subprocess.run(
        [sys.executable, str(LIBRARY / f"{name}.py")],
        input=words, env=environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.stdout.strip(), done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer
