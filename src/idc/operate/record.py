"""What the station remembers of a centre: the plan that was applied, plans that may stand in part, and who is shut.

applied/plan.json         the plan that was last applied whole, with nobody shut
applied/opening/NNNN.json plans of which something may be open since: of a run that works, died or did not get to its
                          end, oldest first; they go once a plan is applied whole
isolated.json             tenants that `idc isolate` has shut; goes before everything that a plan says
isolated.lock             held for the moment in which that list is changed, and no longer: closing never waits
push.lock                 held while rules or the edge's names are put on hosts, each time after the list was read again
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from idc.engine import files, history
from idc.engine.alone import alone
from idc.engine.station import Station
from idc.errors import BusyError
from idc.operate.narrow import without
from idc.plan import codec
from idc.plan.types import Plan


@dataclass(frozen=True)
class Record:
    """A station's memory in one moment. The plans are as they were made: with nobody shut."""

    applied: Plan | None
    opening: tuple[Plan, ...]  # oldest first
    isolated: frozenset[str]

    @property
    def plans(self) -> tuple[Plan, ...]:
        """All plans that may stand, the newest first."""
        return (*reversed(self.opening), *([self.applied] if self.applied else ()))

    @property
    def standing(self) -> Plan | None:
        """What was applied, without those that are shut."""
        return without(self.applied, self.isolated) if self.applied else None


def read(station: Station) -> Record:
    """Everything. Raises EngineError where a file is damaged."""
    # In this order: a run that ends meanwhile writes the applied plan before it removes those that were opening.
    opening = tuple(_plan(file) for file in _opening_files(station))
    file = _applied_file(station)
    applied = _plan(file) if file.exists() else None
    return Record(applied, opening, isolated_tenants(station))


def _plan(file: Path) -> Plan:
    try:
        return codec.loads(files.read_text(file))
    except (ValueError, KeyError, TypeError) as error:
        raise files.damaged(file, error) from error


def isolated_tenants(station: Station) -> frozenset[str]:
    """Tenants that `idc isolate` has shut."""
    return history.isolated_tenants(station.folder)


def set_isolated(station: Station, tenant: str, *, shut: bool) -> bool:
    """Put a tenant on the list of those that are shut, or take it off; True when that changed anything."""
    with _locked(station.folder / "isolated.lock", wait=10.0):
        known = isolated_tenants(station)
        wanted = known | {tenant} if shut else known - {tenant}
        if wanted == known:
            return False
        files.write_atomic(station.folder / "isolated.json", json.dumps(sorted(wanted)))
        return True


def record_opening(station: Station, plan: Plan) -> None:
    """Remember a plan before the first of its flows is opened: what a run that dies then leaves open is known."""
    text, known = codec.dumps(plan), _opening_files(station)
    if known and known[-1].read_text() == text:
        return
    number = int(known[-1].stem) + 1 if known else 1
    files.write_atomic(station.folder / "applied" / "opening" / f"{number:04}.json", text)


def record_applied(station: Station, plan: Plan, serial: int) -> None:
    """The plan stands whole; ``serial`` is that of its locks. What was opening is settled."""
    station.record_applied(codec.dumps(plan), plan.declaration_digest, serial)
    for file in _opening_files(station):
        file.unlink(missing_ok=True)


def amend_applied(station: Station, plan: Plan) -> None:
    """Replace the applied plan by one with less in it: nothing else was applied."""
    files.write_atomic(_applied_file(station), codec.dumps(plan))


@contextmanager
def pushing(station: Station, wait: float) -> Iterator[None]:
    """Put rules on hosts alone. Raises BusyError after ``wait`` seconds."""
    with _locked(station.folder / "push.lock", wait):
        yield


def _applied_file(station: Station) -> Path:
    return station.folder / "applied" / "plan.json"


def _opening_files(station: Station) -> list[Path]:
    return sorted((station.folder / "applied" / "opening").glob("[0-9]*.json"))


def _locked(path: Path, wait: float) -> AbstractContextManager[int]:
    def busy(_: str) -> BusyError:
        return BusyError(f"another idc is putting rules on hosts ({path})", hint="run the same command again")

    return alone(path, wait, busy)
