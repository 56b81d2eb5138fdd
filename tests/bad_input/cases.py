"""Reads the tables of bad input (``*.cases``): what is changed in the base centre, and every problem it must give.

# name of the case
@ tenants/tax.yaml          a file of the base centre; `@ FILE gone` takes it out
- old text                  must occur exactly once
+ new text                  `\\uXXXX` stands for a character that would not show
| a line                    (instead of - and +) the whole file, line by line
> FILE:LINE:COLUMN: message
? hint
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from idc.errors import InputError, Problem
from idc.model.declaration import load

HERE = Path(__file__).parent
BASE = HERE / "base"
TODAY = date(2026, 1, 15)


@dataclass
class Edit:
    """One change of a file."""

    file: str
    gone: bool = False
    whole: list[str] = field(default_factory=list)
    pairs: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Case:
    """One bad input."""

    name: str
    source: str
    edits: list[Edit] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def build(self, folder: Path) -> None:
        """Write the base centre with the changes of this case."""
        shutil.copytree(BASE, folder)
        for edit in self.edits:
            path = folder / edit.file
            if edit.gone:
                path.unlink()
                continue
            if edit.whole:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("\n".join(edit.whole) + "\n", encoding="utf-8")
            for old, new in edit.pairs:
                text = path.read_text(encoding="utf-8")
                assert text.count(old) == 1, f"{self.name}: {old!r} occurs {text.count(old)} times in {edit.file}"
                path.write_text(text.replace(old, new), encoding="utf-8")


def _shown(text: str) -> str:
    return re.sub(r"\\u([0-9a-f]{4})", lambda match: chr(int(match[1], 16)), text)


def read(path: Path) -> Iterator[Case]:
    """The cases of one table."""
    case = Case("", "")
    for line in path.read_text(encoding="utf-8").splitlines():
        mark, _, rest = line.partition(" ")
        match mark:
            case "#":
                if case.name:
                    yield case
                case = Case(rest, path.stem)
            case "@":
                file, _, gone = rest.partition(" ")
                case.edits.append(Edit(file, gone == "gone"))
            case "-":
                case.edits[-1].pairs.append((rest, ""))
            case "+":
                old, before = case.edits[-1].pairs[-1]
                case.edits[-1].pairs[-1] = (old, _shown(f"{before}\n{rest}" if before else rest))
            case "|":
                case.edits[-1].whole.append(_shown(rest))
            case ">" | "?":
                case.expected.append(line)
            case "":
                pass
            case _:
                raise ValueError(f"{path}: {line}")
    yield case


def all_cases() -> list[Case]:
    """Every case of every table."""
    return [case for path in sorted(HERE.glob("*.cases")) for case in read(path)]


def problems_of(folder: Path) -> tuple[Problem, ...]:
    """What is wrong with a centre folder; nothing when it loads."""
    try:
        load(folder, today=TODAY)
    except InputError as error:
        return error.problems
    return ()


def show(problems: tuple[Problem, ...], folder: Path) -> list[str]:
    """Problems as the tables write them."""
    lines = []
    for problem in problems:
        file = problem.file.removeprefix(f"{folder}/").replace(str(folder), ".")
        place = f"{file}:{problem.line}:{problem.column}" if problem.line else file
        lines.append(f"> {place}: {problem.message}".replace(str(folder), "."))
        if problem.hint:
            lines.append(f"? {problem.hint}".replace(str(folder), "."))
    return lines
