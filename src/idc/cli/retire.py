"""``idc retire``: close a tenant for good. Its data is kept aside and its numbers rest."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from idc.cli.common import print_json
from idc.operate import retire
from idc.operate.progress import Progress


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``idc retire``."""
    parser.add_argument("tenant", metavar="TENANT", help="id of a tenant whose file says `state: retiring`")
    parser.add_argument(
        "centre", nargs="?", type=Path, metavar="CENTRE", help="centre folder, where the tenant is in one of several"
    )
    parser.epilog = "example: idc retire tax"


def run(args: argparse.Namespace) -> int:
    """Flows first, then containers; volumes and numbers stay."""
    folder = retire.folder_of(args.tenant, args.centre)
    kept = retire.retire(folder, args.tenant, Progress())
    if args.json:
        print_json({"ok": True, "tenant": args.tenant, "kept": list(kept)})
    else:
        sys.stdout.write(
            f"{args.tenant} is retired: closed, its containers gone; kept aside: {', '.join(kept) or 'nothing'}\n"
        )
    return 0
