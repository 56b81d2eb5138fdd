"""The good centre that mutations are made to: the reference extranet's stacks, with images that are there."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from idc import plan as planning
from idc.engine.images import image_names
from idc.model import Declaration, load
from idc.plan.lock import Lock
from idc.plan.types import Plan
from idc.policy import Resource, View, pack
from tests.conftest import ROOT

TODAY = datetime.date(2026, 1, 1)


IDS = {image: f"sha256:{number:064x}" for number, image in enumerate(image_names(), 1)}


def as_planned(folder: Path, today: datetime.date = TODAY) -> View:
    """What is judged of a centre folder that was never applied."""
    pack.load()
    read = load(folder, today=today)
    return pack.view(planning.make(read, Lock(), IDS, today=today)[0], read, today)


@cache
def declaration(name: str = "extranet") -> Declaration:
    return load(ROOT / "centres" / "reference" / name, today=TODAY)


@cache
def plan(name: str = "extranet") -> Plan:
    return planning.make(declaration(name), Lock(), IDS, today=TODAY)[0]


@cache
def good(name: str = "extranet") -> View:
    """A reference centre: its declaration, its plan, and what its stacks would make."""
    pack.load()
    return pack.view(plan(name), declaration(name), TODAY)


def resources(name: str = "extranet") -> tuple[Resource, ...]:
    """What the stacks of a reference centre would make."""
    return good(name).resources


def view(changed: tuple[Resource, ...] | None = None) -> View:
    return good() if changed is None else replace(good(), resources=changed)


def changed(name: str, kind: str, /, **props: Any) -> tuple[Resource, ...]:
    """The resources with one of them changed; a property of None is taken away."""

    def made() -> Iterator[Resource]:
        for each in resources():
            if (each.kind, each.name) != (kind, name):
                yield each
                continue
            left = {key: value for key, value in {**each.props, **props}.items() if value is not None}
            yield replace(each, props=left)

    result = tuple(made())
    assert result != resources(), f"there is no {kind} {name}, or nothing changes"
    return result


def prop(name: str, kind: str, key: str) -> Any:
    """A property of a good resource."""
    return next(each for each in resources() if (each.kind, each.name) == (kind, name)).props[key]
