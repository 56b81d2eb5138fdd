"""Inputs of stacks in the normal form of a preview: by the very shapes that the Pulumi programs make resources of."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from idc.policy.resources import CONTAINER, NETWORK, VOLUME, Resource
from stacks import shapes

# Maps whose keys are the engine's own words and not names of properties.
_FREE: Final = frozenset({"options", "log_opts", "tmpfs", "sysctls", "driver_opts", "storage_opts"})


def resources(document: Mapping[str, Any]) -> list[Resource]:
    """What the stack's program makes of its input."""
    stack, station = str(document["stack"]), str(document["station"])
    makers = (
        (NETWORK, "networks", shapes.network), (VOLUME, "volumes", shapes.volume),
        (CONTAINER, "containers", shapes.container),
    )  # fmt: skip
    found = []
    for kind, key, maker in makers:
        for entry in document[key]:
            shape = maker(entry, station)
            found.append(Resource(kind, str(shape["name"]), stack, properties(shape)))
    return found


def properties(shape: Mapping[str, Any]) -> dict[str, Any]:
    """A shape under the provider's own names, without what is not given: as the engine hears of it."""
    return {
        _camel(name): value if name in _FREE else _value(value) for name, value in shape.items() if value is not None
    }


def _value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return properties(value)
    if isinstance(value, list):
        return [_value(each) for each in value]
    return value


@cache  # a few dozen names, asked for a million times in a plan of 10,000 tenants
def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
