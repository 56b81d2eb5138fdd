"""``idc plan``: what would change, what opens and closes. Touches nothing."""

from __future__ import annotations

import argparse
import sys

from idc.cli.common import add_centre, centre_folders, print_json
from idc.operate import context
from idc.plan.diff import compare
from idc.plan.show import document, markdown, text


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``idc plan``."""
    add_centre(parser)
    parser.add_argument("--markdown", action="store_true", help="for a pull request")
    parser.epilog = "example: idc plan centres/reference/extranet --markdown > plan.md"


def run(args: argparse.Namespace) -> int:
    """Plan each centre and show it beside what was last applied."""
    documents: dict[str, object] = {}
    for folder in centre_folders(args.centre):
        work = context.load(folder)
        changes = compare(work.applied, work.plan)
        if args.json:
            documents[work.plan.id] = document(changes)
        elif args.markdown:
            sys.stdout.write(markdown(changes))
        else:
            text(changes)
    if args.json:
        print_json({"ok": True, "centres": documents})
    return 0
