"""What a run works on: the declaration, its station, the plan it comes to and the plan that was last applied."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from idc import model, plan
from idc.engine import files, images
from idc.engine.station import Station
from idc.errors import InputError, Problem, RefusedError
from idc.model import Declaration
from idc.operate import record
from idc.operate.narrow import without
from idc.operate.record import Record
from idc.plan.lock import Lock
from idc.plan.types import Flow, Plan

TWIN = "as-lab"  # file in the station of a centre whose every host is realised as a lab host


@dataclass(frozen=True)
class Work:
    """One centre in one run. ``applied`` is None before the first `up` has finished.

    ``plan`` and ``applied`` are without the tenants that are shut now; ``whole`` and ``recorded`` know nothing of that.
    """

    folder: Path
    declaration: Declaration
    station: Station
    lock: Lock  # as it stands in ``locks_folder``
    next_lock: Lock  # as it will stand when the plan is applied
    whole: Plan
    recorded: Record
    plan: Plan
    applied: Plan | None
    isolated: frozenset[str]
    twin: bool = False  # a lab of a centre whose hosts are declared with addresses

    def with_isolated(self, isolated: frozenset[str]) -> Work:
        """The same with these tenants shut."""
        if isolated == self.isolated:
            return self
        known = dataclasses.replace(self.recorded, isolated=isolated)
        plan = without(self.whole, isolated)
        return dataclasses.replace(self, recorded=known, plan=plan, applied=known.standing, isolated=isolated)

    @property
    def locks_folder(self) -> Path:
        """Where what was allocated is kept: a twin's never gets among that of the centre it rehearses."""
        return (self.station.folder if self.twin else self.folder) / "locks"

    def record_allocation(self) -> None:
        """Write what was allocated, before anything is built on it; slots stay those that serve."""
        self._early_lock.write(self.locks_folder)
        self._early_lock.write(self.station.folder / "locks")

    @property
    def _early_lock(self) -> Lock:
        return self.next_lock.with_slots_of(self.lock)

    def record_opening(self) -> Work:
        """The plan may stand in part from now on; returns the work that knows it."""
        known = self.recorded
        if self.whole == (known.opening[-1] if known.opening else known.applied):
            return self
        record.record_opening(self.station, self.whole)
        opening = (*known.opening, self.whole)
        return dataclasses.replace(self, recorded=dataclasses.replace(known, opening=opening))

    def record_applied(self) -> None:
        """The plan stands: write its lock, and the plan and the declaration's digest into the station."""
        # Two locks of one serial never differ: the slots that serve now are newer than the allocation before them.
        lock = self.next_lock.after(self._early_lock)
        lock.write(self.locks_folder)
        lock.write(self.station.folder / "locks")
        record.record_applied(self.station, self.whole, lock.serial)


def centre_id(declaration: Declaration) -> str:
    """``reference.government-extranet``: the name of the station."""
    return f"{declaration.centre.centre}.{declaration.centre.fabric}"


def image_ids(station_images: Mapping[str, str] | None = None) -> dict[str, str]:
    """Content id of each image: as built on this machine, or ``unbuilt:<fingerprint>`` where it is yet to be built."""
    known = dict(station_images) if station_images is not None else dict(images.current().ids)
    return {name: known.get(name) or f"unbuilt:{images.fingerprint(name)[:16]}" for name in images.image_names()}


def make_station(folder: Path, *, as_lab: bool) -> Station:
    """The station of a centre folder, made where there is none. ``as_lab`` is remembered: a twin stays a twin.

    Raises RefusedError for ``as_lab`` where a station has built anything that is no twin.
    """
    name = centre_id(model.load(folder))
    if as_lab and (there := Station.open(name)) is not None:
        _refuse_twin(there)
    station = Station.create(name, folder)
    if as_lab and not marked_twin(station):
        with station.hold(wait=0):
            _refuse_twin(station)  # again: another run may have begun to build meanwhile
            files.write_atomic(station.folder / TWIN, "every host of this centre is a lab host\n")
    return station


def marked_twin(station: Station) -> bool:
    """True where the station was made for a rehearsal in lab hosts."""
    return (station.folder / TWIN).exists()


def declares_machines(declaration: Declaration) -> list[str]:
    """Hosts that are declared with an address, sorted: those that are no lab hosts, but in a twin."""
    return sorted(name for name, spec in declaration.centre.hosts.items() if spec.address is not None)


def _refuse_twin(station: Station) -> None:
    """Refuse to turn a station into a twin's once it has built anything: its keys and state are those of the hosts.

    An allocation is written before any host is reached, so without one nothing was ever built from here.
    """
    if marked_twin(station):
        return
    if record.read(station).plans or (station.folder / "locks" / "platform.yaml").exists():
        raise RefusedError(
            f"{station.centre} is operated from here already, and not as a twin",
            hint="rehearse from another machine, or in a copy of the folder with another `fabric`; "
            "a centre without addresses is a lab without --lab",
        )


