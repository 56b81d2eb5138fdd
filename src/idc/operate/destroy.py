"""Remove a lab whole: its hosts, networks, volumes, station and locks."""

from __future__ import annotations

import shutil
from pathlib import Path

from idc import model, paths
from idc.engine import lab, machine
from idc.engine.station import Station
from idc.errors import RefusedError
from idc.operate import context
from idc.operate.progress import Progress


def destroy(folder: Path, progress: Progress, *, typed: str, foreign: bool) -> int:
    """Remove everything that carries the centre's label on this machine; return how many things that were.

    Raises RefusedError for a centre with a host that is no lab host, unless its name is typed in full; and for a lab
    that another checkout made, unless ``foreign``.
    """
    declaration = model.load(folder)
    name = context.centre_id(declaration)
    real = sorted(host for host, spec in declaration.centre.hosts.items() if spec.address is not None)
    station = Station.open(name)
    if real and not (station is not None and (station.folder / context.TWIN).exists()):
        if typed != name:
            raise RefusedError(
                f"{name} has hosts that are not lab hosts: {', '.join(real)}", hint=f"if you mean it: --name {name}"
            )
        raise RefusedError(
            f"{name}: machines are not destroyed from here", hint="retire its tenants with `idc retire`, then reinstall"
        )
    machine.ensure(progress.share)
    if station is None:
        with progress.phase("lab removed"):
            count = lab.remove(name, station_id="", foreign=foreign, progress=progress.step)
            progress.result(f"{count} things")
        return count
    with station.hold(wait=10), progress.phase("lab removed"):
        count = lab.remove(name, station_id=station.id, foreign=foreign, progress=progress.step)
        shutil.rmtree(folder / "locks", ignore_errors=True)
        station.remove()
        progress.result(f"{count} things")
    home = paths.stations_dir()
    if home.is_dir() and not any(home.iterdir()):
        home.rmdir()
    return count
