"""``idc lab up|down``: the lab hosts of a centre, without what runs on them."""

from __future__ import annotations

import argparse
import sys

from idc.cli.common import add_centre, centre_folders, print_json
from idc.operate import labs
from idc.operate.progress import Progress


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``idc lab``."""
    parser.add_argument(
        "direction", choices=("up", "down"), help="start the lab hosts, or stop them and keep their disks"
    )
    add_centre(parser)
    parser.epilog = "example: idc lab down centres/reference/extranet"


def run(args: argparse.Namespace) -> int:
    """Start or stop; what ran on a host comes back with it, sealed and serving."""
    progress = Progress()
    hosts = {
        str(folder): labs.start(folder, progress) if args.direction == "up" else labs.stop(folder, progress)
        for folder in centre_folders(args.centre)
    }
    if args.json:
        print_json({"ok": True, "hosts": hosts})
    else:
        for folder, names in hosts.items():
            sys.stdout.write(f"{folder}: {', '.join(names) or 'nothing to do'}\n")
    return 0
