"""What the plan is made from, and how it says what is wrong with it: all problems at once, each with its line.

What concerns single files, names and references the model has already checked; here is what only the plan can see:
capacity, addresses, the lock, and flows that no host could let pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from idc.errors import InputError, Problem
from idc.model.types import CentreSpec, TenantSpec

CENTRE_FILE = "centre.yaml"


class Place(Protocol):
    """Where something was written."""

    @property
    def at(self) -> str:
        """``tenants/tax.yaml:12``, the same on each machine."""

    def problem(self, message: str, hint: str = "") -> Problem:
        """What is wrong here."""


class Declaration(Protocol):
    """What the plan needs of ``idc.model.Declaration``."""

    @property
    def centre(self) -> CentreSpec:
        """``centre.yaml``."""

    @property
    def tenants(self) -> tuple[TenantSpec, ...]:
        """``tenants/*.yaml``, sorted by id."""

    @property
    def digest(self) -> str:
        """SHA-256 over the data of all files."""

    @property
    def beside(self) -> Mapping[str, str]:
        """What is declared and stands on no host: name -> words."""

    def where(self, file: str, *path: str | int) -> Place:
        """The place of a key in one of the folder's files."""


@dataclass(frozen=True)
class Inputs:
    """All that a plan depends on besides the lock."""

    declaration: Declaration
    images: Mapping[str, str]  # short name -> content id
    isolated: frozenset[str]  # tenants that are shut
    today: date
    as_lab: bool  # every host as a lab host, whatever its address

    def is_lab(self, host: str) -> bool:
        """True when the host is realised as a system container on this machine."""
        return self.as_lab or self.declaration.centre.hosts[host].address is None


def tenant_file(tenant: str) -> str:
    """The file that declares a tenant."""
    return f"tenants/{tenant}.yaml"


@dataclass
class Problems:
    """Problems found while the plan is made."""

    declaration: Declaration
    found: list[Problem] = field(default_factory=list)

    def at(self, file: str, path: tuple[str | int, ...], message: str, hint: str = "") -> None:
        """Note a problem with what stands at ``path`` in ``file``."""
        self.found.append(self.declaration.where(file, *path).problem(message, hint))

    def in_centre(self, path: tuple[str | int, ...], message: str, hint: str = "") -> None:
        """Note a problem in ``centre.yaml``."""
        self.at(CENTRE_FILE, path, message, hint)

    def in_tenant(self, tenant: str, path: tuple[str | int, ...], message: str, hint: str = "") -> None:
        """Note a problem in a tenant's file."""
        self.at(tenant_file(tenant), path, message, hint)

    def missing(self, file: str, message: str, hint: str = "") -> None:
        """Note a problem with a file that is not there."""
        centre = self.declaration.where(CENTRE_FILE).problem("").file
        self.found.append(Problem(f"{centre.removesuffix(CENTRE_FILE)}{file}", 0, message, hint))

    def stop(self) -> None:
        """Raise InputError when anything was noted."""
        if self.found:
            raise InputError(sorted(set(self.found)))
