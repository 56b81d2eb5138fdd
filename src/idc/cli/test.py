"""``idc test``: the project's own tests. ``--fast`` needs no engine; without it everything runs, on real engines."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from idc import paths
from idc.cli.common import print_json
from idc.errors import BusyError, EngineError, InputError, RefusedError, UsageError

# Programs and files that only the tests need, and the Debian packages they come in.
PACKAGES = {
    "shellcheck": "shellcheck",
    "curl": "curl",
    "nginx": "nginx",
    "/usr/lib/nginx/modules/ngx_http_modsecurity_module.so": "libnginx-mod-http-modsecurity",
    "/usr/share/modsecurity-crs/owasp-crs.load": "modsecurity-crs",
}
WHOLE: Final = "IDC_TEST_WHOLE"  # set where everything is there: a test that lacks something fails, it is not skipped
LOCK: Final = Path("/run/lock/idc-test.lock")  # of the machine, whatever checkout is tested: all share one engine

# pytest's exit code -> idc's. Its 2 is a test file that cannot be read: Ctrl-C reaches idc itself, which says 130.
# What selects no test (5) is as bad an input as an option that pytest does not know (4).
EXIT_CODES: Final = {
    0: 0,
    1: RefusedError.exit_code,
    2: RefusedError.exit_code,
    4: InputError.exit_code,
    5: InputError.exit_code,
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``idc test``."""
    parser.add_argument("--fast", action="store_true", help="no engine, no root: under a minute")
    parser.add_argument("arguments", nargs="*", metavar="PYTEST", help="passed to pytest (after --)")
    parser.epilog = "example: idc test --fast\nexample: idc test -- -k firewall -x"


def run(args: argparse.Namespace) -> int:
    """Set up what the tests need and run them; pytest's closing line is the last printed."""
    if not paths.in_checkout():
        raise UsageError("the project's tests are in its checkout", hint="`idc verify` tests a running centre")
    environment = dict(os.environ)
    command = [sys.executable, "-m", "pytest", "-q", "--durations=15"]
    if args.fast:
        command += ["-m", "not live", "-n", "3"]  # some wait for something, not for a processor
        return _pytest(command, args, environment)
    from idc.engine import machine, toolchain
    from idc.engine.alone import alone

    def say(text: str) -> None:
        sys.stderr.write(f"  {text}\n")

    # pytest holds the lock too: a run whose `idc test` was killed still uses the engine.
    with alone(LOCK, 0.0, _busy) as lock:
        machine.ensure(lambda text, _: say(text), extra=PACKAGES)
        environment.update(toolchain.ensure(say).env())
        environment[WHOLE] = "1"
        # The live tests share one small centre: they run in one worker, beside the rest.
        command += ["-n", "2", "--dist", "loadgroup"]
        return _pytest(command, args, environment, lock)


def _pytest(command: list[str], args: argparse.Namespace, environment: dict[str, str], *inherited: int) -> int:
    with tempfile.TemporaryDirectory(prefix="idc-test-") as folder:
        results = Path(folder) / "results.xml"
        command += [f"--junitxml={results}"] if args.json else []
        # With --json the document has standard output for itself, and pytest's words go where progress goes.
        said = sys.stderr if args.json else None
        done = subprocess.run(
            [*command, *args.arguments],
            cwd=paths.resources(),
            env=environment,
            stdout=said,
            pass_fds=inherited,
            check=False,
        )
        if args.json:
            why = {"error": f"pytest ended with {done.returncode}", "hint": "its own words are on standard error"}
            counted = _counted(results) if results.exists() else {}
            print_json({"ok": done.returncode == 0, **(why if done.returncode else {}), **counted})
    return EXIT_CODES.get(done.returncode, EngineError.exit_code)


def _busy(holder: str) -> BusyError:
    return BusyError(
        f"another run of the project's tests uses this machine's engine ({holder})",
        hint="wait for it, or run `idc test --fast`: that needs no engine",
    )


def _counted(results: Path) -> dict[str, object]:
    """How many tests ran and which did not pass, from pytest's JUnit file."""
    (suite,) = ElementTree.parse(results).getroot()
    broken = [case for case in suite if case.find("failure") is not None or case.find("error") is not None]
    return {
        **{name: int(suite.get(name, "0")) for name in ("tests", "failures", "errors", "skipped")},
        "seconds": float(suite.get("time", "0")),
        "failed": [f"{case.get('classname')}::{case.get('name')}" for case in broken],
    }
