"""What the checks look at, and how they report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from idc.errors import Problem
from idc.model.profiles import Profile
from idc.model.source import Place, Source
from idc.model.types import CentreSpec, PeopleSpec, TenantSpec, WaiversSpec


@dataclass
class Scope:
    """All that could be read of a centre. ``tenants`` goes by file name without its ending."""

    folder: Path
    centre: CentreSpec | None
    profile: Profile | None
    tenants: Mapping[str, TenantSpec]
    people: PeopleSpec | None
    sources: Mapping[str, Source]
    today: date
    problems: list[Problem]
    unread: frozenset[str] = frozenset()  # tenants whose file is there but could not be read
    waivers: WaiversSpec | None = None
    expired: list[Problem] = field(default_factory=list)  # past their day: without effect, and told

    def place(self, file: str, *path: str | int, key: bool = False) -> Place:
        """Where something is declared."""
        return self.sources[file].place(*path, key=key)

    def add(self, file: str, path: tuple[str | int, ...], message: str, hint: str = "", *, key: bool = False) -> None:
        """Report a problem at a value (``key``: at its key)."""
        self.problems.append(self.place(file, *path, key=key).problem(message, hint))

    def past(self, file: str, path: tuple[str | int, ...], message: str, hint: str) -> None:
        """Tell of something past its last day. No problem: if it refused the declaration, nothing would be closed."""
        self.expired.append(self.place(file, *path).problem(message, hint))
