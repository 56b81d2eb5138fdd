"""What Pulumi needs around it in a station: its environment, its home folder, its plugins."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from idc import paths
from idc.engine import files, toolchain
from idc.engine.pulumi_state import PROJECT, Backend
from idc.engine.station import Station
from idc.engine.toolchain import Toolchain


def shell_env(station: Station) -> dict[str, str]:
    """The environment in which `pulumi preview --stack NAME`, typed at the checkout's root, works on a station."""
    backend = Backend(state=station.folder / "state", config=station.folder / "pulumi",
                      passphrase_file=station.passphrase_file)  # fmt: skip
    _forbid_stack_files(paths.resources())
    prepare_home(station.folder, toolchain.ensure(lambda _: None))
    return settings(backend, station.folder)


def settings(backend: Backend, station: Path) -> dict[str, str]:
    """The environment that each Pulumi CLI gets, whoever starts it."""
    return {
        "IDC_STATION": str(station.resolve()),
        "PULUMI_BACKEND_URL": backend.url,
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(backend.passphrase_file.resolve()),
        "PULUMI_HOME": str((station / "pulumi").resolve()),
        "PULUMI_SKIP_UPDATE_CHECK": "1",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_IGNORE_AMBIENT_PLUGINS": "true",  # those in PULUMI_HOME, which are the right ones
        # The salt lies in the state too: by hand no Pulumi.<stack>.yaml is needed.
        "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true",
    }


def prepare_home(station: Path, tools: Toolchain) -> None:
    """Pulumi's home and the project that idc's own runs take for theirs, both in the station."""
    home = files.make_folder(station / "pulumi")
    project = home / "Pulumi.yaml"
    if not project.exists():
        files.write_atomic(project, f"name: {PROJECT}\nruntime: python\n")
    plugins = home / "plugins"
    if not plugins.is_symlink() or plugins.readlink() != tools.plugins:
        beside = home / f".plugins.{os.getpid()}"
        beside.unlink(missing_ok=True)
        beside.symlink_to(tools.plugins)
        beside.replace(plugins)
    logs = home / "logs"
    if not logs.exists():
        # A file where the CLI wants its folder: it then does without an encrypted log of its own of every run, which
        # nobody reads and which costs a tenth of a small stack's time.
        files.write_atomic(logs, "idc keeps its logs in ../logs\n")


def _forbid_stack_files(checkout: Path) -> None:
    """Keep the CLI from writing Pulumi.<stack>.yaml when it is used by hand.

    It would take the salt from the state and write it into ``stackConfigDir`` (Pulumi.yaml); the next centre with a
    stack of that name would then find a wrong one. A link to nowhere reads as "no such file" and cannot be made a
    folder, and the CLI does not mind that the writing fails.
    """
    place = checkout / ".idc" / "no-stack-files"
    with contextlib.suppress(OSError):
        place.parent.mkdir(exist_ok=True)
        if not place.is_symlink():
            place.symlink_to("nowhere")
