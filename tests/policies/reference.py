"""The good centre that mutations are made to: the reference extranet's stacks, with images that are there."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

from idc import plan as planning
from idc.engine.images import image_names
from idc.model import load
from idc.plan.lock import Lock
from idc.plan.types import Plan
from idc.policy import Resource, View, pack
from tests.conftest import ROOT

TODAY = datetime.date(2026, 1, 1)


@cache
def plan(name: str = "extranet") -> Plan:
    ids = {image: f"sha256:{number:064x}" for number, image in enumerate(image_names(), 1)}
    declaration = load(ROOT / "centres" / "reference" / name, today=TODAY)
    return planning.make(declaration, Lock(), ids, today=TODAY)[0]


@cache
def resources(name: str = "extranet") -> tuple[Resource, ...]:
    """What the stacks of a reference centre would make."""
    made = plan(name)
    documents = [planning.stack_input(made, stack.name) for stack in made.stacks if stack.kind != "lab"]
    return tuple(resource for document in documents for resource in pack.resources(document))


def view(changed: tuple[Resource, ...] | None = None) -> View:
    return View(resources() if changed is None else changed, plan().prefix)


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
