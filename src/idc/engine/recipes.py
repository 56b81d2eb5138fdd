"""The recipes in ``images/``: what each image is made of, and the fingerprint that says when it must be built again.

A folder ``images/<name>/`` holds

    Dockerfile    how the image runs; its root file system comes as ``rootfs.tar``, so nothing is fetched or run here
    packages      Debian packages, one a line
    files/        files laid over the packages, with their paths (a script, known by its ``#!``, becomes executable)
    copies        optional: ``<file below roles/> <path in the image>`` a line, for files that a role owns
    prepare.sh    optional: runs with the root's path before the packages are installed (fixed user ids)
    finish.sh     optional: runs with the root's path at the end (enable units, cut what is not used)
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from idc import paths
from idc.errors import UsageError

BASE = "base"
_FORMAT = "1"  # raised when the way of building changes what comes out


@dataclass(frozen=True)
class Recipe:
    """One image: all that its content depends on, apart from the packages' versions."""

    name: str
    parent: Recipe | None  # the base; None for the base itself
    packages: tuple[str, ...]
    files: Mapping[str, bytes]  # path in the image -> content
    dockerfile: bytes
    prepare: Path | None
    finish: Path | None

    @cached_property
    def digest(self) -> str:
        """Hash of the recipe alone, without its parent."""
        total = hashlib.sha256()
        scripts = [script.read_bytes() if script else b"" for script in (self.prepare, self.finish)]
        head = [_FORMAT.encode(), self.name.encode(), "\n".join(self.packages).encode(), self.dockerfile, *scripts]
        files = (item for path, content in sorted(self.files.items()) for item in (path.encode(), content))
        for part in (*head, *files):
            total.update(len(part).to_bytes(8, "big") + part)  # length first: no two lists of parts look alike
        return total.hexdigest()

    @cached_property
    def fingerprint(self) -> str:
        """Hash over the recipe and what it stands on."""
        below = self.parent.fingerprint if self.parent else ""
        return hashlib.sha256(f"{below}\0{self.digest}".encode()).hexdigest()

    @property
    def tag(self) -> str:
        """Name of the image on an engine: ``idc/<name>:<first 12 digits of the fingerprint>``."""
        return f"idc/{self.name}:{self.fingerprint[:12]}"

    def files_tar(self) -> bytes:
        """The files as a tar, owned by root, the same bytes whatever the checkout's modes and times."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for folder in sorted({str(parent) for path in self.files for parent in Path(path).parents} - {"."}):
                archive.addfile(_entry(folder, tarfile.DIRTYPE, 0o755))
            for path, content in sorted(self.files.items()):
                entry = _entry(path, tarfile.REGTYPE, 0o755 if content.startswith(b"#!") else 0o644)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
        return buffer.getvalue()


def image_names() -> list[str]:
    """Short names of all images, the base first."""
    folders = [item.parent.name for item in (paths.resources() / "images").glob("*/Dockerfile")]
    return sorted(folders, key=lambda name: (name != BASE, name))


def recipe(name: str) -> Recipe:
    """The recipe of one image; UsageError for a name that has none."""
    folder = paths.resources() / "images" / name
    if name not in image_names():
        raise UsageError(f"no image is called {name!r}", hint=f"images: {', '.join(image_names())}")
    files = {str(path.relative_to(folder / "files")): path.read_bytes() for path in _files(folder / "files")}
    for line in _lines(folder / "copies"):
        source, target = line.split()
        files[target] = (paths.resources() / "roles" / source).read_bytes()
    return Recipe(
        name=name,
        parent=None if name == BASE else recipe(BASE),
        packages=tuple(_lines(folder / "packages")),
        files=files,
        dockerfile=(folder / "Dockerfile").read_bytes(),
        prepare=_script(folder / "prepare.sh"),
        finish=_script(folder / "finish.sh"),
    )


def fingerprint(name: str) -> str:
    """Hash over the recipe and what it stands on; hex. Changes exactly when the image must be built again."""
    return recipe(name).fingerprint


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def _lines(path: Path) -> list[str]:
    """Lines of a list file without comments; a list that is not there is empty."""
    if not path.is_file():
        return []
    return [line for raw in path.read_text().splitlines() if (line := raw.split("#")[0].strip())]


def _script(path: Path) -> Path | None:
    return path if path.is_file() else None


def _entry(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.uid, entry.gid, entry.mtime = kind, mode, 0, 0, 0
    entry.uname = entry.gname = "root"
    return entry
