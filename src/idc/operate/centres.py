"""Which centre folders are meant: the one that was named, those in the folder that was named, or the reference."""

from __future__ import annotations

from pathlib import Path

from idc import paths
from idc.errors import UsageError


def reference() -> Path:
    """The reference centre: beside the checkout's own files, or as it came with the wheel."""
    here = Path("centres/reference")
    return here if here.is_dir() else paths.resources() / "centres" / "reference"


def centre_folders(chosen: Path | None) -> list[Path]:
    """The centre folders that are meant, in order of their names.

    Raises UsageError where there is none.
    """
    folder = chosen if chosen is not None else reference()
    try:
        if (folder / "centre.yaml").exists():
            return [folder]
        if not folder.is_dir():
            what = "no folder" if folder.exists() else "no such folder"
            raise UsageError(f"{what}: {folder}", hint="`idc init FOLDER` writes a new centre")
        found = sorted(entry.parent for entry in folder.glob("*/centre.yaml"))
    except OSError as error:
        raise UsageError(f"cannot read {folder}: {error.strerror}", hint="name a folder that can be read") from None
    if not found:
        raise UsageError(
            f"{folder} holds no centre.yaml, nor does a folder in it", hint="`idc init FOLDER` writes a new centre"
        )
    return found


def one_centre_folder(chosen: Path | None) -> Path:
    """The one centre folder that is meant. Raises UsageError where it is none or several."""
    folders = centre_folders(chosen)
    if len(folders) > 1:
        raise UsageError(
            f"{len(folders)} centres are meant: {', '.join(map(str, folders))}", hint=f"name one, as {folders[0]}"
        )
    return folders[0]
