"""Policies as code: one file a family. The folder is at the same time a CrossGuard pack."""

from __future__ import annotations

from importlib import import_module
from typing import Final

FAMILIES: Final = ("hardening", "limits", "mounts", "networks", "ownership")


def load() -> None:
    """Register the rules of every family."""
    for family in FAMILIES:
        import_module(f"policies.{family}")
