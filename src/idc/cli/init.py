"""``idc init``: a new centre that passes `plan` as it is."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from idc.cli.common import print_json
from idc.model.init import create


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``idc init``."""
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="folder to make; must not hold a centre yet")
    parser.add_argument("--name", default="", help="name of the centre (default: the folder's name)")
    parser.epilog = "example: idc init my-city && idc plan my-city"


def run(args: argparse.Namespace) -> int:
    """Write the files and say what to do next."""
    written = create(args.folder, name=args.name or args.folder.resolve().name)
    if args.json:
        print_json({"ok": True, "folder": str(args.folder), "files": [str(file) for file in written]})
    else:
        for file in written:
            sys.stdout.write(f"wrote {file}\n")
        sys.stdout.write(f"next: idc plan {args.folder}\n")
    return 0
