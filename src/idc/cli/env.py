"""``idc env``: the shell environment in which `pulumi` and `ssh` work by hand on a centre."""

from __future__ import annotations

import argparse
import shlex
import sys

from idc.cli.common import add_centre, one_centre_folder, print_json
from idc.engine import pulumi, toolchain
from idc.engine.hosts import Hosts
from idc.errors import Unreachable
from idc.operate import context
from idc.operate.progress import Progress

KEPT_SECONDS = 8 * 3600  # a working day, for which the hosts' lines stay open


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``idc env``."""
    add_centre(parser, several=False)
    parser.epilog = 'example: eval "$(idc env centres/reference/extranet)" && pulumi preview --stack tenant-tax'


def run(args: argparse.Namespace) -> int:
    """Print ``export`` lines and connect the hosts for a working day, to be used by hand; 3 where one does not."""
    work = context.as_applied(one_centre_folder(args.centre))
    tools = toolchain.ensure(Progress().step)
    values = {
        **tools.env(),
        **pulumi.shell_env(work.station),
        "IDC_SSH_CONFIG": str(work.station.folder / "ssh" / "config"),
    }
    # What is printed serves for the hosts that do answer, so it is printed in any case.
    hosts = Hosts(work.station, work.plan)
    failed = hosts.connect(deadline=30.0)
    reached = [host.name for host in work.plan.hosts if host.name not in failed]
    hosts.keep(reached, KEPT_SECONDS)
    hosts.close()
    if reached:
        sys.stderr.write(f"  the hosts' engines answer by hand for {KEPT_SECONDS // 3600} hours; then run this again\n")
    if args.json:
        unreachable = {name: error.message for name, error in sorted(failed.items())}
        print_json({"ok": not failed, "env": values, "unreachable": unreachable})
    else:
        for name, value in sorted(values.items()):
            sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
    for name, error in sorted(failed.items()):
        sys.stderr.write(Unreachable(f"{name}: {error.message}", hint=error.hint).render() + "\n")
    return Unreachable.exit_code if failed else 0
