"""``idc isolate``: shut a tenant at once, or open it again."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from idc.cli.common import print_json
from idc.operate import isolate
from idc.operate.progress import Progress


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``idc isolate``."""
    parser.add_argument("tenant", metavar="TENANT", help="id of the tenant, as tax")
    parser.add_argument(
        "centre", nargs="?", type=Path, metavar="CENTRE", help="centre folder, where the tenant is in one of several"
    )
    parser.add_argument("--undo", action="store_true", help="open it again, as it was applied before")
    parser.epilog = "example: idc isolate tax\nexample: idc isolate tax --undo"


def run(args: argparse.Namespace) -> int:
    """Closing needs no proof and no approval; its containers run on, nothing reaches them and they reach nothing."""
    station = isolate.station_of(args.tenant, args.centre)
    done = (isolate.undo if args.undo else isolate.shut)(station, args.tenant, Progress())
    if args.json:
        print_json(
            {
                "ok": True,
                "tenant": args.tenant,
                "isolated": not args.undo,
                "changed": done.changed,
                "seconds": done.seconds,
                "words": done.words,
            }
        )
    else:
        sys.stdout.write(done.words + "\n")
    return 0
