"""``idc destroy``: remove a lab and leave nothing behind."""

from __future__ import annotations

import argparse
import sys

from idc.cli.common import add_centre, centre_folders, print_json
from idc.errors import IdcError
from idc.operate import destroy
from idc.operate.progress import Progress


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``idc destroy``."""
    add_centre(parser)
    parser.add_argument(
        "--foreign", action="store_true", help="also remove a lab of the same centre that another checkout left"
    )
    parser.epilog = "example: idc destroy centres/reference"


def run(args: argparse.Namespace) -> int:
    """Remove each centre's lab; one that is refused or fails does not keep the next. The worst exit code counts."""
    progress = Progress()
    removed: dict[str, int] = {}
    failed: dict[str, IdcError] = {}
    folders = centre_folders(args.centre)
    for folder in folders:
        try:
            removed[str(folder)] = destroy.destroy(folder, progress, foreign=args.foreign)
        except IdcError as error:
            if len(folders) == 1:
                raise  # told as every verb tells it
            failed[str(folder)] = error
    if args.json:
        words = {folder: error.render() for folder, error in failed.items()}
        print_json({"ok": not failed, "removed": removed, "failed": words})
    else:
        for name, count in removed.items():
            sys.stdout.write(f"{name}: {count} things removed\n" if count else f"{name}: nothing was there\n")
    for name, why in failed.items():
        sys.stderr.write(f"{name}: not removed\n{why.render()}\n")
    return max((error.exit_code for error in failed.values()), default=0)
