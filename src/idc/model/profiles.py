"""Profiles: the law as data. Which fabrics there are, of what rank, and how each pair of them is isolated.

The files are ``profiles/*.yaml``. A pair that a profile does not list is refused: nothing is allowed by omission.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from idc import paths
from idc.errors import InputError, Problem
from idc.model.enums import Service
from idc.model.fields import Format, Line, Name
from idc.model.source import load_source
from idc.model.types import Strict


class Isolation(StrEnum):
    """How two fabrics are kept apart."""

    LOGICAL = "logical"  # only declared flows, through the edge
    PHYSICAL = "physical"  # nothing shared; only an offline ferry
    ABSOLUTE = "absolute"  # no ferry, no shared medium, no shared person
    REFUSED = "refused"  # the profile does not list the pair


class FabricLaw(Strict):
    """One fabric of a profile."""

    title: Line = Field(description="English name")
    native: Line = Field(description="name in the source")
    rank: Annotated[int, Field(ge=0, le=9)] = Field(description="0 is open to all; higher needs more protection")
    managed: bool = Field(description="whether idc may build and run it")
    about: Line = Field(description="what it is for")


class Pair(Strict):
    """How two fabrics are isolated, and how that is known."""

    between: tuple[Name, Name] = Field(description="the two fabrics")
    isolation: Literal["logical", "physical", "absolute"] = Field(description="how they are kept apart")
    basis: Literal["stated", "derived"] = Field(description="stated in the source, or derived from what it states")
    why: Line = Field(description="the reason, as an operator reads it when a flow is refused")
    condition: Annotated[str, Field(max_length=200)] = Field(default="", description="for whom the source states it")


class CentreRule(Strict):
    """A centre that the profile asks for in certain fabrics."""

    title: Line = Field(description="its name in the source")
    services: Annotated[tuple[Service, ...], Field(min_length=1)] = Field(description="services that make it up")
    own_location: bool = Field(default=False, description="whether it must lie in another location than the sites")


class RequiredCentres(Strict):
    """The centres that managed fabrics must have."""

    fabrics: tuple[Name, ...] = Field(description="the fabrics that must have them")
    basis: Literal["stated", "derived"] = Field(description="stated in the source, or derived")
    centres: dict[Name, CentreRule] = Field(description="the centres by id")


class Library(Strict):
    """The shared information resource library of the three-nets layout."""

    title: Line = Field(description="English name")
    native: Line = Field(description="name in the source")
    fabric: Name = Field(description="the fabric in which it lies")


class ProfileSpec(Strict):
    """``profiles/<name>.yaml``."""

    format: Format = Field(description="version of this format: 1")
    profile: Name = Field(description="the same as the file's name")
    title: Line = Field(description="for whom it is")
    source: Line = Field(description="where its rules come from")
    fabrics: dict[Name, FabricLaw] = Field(description="the fabrics by id")
    pairs: tuple[Pair, ...] = Field(description="isolation of pairs; a pair that is not listed is refused")
    required_centres: tuple[RequiredCentres, ...] = Field(default=(), description="centres that fabrics must have")
    library: Library | None = Field(default=None, description="shared information resource library")


@dataclass(frozen=True)
class Profile:
    """A profile that was read and is sound."""

    spec: ProfileSpec

    @property
    def name(self) -> str:
        """Its id: ``local-government``."""
        return self.spec.profile

    @property
    def fabrics(self) -> Mapping[str, FabricLaw]:
        """The fabrics by id."""
        return self.spec.fabrics

    @cached_property
    def managed(self) -> tuple[str, ...]:
        """Fabrics that idc may build and run, by rank."""
        return tuple(sorted((n for n, f in self.fabrics.items() if f.managed), key=lambda n: self.fabrics[n].rank))

    @cached_property
    def _pairs(self) -> Mapping[frozenset[str], Pair]:
        return {frozenset(pair.between): pair for pair in self.spec.pairs}

    def pair(self, a: str, b: str) -> Pair | None:
        """The rule for two fabrics, whatever their order; None when the profile has none."""
        return self._pairs.get(frozenset((a, b)))

    def isolation(self, a: str, b: str) -> Isolation:
        """How two different fabrics are kept apart. Unlisted is REFUSED; raises ValueError for ``a == b``."""
        if a == b:
            raise ValueError(f"{a} is one fabric, no pair")
        rule = self.pair(a, b)
        return Isolation(rule.isolation) if rule else Isolation.REFUSED

    def required_centres(self, fabric: str) -> Mapping[str, CentreRule]:
        """The centres that a fabric must have, by id; empty when none are asked for."""
        return {
            name: rule
            for group in self.spec.required_centres
            if fabric in group.fabrics
            for name, rule in group.centres.items()
        }


def folder() -> Path:
    """Where the profiles lie."""
    return paths.resources() / "profiles"


@cache
def names() -> tuple[str, ...]:
    """The profiles there are."""
    return tuple(sorted(path.stem for path in folder().glob("*.yaml")))


@cache
def load_profile(name: str) -> Profile:
    """A profile by its name. Raises InputError when it does not exist or is not sound."""
    file = f"profiles/{name}.yaml"
    if name not in names():
        raise InputError([Problem(file, 0, f"there is no profile `{name}`", f"one of {', '.join(names())}")])
    source, problems = load_source(folder() / f"{name}.yaml", file, file)
    if source is None or problems:
        raise InputError(problems)
    from idc.model.explain import explain

    try:
        spec = ProfileSpec.model_validate(source.data)
    except ValidationError as error:
        raise InputError(explain(error, ProfileSpec, source)) from None
    if problems := _unsound(spec, name, file):
        raise InputError(problems)
    return Profile(spec)


def _unsound(spec: ProfileSpec, name: str, file: str) -> list[Problem]:
    """Contradictions within a profile."""
    found: list[str] = []
    if spec.profile != name:
        found.append(f"the profile calls itself `{spec.profile}`")
    seen: set[frozenset[str]] = set()
    for pair in spec.pairs:
        both = frozenset(pair.between)
        found += [f"the pair {pair.between} names an unknown fabric" for one in both if one not in spec.fabrics]
        if len(both) != 2 or both in seen:
            found.append(f"the pair {pair.between} is no pair, or is listed twice")
        seen.add(both)
    named = [fabric for group in spec.required_centres for fabric in group.fabrics]
    named += [spec.library.fabric] if spec.library else []
    found += [f"`{fabric}` is no fabric of it" for fabric in named if fabric not in spec.fabrics]
    return [Problem(file, 0, message) for message in found]
