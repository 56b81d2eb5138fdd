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

from idc.cli import unexpected
from idc.cli.parser import Parser, nearest
from idc.errors import IdcError, InputError, Interrupted, UsageError

# verb -> what it does, in the order in which people meet them
VERBS: Final[dict[str, str]] = {
    "init": "write a new centre that passes `plan` as it is",
    "plan": "show what would change, what opens and closes; touches nothing",
    "up": "build or change a centre until it is as declared",
    "verify": "prove a running centre with its live state and real packets",
    "status": "show each host and site as it is now",
    "why": "say whether A may reach B, by which flow, rule and hop; planned and live",
    "reach": "list all that A can open; planned and live",
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


def build_parser(only: str | None = None) -> Parser:
    """The parser of all verbs, or with ``only`` of that one (the others are named but not imported)."""
    parser = Parser(
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


def _parse(words: Sequence[str]) -> argparse.Namespace:
    """The command line, of which only the verb's own module is imported. Raises UsageError."""
    verb = next((word for word in words if not word.startswith("-")), "")
    if verb and verb not in VERBS:
        hint = nearest(verb, list(VERBS), "idc ") or "`idc --help` lists the verbs"
        raise UsageError(f"no such verb: {verb!r}", hint=hint)
    return build_parser(only=verb).parse_args(words)


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
    except SystemExit as leaving:
        if isinstance(leaving.__context__, BrokenPipeError):  # the same, met inside rich, which has seen to stdout
            return 0
        raise


def _run(words: list[str]) -> int:
    # Known before the words are parsed: a document is owed for words that cannot be. What follows `--` is not ours.
    as_json = "--json" in (words[: words.index("--")] if "--" in words else words)
    try:
        args = _parse(words)
        code: int = importlib.import_module(_module_name(args.verb)).run(args)
        return code
    except IdcError as error:
        _report_failure(error, as_json)
        return error.exit_code
    except KeyboardInterrupt:
        _report_failure(Interrupted(), as_json)
        return Interrupted.exit_code
    except BrokenPipeError:
        raise  # whoever read our words has seen enough
    except Exception as error:
        # Nobody expected it: whoever mends it needs the traceback, whoever runs idc needs one line.
        failure = unexpected.explained(error)
        _report_failure(failure, as_json)
        return failure.exit_code
