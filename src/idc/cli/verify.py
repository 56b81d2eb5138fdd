"""``idc verify``: prove a running centre with its live state and real packets."""

from __future__ import annotations

import argparse

from idc.cli import common
from idc.cli.common import add_centre, centre_folders, print_json
from idc.operate import context, verify
from idc.operate.progress import Progress
from idc.report import past


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``idc verify``."""
    add_centre(parser)
    parser.add_argument("--passive", action="store_true", help="send no packets: look at the live state only")
    parser.epilog = "example: idc verify centres/reference/extranet"


def run(args: argparse.Namespace) -> int:
    """Verify each centre; 1 when anything was found or could not be looked at."""
    progress = Progress()
    documents: dict[str, object] = {}
    ok = True
    for folder in centre_folders(args.centre):
        standing = context.as_applied(folder)
        if standing.note:
            progress.step(f"{folder}: {standing.note}")
        for line in past.lines(standing.expired):
            progress.step(f"warning: {line}")
        report = verify.run(standing.station, standing.plan, progress, packets=not args.passive)
        documents[standing.plan.id] = {**report.to_document(), "expired": past.document(standing.expired)}
        ok = ok and report.ok
        if not args.json:
            report.print(common.console())
            past.text(standing.expired)
    if args.json:
        print_json({"ok": ok, "packets": not args.passive, "centres": documents})
    return 0 if ok else 1
