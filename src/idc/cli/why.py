"""``idc why``: may A reach B, by which flow, rule and hop, as planned and as the hosts are now.

With ``--denied TENANT``: what the hosts denied it, as entries for the declaration.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Final

from idc.cli.common import centre_folders, print_json
from idc.errors import UsageError
from idc.model.text import BadValueError
from idc.model.units import Duration, format_duration, parse_duration
from idc.operate import asking, context, denied
from idc.operate.asking import Seen
from idc.proof import wanted
from idc.proof.ends import UnknownEndError, way
from idc.proof.why import WayAnswer, along
from idc.report import asked
from idc.report import denied as shown

_PORT: Final = re.compile(r"(?:(?P<port>\d{1,5})(?:/(?P<after>tcp|udp))?|(?P<before>tcp|udp)/(?P<number>\d{1,5})|icmp)")
_LIKE_A_PORT: Final = re.compile(r"\d+(/\w+)?|(tcp|udp|sctp|icmp\w*)/\w+")


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``idc why``."""
    parser.add_argument(
        "source", nargs="?", metavar="A", help="tenant/ID/site/NAME, service/NAME, host/NAME, internet, or an address"
    )
    parser.add_argument("destination", nargs="?", metavar="B", help="the same")
    parser.add_argument("rest", nargs="*", metavar="PORT or CENTRE", help="as 443/tcp or icmp; a centre folder")
    parser.add_argument("--planned", action="store_true", help="do not ask the hosts")
    parser.add_argument(
        "--denied", metavar="TENANT", help="instead: what hosts denied from and to a tenant, as YAML to declare it"
    )
    parser.add_argument("--since", metavar="TIME", help="with --denied: how far back, as 30m, 1h (default) or 2d")
    parser.epilog = (
        "example: idc why internet tenant/tax/site/file\n"
        "example: idc why tenant/tax/site/file tenant/portal/site/www 8080/tcp centres/reference/extranet\n"
        "example: idc why --denied tax --since 2h centres/reference/extranet"
    )


def run(args: argparse.Namespace) -> int:
    """Answer; 1 where the plan and the hosts differ, or a host on the way did not answer."""
    if args.denied is not None:
        return _denied(args)
    if args.since is not None:
        raise UsageError("--since is about what was denied", hint="`idc why --denied TENANT --since 1h`")
    if args.source is None or args.destination is None:
        raise UsageError("`idc why` needs two ends", hint="`idc why internet tenant/tax/site/file`")
    protocol, port, centre = _rest(args.rest)
    folder = asking.where(centre_folders(centre), args.source, args.destination)
    planned = asking.planned(folder)
    answer = _answer(planned, args.source, args.destination, protocol, port)
    live = None if args.planned else asking.live(folder)
    now: WayAnswer | None = None
    note = "as you asked" if args.planned else f"{folder} has never been brought up from here"
    if live is not None:
        note = live.note
        if live.fabric is not None:
            now = _answer(live, args.source, args.destination, protocol, port)
    agreed = (live is None and not now) or (now is not None and now.allowed is answer.allowed)
    if args.json:
        print_json(
            {
                "ok": agreed,
                "centre": planned.plan.id,
                "planned": asked.way_document(answer),
                "live": asked.way_document(now) if now else None,
                "note": note,
            }
        )
    else:
        sys.stdout.write(f"{planned.plan.id}: {args.source} -> {args.destination}\n\n")
        asked.way_text(answer, now, note)
    return 0 if agreed else 1


def _denied(args: argparse.Namespace) -> int:
    """What was denied; 1 where a host's log could not be read."""
    if args.destination is not None or args.planned:
        other = "--planned" if args.planned else args.destination
        raise UsageError(
            f"--denied takes a tenant and a centre, not {other}",
            hint="as `idc why --denied tax --since 1h my-city`",
        )
    since = _span(args.since or "1h")
    folder = asking.of_tenant(centre_folders(Path(args.source) if args.source else None), args.denied)
    standing = context.as_applied(folder)
    logs = denied.read(standing.station, standing.plan, since)
    work = context.load(folder)
    kinds = wanted.wanted(standing.plan, args.denied, logs.denials)
    kinds = list(wanted.judged(kinds, work.declaration, work.lock, args.denied))
    if args.json:
        print_json({"ok": not logs.unread, "centre": standing.plan.id, **shown.document(args.denied, kinds, logs)})
    else:
        sys.stdout.write(shown.yaml(args.denied, kinds, logs, format_duration(since)))
    return 1 if logs.unread else 0


def _span(text: str) -> Duration:
    try:
        return parse_duration(text)
    except BadValueError as error:
        raise UsageError(f"--since: {error}", hint=error.hint) from None


def _answer(seen: Seen, source: str, destination: str, protocol: str, port: int) -> WayAnswer:
    assert seen.fabric is not None  # the caller asks only where something was seen
    first, last = asking.ends(seen.plan, source, destination)
    try:
        return along(seen.plan, seen.fabric, way(seen.plan, first, last, protocol, port))
    except UnknownEndError as error:
        raise UsageError(str(error), hint=error.hint) from None
    except ValueError as error:
        raise UsageError(str(error), hint="name a site, a service, a host, or an address of this fabric") from None


def _rest(words: list[str]) -> tuple[str, int, Path | None]:
    """Protocol, port and centre folder, in whichever order they were written. Raises UsageError."""
    protocol, port, centre = "", 0, None
    for word in words:
        match = _PORT.fullmatch(word)
        if match is None and _LIKE_A_PORT.fullmatch(word):
            raise UsageError(f"{word} is no port that is looked at", hint="write it as 443/tcp, 53/udp or icmp")
        if match is None:
            if centre is not None:
                raise UsageError(f"{word} is no port, and a centre is named already", hint="write a port as 443/tcp")
            centre = Path(word)
            continue
        protocol = "icmp" if word == "icmp" else match["after"] or match["before"] or "tcp"
        port = int(match["port"] or match["number"] or 0)
        if port > 65535 or (port == 0 and protocol != "icmp"):
            raise UsageError(f"{word} is no port", hint="ports are 1 to 65535, as 443/tcp")
    return protocol, port, centre
