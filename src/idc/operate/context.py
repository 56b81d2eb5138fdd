"""What a run works on: the declaration, its station, the plan it comes to and the plan that was last applied."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from idc import model, plan
from idc.engine import files, history, images
from idc.engine.station import Station
from idc.errors import RefusedError
from idc.model import Declaration
from idc.plan import codec
from idc.plan.lock import Lock
from idc.plan.types import Plan

TWIN = "as-lab"  # file in the station of a centre whose every host is realised as a lab host


@dataclass(frozen=True)
class Work:
    """One centre in one run. ``applied`` is None before the first `up` has finished."""

    folder: Path
    declaration: Declaration
    station: Station
    lock: Lock  # as it stands in the centre folder
    next_lock: Lock  # as it will stand when the plan is applied
    plan: Plan
    applied: Plan | None
    isolated: frozenset[str]

    @property
    def locks_folder(self) -> Path:
        """Where the centre keeps what was allocated."""
        return self.folder / "locks"

    def record_allocation(self) -> None:
        """Write what was allocated, before anything is built on it; slots stay those that serve."""
        self._early_lock.write(self.locks_folder)
        self._early_lock.write(self.station.folder / "locks")

    @property
    def _early_lock(self) -> Lock:
        return self.next_lock.with_slots_of(self.lock)

    def record_applied(self) -> None:
        """The plan stands: write its lock, and the plan and the declaration's digest into the station."""
        # Two locks of one serial never differ: the slots that serve now are newer than the allocation before them.
        lock = self.next_lock.after(self._early_lock)
        lock.write(self.locks_folder)
        lock.write(self.station.folder / "locks")
        self.station.record_applied(codec.dumps(self.plan), self.plan.declaration_digest, lock.serial)

    def record_partial(self, plan: Plan) -> None:
        """A plan that differs from the applied one only by what was closed or opened at once."""
        files.write_atomic(self.station.folder / "applied" / "plan.json", codec.dumps(plan))


def centre_id(declaration: Declaration) -> str:
    """``reference.government-extranet``: the name of the station."""
    return f"{declaration.centre.centre}.{declaration.centre.fabric}"


def isolated_tenants(station: Station | None) -> frozenset[str]:
    """Tenants that `idc isolate` has shut."""
    return history.isolated_tenants(station.folder) if station else frozenset()


def applied_plan(station: Station | None) -> Plan | None:
    """The plan that was last applied whole, or None."""
    file = station.folder / "applied" / "plan.json" if station else None
    if file is None or not file.exists():
        return None
    return codec.loads(file.read_text())


def image_ids(station_images: Mapping[str, str] | None = None) -> dict[str, str]:
    """Content id of each image: as built on this machine, or ``unbuilt:<fingerprint>`` where it is yet to be built."""
    known = dict(station_images) if station_images is not None else dict(images.current().ids)
    return {name: known.get(name) or f"unbuilt:{images.fingerprint(name)[:16]}" for name in images.image_names()}


def make_station(folder: Path, *, as_lab: bool) -> Station:
    """The station of a centre folder, made where there is none. ``as_lab`` is remembered: a twin stays a twin."""
    station = Station.create(centre_id(model.load(folder)), folder)
    if as_lab:
        files.write_atomic(station.folder / TWIN, "every host of this centre is a lab host\n")
    return station


def as_twin(declaration: Declaration) -> Declaration:
    """The declaration with every host realised as a lab host, to rehearse on."""
    hosts = {name: spec.model_copy(update={"address": None}) for name, spec in declaration.centre.hosts.items()}
    return dataclasses.replace(declaration, centre=declaration.centre.model_copy(update={"hosts": hosts}))


def load(folder: Path, *, ids: Mapping[str, str] | None = None, closing: bool = False) -> Work | DryWork:
    """Load a centre and plan it; a DryWork where it has no station here.

    With ``closing`` a flow past its day is no error: what only closes is always allowed. Raises InputError for what is
    wrong with the declaration, RefusedError for an older one or a vanished tenant.
    """
    declaration = model.load(folder, tolerate_expired=closing)
    station = Station.open(centre_id(declaration))
    if station is not None and (station.folder / TWIN).exists():
        declaration = as_twin(declaration)
    lock = Lock.read(folder / "locks")
    if station is not None:
        station.check_not_older(declaration, lock)
    isolated = isolated_tenants(station)
    today = datetime.datetime.now().astimezone().date()
    made, next_lock = plan.make(declaration, lock, image_ids(ids), isolated=isolated, today=today)
    if station is None:
        return DryWork(folder, declaration, lock, next_lock, made)
    return Work(folder, declaration, station, lock, next_lock, made, applied_plan(station), isolated)


@dataclass(frozen=True)
class DryWork:
    """A centre without a station: it can be planned and drawn, nothing more."""

    folder: Path
    declaration: Declaration
    lock: Lock
    next_lock: Lock
    plan: Plan
    applied: None = None


def need(folder: Path, *, ids: Mapping[str, str] | None = None, closing: bool = False) -> Work:
    """The work on a centre that has been brought up before. Raises RefusedError where there is no station."""
    work = load(folder, ids=ids, closing=closing)
    if isinstance(work, DryWork):
        raise RefusedError(f"{folder} has never been brought up from here", hint=f"`idc up {folder}`")
    return work
