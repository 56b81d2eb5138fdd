"""``idc reach``: all that A can open, as planned and as the hosts are now."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from idc.cli import common
from idc.cli.common import centre_folders, print_json
from idc.errors import UsageError
from idc.operate import asking
from idc.operate.asking import Seen
from idc.proof.reach import Reached, UnseenError, by_name, reach
from idc.report import asked


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``idc reach``."""
    parser.add_argument(
        "source", metavar="A", help="tenant/ID/site/NAME, service/NAME, host/NAME, internet, or an address"
    )
    parser.add_argument("centre", nargs="?", type=Path, metavar="CENTRE", help="centre folder, where A is in several")
    parser.add_argument("--planned", action="store_true", help="do not ask the hosts")
    parser.epilog = "example: idc reach tenant/tax/site/file"


def run(args: argparse.Namespace) -> int:
    """List; 1 where plan and hosts differ, where something is open that nothing declares, or a host did not answer."""
    folder = asking.where(centre_folders(args.centre), args.source)
    planned = asking.planned(folder)
    wanted = _reached(planned, args.source)
    live = None if args.planned else asking.live(folder)
    note = "" if live is None else live.note
    now: tuple[Reached, ...] | None = None
    if live is not None and live.fabric is not None:
        try:
            now = _reached(live, args.source)
        except UnseenError as error:
            note = note or str(error)
    known = live is None or now is not None
    ok = known and all(one.declared for one in (*wanted, *(now or ())))
    ok = ok and (now is None or not asked.differing(wanted, now))
    if args.json:
        print_json(
            {
                "ok": ok,
                "centre": planned.plan.id,
                "from": args.source,
                "planned": asked.reach_document(wanted),
                "live": None if now is None else asked.reach_document(now),
                "note": note,
            }
        )
    else:
        asked.reach_table(common.console(), f"{planned.plan.id}: what {args.source} can open", wanted, now)
        if note:
            sys.stderr.write(f"warning: {note}\n")
    return 0 if ok else 1


def _reached(seen: Seen, source: str) -> tuple[Reached, ...]:
    assert seen.fabric is not None  # the caller asks only where something was seen
    (origin,) = asking.ends(seen.plan, source)
    address = origin.addresses[0]
    try:
        found = reach(seen.plan, seen.fabric, address)
    except ValueError as error:
        raise UsageError(str(error), hint="name a site, a service, a host, or an address of this fabric") from None
    return (*found, *by_name(seen.plan, address)) if origin.outside else found
