"""Loading the pack: ``policies/`` and ``stacks/shapes.py`` lie beside the package, not in it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Any

from idc import paths
from idc.model.profiles import load_profile
from idc.plan.stacks import stack_input
from idc.plan.types import Plan
from idc.policy.resources import Resource, View
from idc.policy.rules import REGISTRY, Verdict, judge

if TYPE_CHECKING:
    from idc.model import Declaration


@cache
def load() -> None:
    """Register every policy of the pack."""
    folder = str(paths.resources())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    importlib.import_module("policies").load()
    if not REGISTRY:
        raise RuntimeError(f"{folder}/policies holds no policy")


def resources(document: Mapping[str, Any]) -> list[Resource]:
    """What a stack's program would make of its input (``idc.plan.stacks``), as the provider gets it."""
    load()
    found: list[Resource] = importlib.import_module("policies.planned").resources(document)
    return found


def view(plan: Plan, declaration: Declaration | None, today: date) -> View:
    """A whole plan, and the declaration it was made of (None for one that was applied before)."""
    documents = [stack_input(plan, stack.name) for stack in plan.stacks if stack.kind != "lab"]
    made = [each for document in documents for each in resources(document)]
    profile = declaration.profile if declaration else load_profile(plan.profile)
    return View(tuple(made), plan.prefix, plan, declaration, today, profile, recipes())


@cache
def recipes() -> frozenset[str]:
    """Short names of the images that there is a recipe for."""
    return frozenset(file.parent.name for file in (paths.resources() / "images").glob("*/Dockerfile"))


def judge_inputs(documents: Iterable[Mapping[str, Any]], prefix: IPv4Network) -> Verdict:
    """Judge the inputs of stacks as a preview would. The lab's containers stand for machines and are left out."""
    made = [each for document in documents if document["kind"] != "lab" for each in resources(document)]
    return judge(View(tuple(made), prefix), [each for each in REGISTRY if each.over_resources])
