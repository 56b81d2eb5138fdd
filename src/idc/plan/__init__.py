"""The plan: everything a declaration comes to, as pure data. ``make`` makes it, the rest reads it.

Imports nothing until it is asked for: whoever needs only the plan's types pays for no parser and no model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from idc.plan.codec import digest
    from idc.plan.planner import make
    from idc.plan.stacks import stack_input

__all__ = ["digest", "make", "stack_input"]

_MODULES = {"digest": "codec", "make": "planner", "stack_input": "stacks"}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
