"""``idc init``: a new centre that passes `plan` as it is."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from idc.cli.common import print_json
from idc.model.init import PREFIX, PROFILE, create
from idc.model.profiles import names


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``idc init``."""
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="folder to make; must not hold a centre yet")
    parser.add_argument("--name", default="", help="name of the centre (default: the folder's name)")
    parser.add_argument(
        "--profile", default=PROFILE, help=f"the law: {', '.join(names())} (default: {PROFILE})", metavar="PROFILE"
    )
    words = "the fabric that it manages (default: the profile's nearest to the public)"
    parser.add_argument("--fabric", default="", help=words, metavar="FABRIC")
    parser.add_argument("--domain", default="", help="domain of its sites (default: NAME.example)", metavar="DOMAIN")
    words = f"private network for its hosts and segments, a /8 to /20 (default: {PREFIX})"
    parser.add_argument("--prefix", default=PREFIX, help=words, metavar="PREFIX")
    parser.epilog = "example: idc init my-city && idc plan my-city"
    parser.epilog += "\nexample: idc init offices --profile three-nets --fabric office-lan --prefix 10.32.0.0/16"


def run(args: argparse.Namespace) -> int:
    """Write the files and say what to do next."""
    written = create(
        args.folder,
        name=args.name or args.folder.resolve().name,
        profile=args.profile,
        fabric=args.fabric,
        domain=args.domain,
        prefix=args.prefix,
    )
    if args.json:
        print_json({"ok": True, "folder": str(args.folder), "files": [str(file) for file in written]})
    else:
        for file in written:
            sys.stdout.write(f"wrote {file}\n")
        sys.stdout.write(f"next: idc plan {args.folder}\n")
    return 0
