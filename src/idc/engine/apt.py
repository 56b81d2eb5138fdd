"""The package sources of this machine, so that images are built from where the machine itself installs from.

Only what fetches packages is taken over (mirrors, proxies, credentials, timeouts); none of it ends up in an image.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from idc.errors import ToolError

SUITE = "bookworm"
_LABELS = ("Debian", "Debian-Security")  # not the backports
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

_FIELDS = ("SOURCESENTRY", "REPO_URI", "RELEASE", "CODENAME", "LABEL", "COMPONENT")
_TARGETS_FORMAT = "|".join(f"$({field})" for field in _FIELDS)
# Options that say how to reach a mirror. Everything else of the machine's apt (hooks, pins) stays out of the build.
_OPTION = re.compile(
    r'^Acquire::(?:https?|ftp|Retries|Check-Valid-Until|Check-Date|ForceIPv[46]|Max-FutureTime)(?:::\S*)? ".*";$',
    re.IGNORECASE,
)
_SIGNED_BY = re.compile(r"signed-by\s*[:=]\s*(/[^\s\]]+)", re.IGNORECASE)


@dataclass(frozen=True)
class AptConfig:
    """``sources``: lines of a sources.list; ``options``: lines of an apt.conf. Both may hold credentials."""

    sources: tuple[str, ...]
    options: tuple[str, ...]


def parse(targets: str, files: Mapping[str, str], options: str) -> AptConfig:
    """Pure: ``apt-get indextargets`` in our format, the text of the source files it names, and ``apt-config dump``."""
    lines = []
    for target in sorted(set(targets.splitlines())):
        fields = target.split("|")
        if len(fields) != len(_FIELDS):
            continue
        entry, uri, release, codename, label, component = fields
        if component != "main" or not codename.startswith(SUITE) or label not in _LABELS:
            continue
        key = _signed_by(files.get(entry.rsplit(":", 1)[0], ""))
        lines.append(f"deb [signed-by={key}] {uri.rstrip('/')} {release} {component}")
    wanted = [line for line in options.splitlines() if _OPTION.match(line)]
    # Credentials for mirrors are read in place; the folders are empty on most machines.
    wanted += ['Dir::Etc::netrc "/etc/apt/auth.conf";', 'Dir::Etc::netrcparts "/etc/apt/auth.conf.d";']
    return AptConfig(tuple(dict.fromkeys(lines)), tuple(wanted))


def read() -> AptConfig:
    """The machine's own configuration. Raises ToolError when it has no sources of Debian 12."""
    found = _read()
    if not found.sources:  # lists that were never fetched, or cleaned away: apt then knows no suite's name
        _output("apt-get", "update", deadline=300)
        found = _read()
    if not found.sources:
        raise ToolError(
            f"images are made of Debian 12 packages, and this machine's apt has no source of {SUITE} main",
            hint=f"use a Debian 12 machine, or add its sources (suites {SUITE}, {SUITE}-updates, {SUITE}-security) "
            "below /etc/apt/sources.list.d and run apt-get update",
        )
    return found


def _read() -> AptConfig:
    targets = _output("apt-get", "indextargets", "--format", _TARGETS_FORMAT, "Created-By: Packages")
    names = {line.split("|", 1)[0].rsplit(":", 1)[0] for line in targets.splitlines()}
    return parse(targets, _texts(names), _output("apt-config", "dump"))


def _signed_by(text: str) -> str:
    """The key file that a source file names; the Debian keyring when it names none or several."""
    keys = set(_SIGNED_BY.findall(text))
    return keys.pop() if len(keys) == 1 else KEYRING


def _texts(names: Iterable[str]) -> dict[str, str]:
    return {name: Path(name).read_text(errors="replace") for name in names if name and Path(name).is_file()}


def _output(*command: str, deadline: float = 60) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=deadline, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""  # no apt here, or one that cannot be asked: no sources
    return done.stdout if done.returncode == 0 else ""
