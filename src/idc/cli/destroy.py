"""``idc destroy``: remove a lab and leave nothing behind."""

from __future__ import annotations

import argparse
import sys

from idc.cli.common import add_centre, centre_folders, print_json
from idc.operate import destroy
from idc.operate.progress import Progress


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``idc destroy``."""
    add_centre(parser)
    parser.add_argument(
        "--name", default="", help="name of the centre, typed in full: needed where a host is no lab host"
    )
    parser.add_argument(
        "--foreign", action="store_true", help="also remove a lab of the same centre that another checkout left"
    )
    parser.epilog = "example: idc destroy centres/reference"


def run(args: argparse.Namespace) -> int:
    """Remove each centre's lab: containers, networks, volumes, station and locks."""
    progress = Progress()
    removed = {
        str(folder): destroy.destroy(folder, progress, typed=args.name, foreign=args.foreign)
        for folder in centre_folders(args.centre)
    }
    if args.json:
        print_json({"ok": True, "removed": removed})
    else:
        for folder, count in removed.items():
            sys.stdout.write(f"{folder}: {count} things removed\n" if count else f"{folder}: nothing was there\n")
    return 0
