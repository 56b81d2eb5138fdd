"""``idc up``: build or change a centre until it is as declared."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from idc.cli import common
from idc.cli.common import add_centre, centre_folders, each_centre, print_json
from idc.errors import EngineError, IdcError, Problem, UsageError
from idc.live.show import show_findings
from idc.operate import context
from idc.operate.progress import Progress
from idc.report import past

if TYPE_CHECKING:
    from idc.operate.outcome import CentreOutcome


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``idc up``."""
    add_centre(parser)
    parser.add_argument("--lab", action="store_true", help="realise every host as a lab host, whatever its address")
    parser.add_argument("--full", action="store_true", help="run every stack and role, also those that seem unchanged")
    parser.add_argument("--image", action="append", default=[], metavar="NAME=ID", help="run this content of an image")
    parser.add_argument("--no-verify", action="store_true", help="leave out the packets and tests at the end")
    parser.epilog = "example: idc up\nexample: idc up centres/reference/extranet"


def run(args: argparse.Namespace) -> int:
    """All declarations are read and planned before anything is touched; then each centre goes through its phases."""
    from idc.operate import outcome, up, verify

    folders = centre_folders(args.centre)
    expired = check(folders, as_lab=args.lab)
    progress = Progress()
    tools, ids = up.prepare(progress)
    ids = {**ids, **_chosen(args.image, ids)}
    centres: list[outcome.CentreOutcome] = []
    codes: list[int] = []
    for folder in folders:
        began = len(progress.phases)
        progress.step(f"== {folder}")
        for line in past.lines(expired[folder]):
            progress.step(f"warning: {line}")
        try:
            result = up.up(folder, tools, ids, progress, full=args.full, as_lab=args.lab)
            report = None if args.no_verify else verify.after_up(result, progress)
            centres.append(outcome.of(result, report, progress.phases[began:]))
            codes.append(EngineError.exit_code if result.failed else int(not centres[-1].ok))
        except IdcError as error:
            # Fabrics share nothing: one that fails does not keep the next from being built.
            codes.append(error.exit_code)
            centres.append(outcome.failed(folder, error, progress.phases[began:]))
    if args.json:
        told = [past.document(expired[folder]) for folder in folders]
        documents = [{**c.document(), "expired": ended} for c, ended in zip(centres, told, strict=True)]
        print_json({"ok": all(c.ok for c in centres), "centres": documents})
    else:
        _show(centres, progress)
        for folder in folders:
            past.text(expired[folder])
    return max(codes, default=0)


def check(folders: Sequence[Path], *, as_lab: bool) -> dict[Path, tuple[Problem, ...]]:
    """Read and plan every centre before any is touched; what of each is past its day. Raises as ``each_centre``."""
    found = each_centre(folders, lambda folder: context.load(folder, as_lab=as_lab).declaration.expired)
    return dict(zip(folders, found, strict=True))


def _chosen(words: Sequence[str], known: Mapping[str, str]) -> dict[str, str]:
    """``NAME=sha256:…`` as given on the command line; raises UsageError for what is no such thing."""
    chosen = {}
    for word in words:
        name, _, identity = word.partition("=")
        if name not in known or not re.fullmatch(r"sha256:[0-9a-f]{64}", identity):
            raise UsageError(f"not an image and its content: {word!r}", hint=f"NAME=sha256:…, of {', '.join(known)}")
        chosen[name] = identity
    return chosen


def _show(centres: Sequence[CentreOutcome], progress: Progress) -> None:
    console = common.console()
    sites = Table(title="Sites", title_justify="left")
    for heading in ("centre", "site", "state", "address", "stage", "for"):
        sites.add_column(heading, overflow="fold")
    for centre in centres:
        for row in centre.sites:
            sites.add_row(centre.id, row.ref, row.state, row.address, row.stage, row.audience)
    console.print(sites)
    for centre in centres:
        console.print(f"\n[bold]{centre.id}[/bold]: {centre.summary}")
        for line in centre.proven:
            console.print(f"  {line}", highlight=False)
        for name, words in sorted(centre.failed.items()):
            console.print(f"  [red]failed[/red] {name}: {words}", highlight=False)
        show_findings(centre.findings, console)
        for line in centre.browser_hint:
            console.print(f"  {line}", highlight=False)
    times = Table(title="Time", title_justify="left")
    times.add_column("phase")
    times.add_column("seconds", justify="right")
    times.add_column("came to")
    for phase in progress.phases:
        times.add_row(phase.name, f"{phase.seconds:.1f}", phase.result)
    times.add_row("in all", f"{sum(phase.seconds for phase in progress.phases):.1f}", "")
    console.print(times)
