"""Mutations of the declaration, as somebody would write them: a file of the good centre is edited, read and planned.

The model lets all of them pass, or they would be none of a policy's.
"""

from __future__ import annotations

import datetime
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from idc.policy import View
from tests.conftest import ROOT
from tests.policies.mutation import Mutation
from tests.policies.reference import TODAY, as_planned

Edits = Sequence[tuple[str, str, str]]  # file, what stands there, what is to stand there

TAX, CENTRE, PEOPLE = "tenants/tax.yaml", "centre.yaml", "people.yaml"
_TERM = "2026-12-31"


def _copy(folder: Path) -> Path:
    """The good centre."""
    copy = folder / "extranet"
    shutil.copytree(ROOT / "centres" / "reference" / "extranet", copy)
    return copy


def _real(folder: Path) -> Path:
    """The good centre on machines of its own, which nobody administers yet."""
    file = (copy := _copy(folder)) / CENTRE
    lines = file.read_text().splitlines()
    hosts = [number for number, line in enumerate(lines) if "{location: " in line]
    for number in hosts:
        lines[number] = lines[number].replace("{location", f"{{address: 172.16.9.{number}, location")
    text = "\n".join(lines)
    for name in ("internet", "fabric"):
        text = re.sub(rf"( {name}: +)\{{address", rf"\1{{interface: {name}, address", text)
    file.write_text(text)
    return copy


def _administered(folder: Path) -> Path:
    """The same with its three administrators."""
    copy = _real(folder)
    people = (ROOT / "tests" / "bad_input" / "base" / "people.yaml").read_text()
    (copy / PEOPLE).write_text(re.sub(r"until: \S+", f"until: {_TERM}", people))
    return copy


def _edited(start: Callable[[Path], Path], edits: Edits, day: datetime.date) -> View:
    with tempfile.TemporaryDirectory() as name:
        folder = start(Path(name))
        for file, old, new in edits:
            text = (folder / file).read_text()
            assert old in text, f"{old!r} is not in {file}"
            (folder / file).write_text(text.replace(old, new, 1))
        return as_planned(folder, day)


def written(
    words: str, *kills: str, edits: Edits = (), start: Callable[[Path], Path] = _copy, day: datetime.date = TODAY
) -> Mutation:
    return Mutation(words, kills, lambda: _edited(start, edits, day))


@cache
def administered() -> View:
    """A centre with a machine of its own and with people, as it should be."""
    return _edited(_administered, (), TODAY)


def egress(words: str, *kills: str, edits: Edits = (), **fields: str) -> Mutation:
    given = {"to": "198.18.64.50/32", "port": "443/tcp", "why": "register of companies at the partner", "until": _TERM}
    entry = ", ".join(f"{key}: {value}" for key, value in {**given, **fields}.items() if value)
    return written(words, *kills, edits=[*edits, (TAX, "egress: []", f"egress: [{{{entry}}}]")])


def flow(
    words: str, kills: str, source: str = "host/core-1", to: str = "tenant/tax/site/file",
    start: Callable[[Path], Path] = _copy, **fields: str,
) -> Mutation:  # fmt: skip
    given = {
        "from": source, "to": to, "port": "8080/tcp", "why": "health of the filing service",
        "control": "8.1.5.4 c", "until": _TERM,
    }  # fmt: skip
    entry = ", ".join(f"{key}: {value}" for key, value in {**given, **fields}.items() if value)
    return written(words, kills, start=start, edits=[(CENTRE, "flows: []", f"flows: [{{{entry}}}]")])


def flows() -> Iterator[Mutation]:
    """Exceptions that say too little, last too long or open too much."""
    larger = [(CENTRE, "198.18.64.10/24", "198.18.64.10/20")]
    yield egress("an egress for reasons", "flows.reason", why="needed soon")
    yield egress("an egress for a test", "flows.reason", why="a test of the new partner")
    yield egress("an egress for one word in Chinese", "flows.reason", why="需要 1234567890")
    yield flow("a flow that was only talked about", "flows.reason", why="as discussed with the bureau")
    yield egress("an egress without an end", "flows.until", until="")
    yield egress("an egress for twenty years", "flows.until", until="2046-01-01")
    yield flow("a host's flow without an end", "flows.until", until="")
    yield flow("a host's flow without a control", "flows.control", control="")
    yield egress("an egress to a network of thousands", "flows.narrow", edits=larger, to="198.18.72.0/21")
    yield flow(
        "a flow from a network of thousands", "flows.narrow", "172.20.0.0/16", "host/core-1", start=_administered
    )
    yield flow("any to any between zones", "flows.narrow", "zone/edge", "zone/web")


def people() -> Iterator[Mutation]:
    """Administrators who are missing, late or too long in office."""
    term = f"until: {_TERM}"
    yield written("machines of its own and no people", "people.held", start=_real)
    yield written("the system administrator's day is past", "people.held", start=_administered,
                  edits=[(PEOPLE, term, "until: 2025-12-31")])  # fmt: skip
    yield written("all administrators' days are past", "people.held", start=_administered,
                  day=datetime.date(2027, 1, 1))  # fmt: skip
    yield written("a right for ten years", "people.term", start=_administered,
                  edits=[(PEOPLE, term, "until: 2036-01-01")])  # fmt: skip
    yield Mutation("one key for two roles", ("people.separate",), lambda: _one(key=True))
    yield Mutation("one person for two roles", ("people.separate",), lambda: _one(key=False))


def _one(*, key: bool) -> View:
    """As if the model had let it pass."""
    view = administered()
    found = dict(view.declared.people)
    first, second = list(found)[:2]
    (text,) = found[first].keys
    update = {"keys": (f"{text} a laptop",)} if key else {"name": f" {found[first].name.upper()}"}
    found[second] = found[second].model_copy(update=update)
    return replace(view, declaration=replace(view.declared, people=found))


def sites() -> Iterator[Mutation]:
    """What a site has beyond its stage, and what nobody decided."""
    stage, level = "stage: transaction, image", "protection_level: 3"
    backup = "backup: {rpo: 24h, rto: 1h, keep: 30d, drill_every: 30d}"
    yield written("a database nobody demands a backup of", "backup.own-demand", edits=[(TAX, backup, "")])
    yield written("a publication with a database", "stages.database",
                  edits=[(TAX, stage, "stage: publication, image")])  # fmt: skip
    yield written("a transaction at level 1", "stages.level", edits=[(TAX, level, "protection_level: 1")])
    yield written("a transaction that may lose three days", "stages.recovery",
                  edits=[(TAX, level, "protection_level: 2"), (TAX, "rpo: 24h", "rpo: 72h")])  # fmt: skip
    yield written("a transaction for businesses and clerks", "stages.audience",
                  edits=[(TAX, "[business], stage", "[business, government], stage")])  # fmt: skip


def declared() -> Iterator[Mutation]:
    """All of them."""
    yield from flows()
    yield from people()
    yield from sites()
