"""The declaration of a centre: ``load(folder)`` reads one. Imports nothing until it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from idc.model.declaration import Declaration, load
    from idc.model.source import Place

__all__ = ["Declaration", "Place", "load"]


def __getattr__(name: str) -> object:
    # The plan's types and the Pulumi programs need only the words (enums); reading YAML costs them nothing.
    if name in ("Declaration", "load"):
        from idc.model import declaration

        return getattr(declaration, name)
    if name == "Place":
        from idc.model.source import Place

        return Place
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