def as_twin(declaration: Declaration) -> Declaration:
    """The declaration with every host realised as a lab host, to rehearse on."""
    hosts = {name: spec.model_copy(update={"address": None}) for name, spec in declaration.centre.hosts.items()}
    return dataclasses.replace(declaration, centre=declaration.centre.model_copy(update={"hosts": hosts}))


def load(folder: Path, *, ids: Mapping[str, str] | None = None, as_lab: bool = False) -> Work | DryWork:
    """Load a centre and plan it; a DryWork where it has no station here. ``as_lab``: as it will be with one.

    Raises InputError for what is wrong with the declaration, RefusedError for an older one or a vanished tenant.
    """
    declaration = model.load(folder, today=datetime.datetime.now().astimezone().date())
    station = Station.open(centre_id(declaration))
    if as_lab and station is not None:
        _refuse_twin(station)
    rehearsed = as_lab or (station is not None and marked_twin(station))
    twin = rehearsed and bool(declares_machines(declaration))
    if rehearsed:
        declaration = as_twin(declaration)
    own = twin and station is not None and (station.folder / "locks" / "platform.yaml").exists()
    lock = Lock.read((station.folder if own and station is not None else folder) / "locks")
    if station is not None:
        station.check_not_older(declaration, lock, own=own)
    whole, next_lock = plan.make(declaration, lock, image_ids(ids), today=declaration.today)
    if station is None:
        return DryWork(folder, declaration, lock, next_lock, whole)
    known = record.read(station)
    shut = without(whole, known.isolated)
    return Work(
        folder, declaration, station, lock, next_lock, whole, known, shut, known.standing, known.isolated, twin
    )  # fmt: skip


@dataclass(frozen=True)
class DryWork:
    """A centre without a station: it can be planned and drawn, nothing more."""

    folder: Path
    declaration: Declaration
    lock: Lock
    next_lock: Lock
    plan: Plan
    applied: None = None


def need(folder: Path, *, ids: Mapping[str, str] | None = None) -> Work:
    """The work on a centre that has been brought up before. Raises RefusedError where there is no station."""
    work = load(folder, ids=ids)
    if isinstance(work, DryWork):
        raise _never(folder)
    return work


@dataclass(frozen=True)
class Standing:
    """A centre as it stands, by what its station has recorded: whatever its declaration says now, or cannot say."""

    station: Station
    plan: Plan  # without the tenants that are shut
    finished: bool  # False: no `up` has come to its end yet, and the plan is the one that was being built
    isolated: frozenset[str]
    note: str = ""  # what of the declaration a person should know
    expired: tuple[Problem, ...] = ()  # what is past its day, as declared now and as it stands


def as_applied(folder: Path) -> Standing:
    """What stands in a centre that has been brought up. A declaration that is broken is a note, not an error.

    Raises RefusedError where there is no station, and what ``load`` raises where nothing was recorded yet.
    """
    problem, digest, today = "", "", datetime.datetime.now().astimezone().date()
    expired: tuple[Problem, ...] = ()
    try:
        declaration = model.load(folder, today=today)
        station = Station.open(centre_id(declaration))
        digest, expired = declaration.digest, declaration.expired
    except InputError as error:
        first = error.problems[0]
        problem = f"the declaration cannot be read now ({first.file}:{first.line}: {first.message})"
        station = Station.find(folder)
        if station is None:
            raise
    if station is None:
        raise _never(folder)
    known = record.read(station)
    if not known.plans:
        work = need(folder)
        return Standing(station, work.plan, False, work.isolated, expired=expired)
    newest = known.applied or known.plans[0]
    if not problem and digest != newest.declaration_digest:
        problem = "the declaration has changed since"
    shut = without(newest, known.isolated)
    expired = (*expired, *standing_past(shut, folder, today))
    return Standing(station, shut, known.applied is not None, known.isolated, problem, expired)


def standing_past(plan: Plan, folder: Path, today: datetime.date) -> Iterator[Problem]:
    """Flows of a plan that stands which are past their day: nothing closes by itself. Pure, by declared line."""
    seen: dict[tuple[str, datetime.date], Flow] = {}
    for flow in plan.flows:
        if flow.until is not None and flow.until < today:
            seen.setdefault((flow.where, flow.until), flow)
    for (where, until), flow in sorted(seen.items()):
        file, _, line = where.partition(":")
        message = f"{flow.id} was allowed until {until} and stands open still"
        hint = f"`idc up {folder}` closes it"
        yield Problem(f"{folder}/{file}", int(line) if line.isdigit() else 0, message, hint)


def _never(folder: Path) -> RefusedError:
    return RefusedError(f"{folder} has never been brought up from here", hint=f"`idc up {folder}`")
