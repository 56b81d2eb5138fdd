"""Loading the pack: ``policies/`` and ``stacks/shapes.py`` lie beside the package, not in it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from ipaddress import IPv4Network
from typing import Any

from idc import paths
from idc.policy.resources import Resource, View
from idc.policy.rules import REGISTRY, Verdict, judge


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


def judge_inputs(documents: Iterable[Mapping[str, Any]], prefix: IPv4Network) -> Verdict:
    """Judge the inputs of a centre's stacks together. The lab's containers stand for machines and are left out."""
    made = [each for document in documents if document["kind"] != "lab" for each in resources(document)]
    return judge(View(tuple(made), prefix), [each for each in REGISTRY if each.over_resources])
