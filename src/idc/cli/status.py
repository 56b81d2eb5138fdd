"""``idc status``: each host and site as it is now."""

from __future__ import annotations

import argparse
import sys

from rich.console import Console
from rich.table import Table

from idc.cli import common
from idc.cli.common import add_centre, centre_folders, print_json
from idc.operate import context, status


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``idc status``."""
    add_centre(parser)
    parser.epilog = "example: idc status --json"


def run(args: argparse.Namespace) -> int:
    """Ask every host once; 3 where one does not answer, 1 where something is not as it was applied."""
    console = common.console()
    seen = [status.look(context.as_applied(folder)) for folder in centre_folders(args.centre)]
    if args.json:
        print_json({"ok": all(centre.ok for centre in seen), "centres": [centre.document() for centre in seen]})
    else:
        for centre in seen:
            _show(console, centre)
    if any(host.state == "does not answer" for centre in seen for host in centre.hosts):
        return 3
    return 0 if all(centre.ok for centre in seen) else 1


def _show(console: Console, centre: status.CentreStatus) -> None:
    hosts = Table(title=f"{centre.id}: hosts", title_justify="left")
    for heading in ("host", "location", "state", "firewall", "containers", "memory planned"):
        hosts.add_column(heading)
    for host in centre.hosts:
        hosts.add_row(host.name, host.location, host.state, host.firewall, host.containers, host.memory)
    console.print(hosts)
    sites = Table(title=f"{centre.id}: sites", title_justify="left")
    for heading in ("site", "state", "host", "answers", "address"):
        sites.add_column(heading, overflow="fold")
    for site in centre.sites:
        sites.add_row(site.ref, site.state, site.host, site.answers, site.address)
    console.print(sites)
    for host in centre.hosts:
        if host.down:
            console.print(f"[red]down[/red] on {host.name}: {', '.join(host.down)}", highlight=False)
    console.print(f"last applied: {centre.applied}", highlight=False)
    if centre.note:
        sys.stderr.write(f"warning: {centre.id}: {centre.note}\n")
