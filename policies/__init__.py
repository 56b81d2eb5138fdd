"""Policies as code: one file a family. The folder is at the same time a CrossGuard pack."""

from __future__ import annotations

from importlib import import_module
from typing import Final

# Over single resources: what a preview can be judged by, and the pack loads no more.
RESOURCES: Final = ("hardening", "limits", "mounts", "networks", "ownership")
# Over the whole plan and the declaration.
WHOLE: Final = ("isolation", "backup", "quota", "provenance", "people", "flows", "stages")
FAMILIES: Final = (*RESOURCES, *WHOLE)


def load(families: tuple[str, ...] = FAMILIES) -> None:
    """Register the rules of these families, by default of all."""
    for family in families:
        import_module(f"policies.{family}")
