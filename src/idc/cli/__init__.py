"""The command line: one file a verb. A verb's module is imported only when it is asked for."""

from __future__ import annotations

import argparse
import importlib
import io
import json
import os
import sys
from collections.abc import Sequence
from typing import Final

from idc.errors import IdcError, InputError

# verb -> what it does, in the order in which people meet them
VERBS: Final[dict[str, str]] = {
    "init": "write a new centre that passes `plan` as it is",
    "plan": "show what would change, what opens and closes; touches nothing",
    "up": "build or change a centre until it is as declared",
    "verify": "prove a running centre with its live state and real packets",
    "status": "show each host and site as it is now",
    "graph": "draw a centre: fabrics, zones, hosts, segments, flows",
    "isolate": "shut a tenant at once, or open it again",
    "retire": "close a tenant for good, its data kept aside",
    "destroy": "remove a lab and leave nothing behind",
    "lab": "bring the lab hosts of a centre up or down",
    "env": "print the shell environment for pulumi and ssh by hand",
    "test": "run the project's own tests",
}


def _module_name(verb: str) -> str:
    return f"idc.cli.{verb}"


def build_parser(only: str | None = None) -> argparse.ArgumentParser:
    """The parser of all verbs, or with ``only`` of that one (the others are named but not imported)."""
    parser = argparse.ArgumentParser(
        prog="idc",
        description="Infrastructure as code for a government hosting centre: declared, built, proven.",
        epilog="example: idc up centres/reference",
    )
    commands = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for verb, summary in VERBS.items():
        command = commands.add_parser(verb, help=summary, description=summary[0].upper() + summary[1:] + ".")
        command.formatter_class = argparse.RawDescriptionHelpFormatter
        if only is None or only == verb:
            importlib.import_module(_module_name(verb)).configure(command)
            command.add_argument("--json", action="store_true", help="print the result as one JSON document")
    return parser


def _report_failure(error: IdcError, as_json: bool) -> None:
    if as_json:
        document: dict[str, object] = {"ok": False, "error": error.message, "hint": error.hint}
        if isinstance(error, InputError):
            document["problems"] = error.as_data()
            document["count"] = len(error.problems)
        json.dump(document, sys.stdout, ensure_ascii=not sys.stdout.encoding.lower().startswith("utf"))
        sys.stdout.write("\n")
    sys.stderr.write(error.render() + "\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb. Exit code 0 done, 1 findings or refused, 2 bad input, 3 engine failure, 130 interrupted."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A name that is no UTF-8, or a terminal that lacks its letters, is shown with escapes and stops nothing.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = _run(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Whoever read has seen enough; what is still buffered must not fail once more when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run(words: list[str]) -> int:
    verb = next((word for word in words if word in VERBS), "")
    args = build_parser(only=verb).parse_args(words)
    try:
        code: int = importlib.import_module(_module_name(args.verb)).run(args)
        return code
    except IdcError as error:
        _report_failure(error, args.json)
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("interrupted: nothing is lost, the same command goes on from here\n")
        return 130
