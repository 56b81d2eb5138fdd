"""Layers of images as tar files: what one root file system has beyond another. Tars alone, no engine needed."""

from __future__ import annotations

import hashlib
import re
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

# Left behind by building, or different on every machine: never part of a layer. Copyright notices stay.
_NEVER = re.compile(
    r"""^(
      (dev|proc|sys|run|tmp|var/tmp)/.*
    | var/cache/(apt|debconf|ldconfig|man)/.*
    | var/lib/apt/lists/.*
    | var/lib/dpkg/(lock.*|status-old|diversions-old|statoverride-old|available.*|triggers/Lock)
    | var/log/(dpkg\.log|alternatives\.log|bootstrap\.log|apt/.+)
    | etc/(resolv\.conf|hostname|hosts|\.pwd\.lock|passwd-|group-|shadow-|gshadow-|subuid-|subgid-)
    | etc/apt/(sources\.list|sources\.list\.d/.+|auth\.conf.*|keyrings/.+)
    | etc/(apt/apt\.conf\.d|dpkg/dpkg\.cfg\.d)/99mmdebstrap
    | usr/share/(man|info|locale|i18n|lintian|bug|doc-base|linda|pkgconfig|aclocal|gdb)/.+
    | usr/include/.+
    | var/lib/dpkg/info/[^/]+\.symbols
    | usr/lib/([^/]+/)?([^/]+\.l?a|pkgconfig/.+)
    | usr/share/doc/[^/]+/(?!copyright$).+
    )$""",
    re.VERBOSE,
)


def clean_name(name: str) -> str:
    """A member's path without ``./`` and trailing ``/``; the root itself is empty."""
    return "" if name == "." else name.removeprefix("./").strip("/")


def belongs(name: str) -> bool:
    """Whether a path is part of an image at all."""
    return bool(name) and not _NEVER.match(name)


def fingerprints(rootfs: IO[bytes]) -> dict[str, str]:
    """What each path of a root file system is, as a digest that is equal only for equal entries."""
    with tarfile.open(fileobj=rootfs, mode="r|") as archive:
        return {clean_name(member.name): _fingerprint(archive, member) for member in archive}


def write_delta(below: Mapping[str, str], rootfs: Path, layer: Path) -> int:
    """Write to ``layer`` what ``rootfs`` has beyond ``below`` (from ``fingerprints``); returns the number of entries.

    Nothing is taken away: packages on top of others only add and change files.
    """
    count = 0
    with tarfile.open(rootfs) as source, tarfile.open(layer, "w", format=tarfile.PAX_FORMAT) as target:
        for member in _worth_keeping(source, below):
            member.name, member.mode = clean_name(member.name), member.mode & 0o7777
            if member.islnk():
                member.linkname = clean_name(member.linkname)
            target.addfile(member, source.extractfile(member) if member.isreg() else None)
            count += 1
    return count


def _worth_keeping(source: tarfile.TarFile, below: Mapping[str, str]) -> Iterator[tarfile.TarInfo]:
    for member in source:
        name = clean_name(member.name)
        if belongs(name) and below.get(name) != _fingerprint(source, member):
            yield member


def _fingerprint(archive: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    parts = [member.type.decode("latin-1"), oct(member.mode & 0o7777), str(member.uid), str(member.gid)]
    parts.append(clean_name(member.linkname))
    parts += [f"{key}={value}" for key, value in sorted(member.pax_headers.items()) if key.startswith("SCHILY.xattr.")]
    if member.isreg() and (content := archive.extractfile(member)):
        total = hashlib.sha256()
        while chunk := content.read(1 << 20):
            total.update(chunk)
        parts.append(total.hexdigest())
    return "\0".join(parts)
