"""``idc test``: the project's own tests. ``--fast`` needs no engine; without it everything runs, on real engines."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from idc import paths
from idc.errors import UsageError

# Programs that only the tests need, and the Debian packages they come in.
PACKAGES = {"shellcheck": "shellcheck", "curl": "curl"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``idc test``."""
    parser.add_argument("--fast", action="store_true", help="no engine, no root: under a minute")
    parser.add_argument(
        "--long", action="store_true", help="also what kills, restarts and mends a centre again and again"
    )
    parser.add_argument("arguments", nargs="*", metavar="PYTEST", help="passed to pytest (after --)")
    parser.epilog = "example: idc test --fast\nexample: idc test -- -k firewall -x"


def run(args: argparse.Namespace) -> int:
    """Set up what the tests need and run them; pytest's closing line is the last printed."""
    root = paths.resources()
    if not paths.in_checkout():
        raise UsageError("the project's tests are in its checkout", hint="`idc verify` tests a running centre")
    environment = dict(os.environ)
    command = [sys.executable, "-m", "pytest", "-q", "--durations=15"]
    if args.fast:
        command += ["-m", "not live", "-n", "2"]
    else:
        from idc.engine import machine, toolchain

        def say(text: str) -> None:
            sys.stderr.write(f"  {text}\n")

        machine.ensure(lambda text, _: say(text), extra=PACKAGES)
        environment.update(toolchain.ensure(say).env())
        # The live tests share one small centre: they run in one worker, beside the rest.
        command += ["-n", "2", "--dist", "loadgroup"]
        if not args.long:
            command += ["-m", "not long"]
    done = subprocess.run([*command, *args.arguments], cwd=root, env=environment, check=False)
    return done.returncode
