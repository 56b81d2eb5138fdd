"""Where the product's own files and its caches are. No I/O at import."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path


@cache
def resources() -> Path:
    """Folder with ``stacks/ roles/ templates/ ...``: the checkout's root, or the data folder of an installed wheel."""
    package = Path(__file__).resolve().parent
    checkout = package.parent.parent
    if (checkout / "Pulumi.yaml").is_file() and (checkout / "src" / "idc").is_dir():
        return checkout
    return package / "_data"


def in_checkout() -> bool:
    """True when idc runs from a source checkout rather than from an installed wheel."""
    return resources() != Path(__file__).resolve().parent / "_data"


def cache_dir() -> Path:
    """Folder of what can be built again: ``$IDC_CACHE``, ``$XDG_CACHE_HOME/idc`` or ``~/.cache/idc``."""
    if chosen := os.environ.get("IDC_CACHE"):
        return Path(chosen)
    if xdg := os.environ.get("XDG_CACHE_HOME"):
        return Path(xdg) / "idc"
    return Path.home() / ".cache" / "idc"


def runtime_dir() -> Path:
    """Folder of sockets and of locks that hold on the whole machine: ``$IDC_RUNTIME`` (tests) or ``/run/idc``.

    Short: a socket's path holds at most 107 bytes.
    """
    return Path(os.environ.get("IDC_RUNTIME") or "/run/idc")


def stations_dir() -> Path:
    """Folder of the stations: ``$IDC_STATIONS``, ``<checkout>/.idc/stations`` or ``/var/lib/idc/stations``."""
    if chosen := os.environ.get("IDC_STATIONS"):
        return Path(chosen)
    if in_checkout():
        return resources() / ".idc" / "stations"
    return Path("/var/lib/idc/stations")
