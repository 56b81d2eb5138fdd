"""``idc graph``: a picture of a centre, as SVG."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from idc.cli.common import add_centre, one_centre_folder, print_json, write_file
from idc.model.profiles import load_profile
from idc.operate import context
from idc.proof import delta, prove_plan
from idc.report import graph


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``idc graph``."""
    add_centre(parser, several=False)
    parser.add_argument("-o", "--output", type=Path, help="file to write (default: standard output)")
    parser.add_argument(
        "--reachability", action="store_true", help="instead: the matrix of who may reach whom, as proven"
    )
    parser.epilog = "example: idc graph centres/reference/extranet -o extranet.svg"


def run(args: argparse.Namespace) -> int:
    """Draw the plan, beside it the fabrics that no line leads to, and what it opens and closes."""
    work = context.load(one_centre_folder(args.centre))
    plan = work.plan
    if args.reachability:
        picture = graph.reachability_svg(plan, proof=prove_plan(plan))
    else:
        apart = graph.apart_from(load_profile(plan.profile), plan.fabric)
        picture = graph.svg(plan, apart=apart, delta=delta.compare(work.applied, plan))
    if args.output is not None:
        write_file(args.output, picture)
    if args.json:
        print_json({"ok": True, "centre": plan.id, "svg": str(args.output) if args.output else picture})
    elif args.output is None:
        sys.stdout.write(picture)
    else:
        sys.stdout.write(f"{args.output}\n")
    return 0
