"""The Pulumi CLI and the Docker plugin: from PATH where they fit, else built once from Go modules into the cache.

What a run uses lies in one folder of links and two small scripts, so that PATH needs one entry:

    <cache>/bin/<key>/pulumi  pulumi-resource-docker            links
                      pulumi-language-python                    runs idc.engine.language_host
                      pulumi-analyzer-policy-python             runs pulumi.policy
                      plugins/                                  the same once more, as Pulumi wants its plugins laid out

The key is the hash of what the links and scripts say, so that two checkouts never change each other's folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from idc import paths
from idc.engine import files, gobuild
from idc.engine.gobuild import Program
from idc.errors import ToolError

CLI_VERSION: Final = "3.258.0"
PLUGIN_VERSION: Final = "5.2.0"

PULUMI: Final = Program(
    name="pulumi",
    module="pulumi",
    package="github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
    title="the Pulumi CLI",
    # Without it the CLI calls itself "3.0.0-dev", and nothing that asks for its version works.
    ldflags=f"-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version={CLI_VERSION}",
    version_argv=("version",),
    packages=1670,
)
DOCKER_PLUGIN: Final = Program(
    name="pulumi-resource-docker",
    module="pulumi-resource-docker",
    package=".",
    title="Pulumi's Docker plugin",
    generate=("./schema", "generated/schema.json"),
    version_argv=("-version",),
    packages=1000,  # beyond those that the CLI has in common
)


@dataclass(frozen=True)
class Toolchain:
    """Programs that are ready to run."""

    bin_dir: Path
    pulumi: Path

    @property
    def plugins(self) -> Path:
        """For ``$PULUMI_HOME/plugins``: found there, a plugin is used without a warning that it came from PATH."""
        return self.bin_dir / "plugins"

    def env(self) -> dict[str, str]:
        """What a process needs in its environment to find them: ``PATH`` with the folder in front."""
        path = os.environ.get("PATH", os.defpath)
        parts = [str(self.bin_dir), *(part for part in path.split(os.pathsep) if part != str(self.bin_dir))]
        return {"PATH": os.pathsep.join(parts)}


def ensure(progress: Callable[[str], None]) -> Toolchain:
    """The toolchain; what is missing is built. Raises ToolError that says what stands in the way and what to do."""
    programs = {program.name: found for program in (PULUMI, DOCKER_PLUGIN) if (found := _find(program)) is not None}
    missing = [program for program in (PULUMI, DOCKER_PLUGIN) if program.name not in programs]
    folder = _bin_folder({**programs, **gobuild.build(missing, progress)})
    return Toolchain(bin_dir=folder, pulumi=folder / PULUMI.name)


def _find(program: Program) -> Path | None:
    built = program.place()
    if built.is_file():
        return built
    # What an earlier idc has built may be on PATH too (`idc env`), but this idc has other sources.
    cache = str(paths.cache_dir())
    searched = [part for part in os.environ.get("PATH", os.defpath).split(os.pathsep) if not part.startswith(cache)]
    on_path = shutil.which(program.name, path=os.pathsep.join(searched))
    return Path(on_path).resolve() if on_path is not None and _fits(program, Path(on_path)) else None


def _fits(program: Program, executable: Path) -> bool:
    try:
        words = subprocess.run(
            [executable, *program.version_argv],
            capture_output=True, text=True, timeout=30, check=True, env={**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "1"},
        ).stdout  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return False
    return fits(program.name, words)


def fits(name: str, version: str) -> bool:
    """True if a program of this name and version can take the place of the one that idc builds.

    The CLI must be at least the Python SDK's version, of the same major one; the plugin of the SDK's major and minor.
    """
    found = re.fullmatch(r"v?(\d+)\.(\d+)\.(\d+)", version.strip())  # no pre-releases
    if found is None:
        return False
    numbers = tuple(map(int, found.groups()))
    if name == PULUMI.name:
        own = tuple(map(int, CLI_VERSION.split(".")))
        return numbers[0] == own[0] and numbers >= own
    return numbers[:2] == tuple(map(int, PLUGIN_VERSION.split(".")))[:2]


def _bin_folder(programs: dict[str, Path]) -> Path:
    # -P: what lies in the current folder is never imported. The module paths are found as this process finds them.
    python = shlex.quote(sys.executable)
    package = str(Path(__file__).resolve().parents[2])
    head = f"#!/bin/sh\n# written by idc; edits are lost\nexport PYTHONPATH={shlex.quote(package)}\n"
    scripts = {
        "pulumi-language-python": f'{head}exec {python} -P -m idc.engine.language_host "$@"\n',
        "pulumi-analyzer-policy-python": f'{head}exec {python} -P -u -m pulumi.policy "$@"\n',
    }
    said = repr((2, sorted((name, str(path)) for name, path in programs.items()), sorted(scripts.items())))
    folder = paths.cache_dir() / "bin" / hashlib.sha256(said.encode()).hexdigest()[:16]
    if (folder / "complete").is_file():
        return folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, target in programs.items():
            beside = folder / f".{name}.{os.getpid()}"
            beside.unlink(missing_ok=True)
            beside.symlink_to(target)
            beside.replace(folder / name)
        for name, text in scripts.items():
            files.write_atomic(folder / name, text, 0o755)
        for name, version in ((DOCKER_PLUGIN.name, PLUGIN_VERSION), ("pulumi-language-python", CLI_VERSION)):
            place = folder / "plugins" / f"{name.removeprefix('pulumi-')}-v{version}"
            place.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                (place / name).symlink_to(folder / name)
        files.write_atomic(folder / "complete", "", 0o644)
    except OSError as error:
        raise ToolError(f"{folder} cannot be written: {error}", hint="IDC_CACHE names another folder") from error
    return folder
