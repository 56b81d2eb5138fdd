"""``idc graph``: a picture of a centre, as SVG."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from idc.cli.common import add_centre, one_centre_folder, print_json
from idc.operate import context
from idc.report import graph


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``idc graph``."""
    add_centre(parser, several=False)
    parser.add_argument("-o", "--output", type=Path, help="file to write (default: standard output)")
    parser.add_argument("--reachability", action="store_true", help="the matrix of who may reach whom instead")
    parser.epilog = "example: idc graph centres/reference/extranet -o extranet.svg"


def run(args: argparse.Namespace) -> int:
    """Draw the plan."""
    work = context.load(one_centre_folder(args.centre))
    picture = graph.reachability_svg(work.plan) if args.reachability else graph.svg(work.plan)
    if args.output is not None:
        args.output.write_text(picture, encoding="utf-8")
    if args.json:
        print_json({"ok": True, "centre": work.plan.id, "svg": str(args.output) if args.output else picture})
    elif args.output is None:
        sys.stdout.write(picture)
    else:
        sys.stdout.write(f"{args.output}\n")
    return 0
