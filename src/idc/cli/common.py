"""What several verbs share: which centre folders are meant, and how results are printed."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from rich.console import Console

from idc.errors import InputError, Problem, RefusedError, UsageError
from idc.operate.centres import centre_folders as centre_folders
from idc.operate.centres import one_centre_folder as one_centre_folder
from idc.operate.centres import reference as reference

T = TypeVar("T")


def each_centre(folders: Sequence[Path], load: Callable[[Path], T]) -> list[T]:
    """What is loaded of each centre: what is wrong with one is said beside what is wrong with the others.

    Raises InputError with the problems of all, or else the first refusal.
    """
    loaded: list[T] = []
    problems: list[Problem] = []
    refusals: list[RefusedError] = []
    for folder in folders:
        try:
            loaded.append(load(folder))
        except InputError as error:
            problems.extend(error.problems)
        except RefusedError as error:
            refusals.append(error)
    if problems:
        raise InputError(problems)
    if refusals:
        raise refusals[0]
    return loaded


def add_centre(parser: argparse.ArgumentParser, *, several: bool = True) -> None:
    """Add the ``CENTRE`` argument: a centre folder, or (``several``) a folder of centre folders."""
    words = "centre folder, or a folder of centre folders (default: centres/reference)"
    one = "centre folder; needed where centres/reference is not meant, or holds several"
    parser.add_argument("centre", nargs="?", type=Path, metavar="CENTRE", help=words if several else one)


def write_file(file: Path, text: str) -> None:
    """Write what a person asked for where they asked for it. Raises UsageError where that cannot be."""
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        why = f"cannot write {file}: {error.strerror}"
        raise UsageError(why, hint="name a file in a folder that is there") from None


def console() -> Console:
    """Where tables go: as wide as the terminal, or wide enough to read where there is none."""
    return Console(soft_wrap=True, width=None if sys.stdout.isatty() else 150)


def print_json(document: Mapping[str, object]) -> None:
    """One JSON document on stdout."""
    plain = not sys.stdout.encoding.lower().startswith("utf")
    json.dump(document, sys.stdout, ensure_ascii=plain, indent=2, default=str)
    sys.stdout.write("\n")
