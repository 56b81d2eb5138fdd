"""What several verbs share: which centre folders are meant, and how results are printed."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from idc import paths
from idc.errors import UsageError


def add_centre(parser: argparse.ArgumentParser, *, several: bool = True) -> None:
    """Add the ``CENTRE`` argument: a centre folder, or (``several``) a folder of centre folders."""
    what = "centre folder, or a folder of centre folders" if several else "centre folder"
    parser.add_argument("centre", nargs="?", type=Path, metavar="CENTRE", help=f"{what} (default: centres/reference)")


def reference() -> Path:
    """The reference centre: beside the checkout's own files, or as it came with the wheel."""
    here = Path("centres/reference")
    return here if here.is_dir() else paths.resources() / "centres" / "reference"


def centre_folders(chosen: Path | None) -> list[Path]:
    """The centre folders that are meant, in order of their names.

    Raises UsageError where there is none.
    """
    folder = chosen if chosen is not None else reference()
    if (folder / "centre.yaml").exists():
        return [folder]
    if not folder.is_dir():
        raise UsageError(f"no such folder: {folder}", hint="`idc init FOLDER` writes a new centre")
    found = sorted(entry.parent for entry in folder.glob("*/centre.yaml"))
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


def console() -> Console:
    """Where tables go: as wide as the terminal, or wide enough to read where there is none."""
    return Console(soft_wrap=True, width=None if sys.stdout.isatty() else 150)


def print_json(document: Mapping[str, object]) -> None:
    """One JSON document on stdout."""
    plain = not sys.stdout.encoding.lower().startswith("utf")
    json.dump(document, sys.stdout, ensure_ascii=plain, indent=2, default=str)
    sys.stdout.write("\n")
