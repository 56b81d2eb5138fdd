"""Every linter of the project, each as one test: a clean tree is part of the tests, not of somebody's editor."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


def run(*command: str, cwd: Path = ROOT, **environment: str) -> None:
    """Run a linter; its own words are the failure."""
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=False,
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", **environment},
    )  # fmt: skip
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"


def shell_files() -> list[str]:
    """Files that git knows and that a shell runs."""
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    found = []
    for name in names:
        path = ROOT / name
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                first = file.readline(80)
            if first.startswith(b"#!") and (b"bash" in first or b"/sh" in first):
                found.append(name)
    return found


def test_ruff_finds_nothing() -> None:
    run("ruff", "check", ".")


def test_code_is_formatted() -> None:
    run("ruff", "format", "--check", ".")


def test_mypy_strict_finds_nothing() -> None:
    run("mypy")


def test_ansible_lint_production_finds_nothing() -> None:
    home = str(ROOT / ".cache" / "ansible")
    run("ansible-lint", "--offline", "--profile", "production", "roles/site.yml", ANSIBLE_HOME=home)


def test_shellcheck_finds_nothing() -> None:
    files = shell_files()
    assert "idc" in files
    if shutil.which("shellcheck") is None:
        pytest.fail(
            "shellcheck is not installed; `./idc test` without --fast installs it, or: apt-get install shellcheck"
        )
    run("shellcheck", *files)


@pytest.mark.live
@pytest.mark.xdist_group("live")
def test_go_vet_finds_nothing(tmp_path: Path) -> None:
    from idc.engine import golang, toolchain

    plugin = toolchain.DOCKER_PLUGIN
    go = str(golang.find_go(plugin.sources() / "go.mod", lambda _: None))
    module = tmp_path / plugin.module
    shutil.copytree(ROOT / "tools" / plugin.module, module)
    # The flags of the build, so that its cache serves.
    flags = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false"}
    assert plugin.generate is not None
    generator, generated = plugin.generate
    schema = subprocess.run(
        [go, "run", "-trimpath", generator], cwd=module, env={**os.environ, **flags}, capture_output=True, check=True
    ).stdout
    (module / generated).write_bytes(schema)  # it is embedded, and made at build time
    run(go, "vet", "-trimpath", "./...", cwd=module, **flags)
