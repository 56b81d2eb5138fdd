"""Reading a whole centre folder: every file, every check, all problems at once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from idc.collector import without_collector
from idc.errors import InputError, Problem
from idc.model import beside, checks
from idc.model.checks.waivers import last_day
from idc.model.explain import explain
from idc.model.folder import CENTRE_FILE, PEOPLE_FILE, TENANTS, WAIVERS_FILE, list_folder
from idc.model.profiles import Profile, load_profile, names
from idc.model.source import Place, Source, load_source
from idc.model.text import did_you_mean
from idc.model.types import CentreSpec, PeopleSpec, PersonSpec, Strict, TenantSpec, WaiverSpec, WaiversSpec

Spec = TypeVar("Spec", bound=Strict)


@dataclass(frozen=True)
class Declaration:
    """A centre folder that was read and holds together."""

    folder: Path
    centre: CentreSpec
    tenants: tuple[TenantSpec, ...]  # sorted by id
    profile: Profile
    people: Mapping[str, PersonSpec]
    waivers: tuple[WaiverSpec, ...]  # in their order; `until` is at most the last day of the approver's right
    digest: str  # SHA-256 over the data of all files; comments, order of keys and spacing do not count
    today: date  # the day by which flows, egress, people and waivers are past theirs
    expired: tuple[Problem, ...] = ()  # each of them, told and without effect
    sources: Mapping[str, Source] = field(default_factory=dict, repr=False, compare=False)

    @property
    def beside(self) -> Mapping[str, str]:
        """What is declared and stands on no host: name -> words."""
        return beside.of(self.centre, self.people, self.waivers)

    def where(self, file: str, *path: str | int) -> Place:
        """Where something is declared: ``where("tenants/tax.yaml", "sites", 0, "names")``; the nearest there is."""
        return self.sources[file].place(*path)


def tenant_file(tenant: str) -> str:
    """A tenant's file below the centre folder."""
    return f"{TENANTS}/{tenant}.yaml"


def load(folder: Path, *, today: date | None = None) -> Declaration:
    """Read and check a centre folder.

    What has its ``until`` before ``today`` (by default the machine's date) is given in ``expired``. It refuses
    nothing: a declaration that could not be planned on the day after would leave open what was to close.
    Raises InputError with all problems of the folder, in order of file and line.
    """
    with without_collector():
        return _load(folder, today or date.today())


def _load(folder: Path, today: date) -> Declaration:
    listing = list_folder(folder)
    problems = list(listing.problems)
    sources: dict[str, Source] = {}

    def take(relative: str, model: type[Spec]) -> Spec | None:
        source, found = load_source(folder / relative, str(folder / relative), relative)
        problems.extend(found)
        if source is None:
            return None
        sources[relative] = source
        try:
            return model.model_validate(source.data, by_alias=True, by_name=False)
        except ValidationError as error:
            # What reading has refused already is not judged a second time.
            known = {(problem.line, problem.column) for problem in found}
            problems.extend(p for p in explain(error, model, source) if (p.line, p.column) not in known)
            return None

    centre = take(CENTRE_FILE, CentreSpec) if listing.centre else None
    people = take(PEOPLE_FILE, PeopleSpec) if listing.people else None
    waivers = take(WAIVERS_FILE, WaiversSpec) if listing.waivers else None
    tenants: dict[str, TenantSpec] = {}
    for stem in listing.tenants:
        relative = tenant_file(stem)
        if (spec := take(relative, TenantSpec)) is not None:
            tenants[stem] = spec
    profile = _profile(centre, sources, problems)
    unread = frozenset(listing.tenants) - tenants.keys()
    scope = checks.Scope(folder, centre, profile, tenants, people, sources, today, problems, unread, waivers)
    checks.run(scope)
    if problems or centre is None or profile is None:
        raise InputError(sorted(set(problems), key=lambda p: (p.file, p.line, p.column, p.message)))
    return Declaration(
        folder=folder,
        centre=centre,
        tenants=tuple(sorted(tenants.values(), key=lambda tenant: tenant.tenant)),
        profile=profile,
        people=people.people if people else {},
        waivers=_waivers(waivers, people),
        digest=_digest(sources),
        today=today,
        expired=tuple(sorted(scope.expired, key=lambda p: (p.file, p.line, p.column))),
        sources=sources,
    )


def _profile(centre: CentreSpec | None, sources: Mapping[str, Source], problems: list[Problem]) -> Profile | None:
    if centre is None:
        return None
    if centre.profile not in names():
        hint = did_you_mean(centre.profile, names(), what="profiles")
        place = sources[CENTRE_FILE].place("profile")
        problems.append(place.problem(f"there is no profile `{centre.profile}`", hint))
        return None
    return load_profile(centre.profile)


def _waivers(waivers: WaiversSpec | None, people: PeopleSpec | None) -> tuple[WaiverSpec, ...]:
    known = people.people if people else {}
    listed = waivers.waivers if waivers else ()
    return tuple(waiver.model_copy(update={"until": last_day(waiver, known)}) for waiver in listed)


def _digest(sources: Mapping[str, Source]) -> str:
    whole = hashlib.sha256()
    for relative in sorted(sources):
        text = json.dumps(sources[relative].data, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        whole.update(f"{relative}\0{len(text)}\0{text}\n".encode())
    return whole.hexdigest()
