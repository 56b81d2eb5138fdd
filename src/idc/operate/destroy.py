"""Remove a lab whole: its hosts, networks, volumes, station and locks. A centre on real machines is never destroyed."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from idc import model, paths
from idc.engine import lab, machine
from idc.engine.station import Station
from idc.errors import EngineError, InputError, RefusedError
from idc.operate import context, record
from idc.operate.progress import Progress


@dataclass(frozen=True)
class _Target:
    """What is to be removed, by what the station has recorded and by what the declaration says where it can be read."""

    name: str  # the station's
    station: Station | None
    declared: list[str] | None  # hosts with an address; None: the declaration cannot be read

    @property
    def owns_locks(self) -> bool:
        """True where the folder's locks are the lab's; those of a centre with real hosts are not a twin's to remove."""
        if self.declared is None:
            return self.station is not None and not context.marked_twin(self.station)
        return not self.declared


def destroy(folder: Path, progress: Progress, *, foreign: bool) -> int:
    """Remove everything that carries the centre's label on this machine; return how many things that were.

    Raises RefusedError for a centre with a host that is no lab host; and for a lab that another checkout made, unless
    ``foreign``. InputError for a declaration that cannot be read only where no station knows the folder.
    """
    target = _target(folder)
    _refuse_machines(target)
    name, station = target.name, target.station
    machine.ensure(progress.share)
    if station is None:
        with progress.phase("lab removed"):
            count = lab.remove(name, station_id="", foreign=foreign, progress=progress.step)
            progress.result(f"{count} things")
        return count
    with station.hold(wait=10), progress.phase("lab removed"):
        _refuse_machines(target)  # again: another run may have built meanwhile
        count = lab.remove(name, station_id=station.id, foreign=foreign, progress=progress.step)
        if target.owns_locks:
            shutil.rmtree(folder / "locks", ignore_errors=True)
        station.remove()
        progress.result(f"{count} things")
    home = paths.stations_dir()
    if home.is_dir() and not any(home.iterdir()):
        home.rmdir()
    return count


def _target(folder: Path) -> _Target:
    try:
        declaration = model.load(folder)
    except InputError:
        station = Station.find(folder)
        if station is None:
            raise
        return _Target(station.centre, station, None)
    name = context.centre_id(declaration)
    return _Target(name, Station.open(name), context.declares_machines(declaration))


def _refuse_machines(target: _Target) -> None:
    """Refuse where a recorded plan has a host that is no lab host, whatever the station is marked as.

    Where nothing is recorded, the mark and then the declaration say it; where neither can, it is refused.
    """
    station, declared = target.station, target.declared
    try:
        plans = record.read(station).plans if station is not None else ()
    except EngineError:
        if declared != []:  # the records are damaged, and nothing else says that this is a lab
            raise
        plans = ()
    real = {host.name for plan in plans for host in plan.hosts if not host.is_lab}
    if not plans and not (station is not None and context.marked_twin(station)):
        if declared is None:
            raise RefusedError(
                f"whether {target.name} is a lab is not known: nothing is recorded, and its declaration cannot be read",
                hint="`idc check` says what is wrong with the declaration",
            )
        real.update(declared)
    if real:
        raise RefusedError(
            f"{target.name} has hosts that are not lab hosts: {', '.join(sorted(real))}",
            hint="only labs are destroyed from here: retire its tenants with `idc retire`, then reinstall the machines",
        )
