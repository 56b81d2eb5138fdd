"""What several verbs share: which centre folders are meant, and how results are printed."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from idc.operate.centres import centre_folders as centre_folders
from idc.operate.centres import one_centre_folder as one_centre_folder
from idc.operate.centres import reference as reference


def add_centre(parser: argparse.ArgumentParser, *, several: bool = True) -> None:
    """Add the ``CENTRE`` argument: a centre folder, or (``several``) a folder of centre folders."""
    what = "centre folder, or a folder of centre folders" if several else "centre folder"
    parser.add_argument("centre", nargs="?", type=Path, metavar="CENTRE", help=f"{what} (default: centres/reference)")


def console() -> Console:
    """Where tables go: as wide as the terminal, or wide enough to read where there is none."""
    return Console(soft_wrap=True, width=None if sys.stdout.isatty() else 150)


def print_json(document: Mapping[str, object]) -> None:
    """One JSON document on stdout."""
    json.dump(document, sys.stdout, ensure_ascii=False, indent=2, default=str)
    sys.stdout.write("\n")
