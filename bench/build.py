"""Builds the peers that idc is measured beside: ordinary Go programs, pinned by ``go.sum``, built on demand.

Not part of idc and not needed by its tests. The programs lie in the cache folder, keyed by their module files.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.machine import say
from idc import paths
from idc.engine import golang, toolchain
from idc.errors import ToolError

FOLDER: Final = Path(__file__).resolve().parent / "peers"
DEADLINE: Final = 3600.0  # seconds for one cold build with its downloads


@dataclass(frozen=True)
class Peer:
    """One program."""

    module: str  # folder under bench/peers/
    package: str
    executable: str

    def place(self) -> Path:
        """Where the built program is, or would be."""
        state = hashlib.sha256()
        for file in ("go.mod", "go.sum"):
            state.update((FOLDER / self.module / file).read_bytes())
        return paths.cache_dir() / "bench" / f"{self.module}-{state.hexdigest()[:16]}" / self.executable


OPENTOFU: Final = Peer("opentofu", "github.com/opentofu/opentofu/cmd/tofu", "tofu")
PROVIDER: Final = Peer(
    "provider", "github.com/terraform-providers/terraform-provider-docker", "terraform-provider-docker"
)
COMPOSE: Final = Peer("compose", "github.com/docker/compose/v2/cmd", "docker-compose")


def ensure(peer: Peer) -> Path:
    """The built program; some minutes the first time. Raises ToolError with Go's own words."""
    place = peer.place()
    if place.is_file():
        return place
    go = golang.find_go(toolchain.PULUMI.sources() / "go.mod", say)
    place.parent.mkdir(parents=True, exist_ok=True)
    beside = place.with_name(f".{place.name}-{os.getpid()}")
    environment = {
        **os.environ,
        "PATH": f"{go.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "GOTOOLCHAIN": "local",
        "GOFLAGS": "-mod=readonly",
        "CGO_ENABLED": "0",
    }
    say(f"building {peer.executable}: some minutes the first time")
    # Low priority: a build must not slow down what else the machine does.
    command = ["nice", "-n", "15", str(go), "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w"]
    try:
        done = subprocess.run(
            [*command, "-o", str(beside), peer.package],
            cwd=FOLDER / peer.module, env=environment, capture_output=True, text=True, timeout=DEADLINE, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise ToolError(f"{peer.executable} could not be built\n{done.stderr.strip()}")
        beside.replace(place)
    except subprocess.TimeoutExpired:
        raise ToolError(f"{peer.executable} was not built within {DEADLINE:.0f} s") from None
    finally:
        beside.unlink(missing_ok=True)
    return place


if __name__ == "__main__":
    for each in (PROVIDER, COMPOSE, OPENTOFU):
        say(str(ensure(each)))
