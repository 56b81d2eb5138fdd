"""What is there while idc runs: a folder a station with the sockets to its hosts, and locks that hold on this machine.

<runtime>/<station id>/      sockets to the hosts, SSH's own and the engines'
<runtime>/<station id>.busy  held by the run that works on the station, of whatever checkout
<runtime>/labs.lock          held while a lab is recognised and made
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from idc import paths
from idc.engine import files
from idc.engine.alone import alone
from idc.engine.sessions import naming
from idc.errors import BusyError, RefusedError

_STATION: Final = re.compile(r"[0-9a-f]{8}")
_STALE: Final = 600.0  # seconds: a line that nobody uses ends after a minute, a folder that is just being used is young
_MAKING: Final = 900.0  # seconds that a second run waits for the first one's lab


def folder_of(station_id: str) -> Path:
    """Where a station's sockets to its hosts are."""
    return paths.runtime_dir() / station_id


def claim(station_id: str) -> None:
    """Make a station's folder where there is none, and have it young: no other run takes it for a dead one's."""
    folder = files.make_folder(folder_of(station_id))
    with files.explained(folder):
        os.utime(folder)


@contextmanager
def hold_id(station_id: str, centre: str, wait: float = 0.0) -> Iterator[None]:
    """Hold what belongs to a station of whatever checkout: of that only the id may be known, from labels.

    Raises BusyError that names the pid of the run that works there.
    """
    # Beside the station's folder, not in it: that folder is removed with a lab.
    files.make_folder(paths.runtime_dir())
    with alone(_busy_file(station_id), wait, partial(busy, centre), remove=True):
        yield


def busy(centre: str, holder: str) -> BusyError:
    """Another run works on the centre; ``holder`` says which."""
    return BusyError(f"another idc works on {centre} ({holder})", hint="wait for it, or end it: nothing is lost then")


@contextmanager
def making_lab(say: Callable[[str], object], wait: float = _MAKING) -> Iterator[None]:
    """Recognise and make a lab alone on this machine: else two that see none there would both make theirs.

    Another run's is waited for. Raises BusyError that names its pid.
    """
    files.make_folder(paths.runtime_dir())

    def waiting(holder: str) -> None:
        say(f"another idc makes a lab on this machine ({holder}); waiting for it")

    with alone(paths.runtime_dir() / "labs.lock", wait, _making, on_wait=waiting):
        yield


def _making(holder: str) -> BusyError:
    return BusyError(f"another idc has been making a lab on this machine for too long ({holder})",
                     hint="wait for it, or end it: nothing is lost then")  # fmt: skip


def sweep() -> None:
    """Remove the folders and locks of stations that no process works with any more: runs that died leave theirs."""
    home = paths.runtime_dir()
    with contextlib.suppress(OSError):
        for entry in home.iterdir():
            if entry.suffix == ".busy":
                with (
                    contextlib.suppress(BusyError, RefusedError),
                    alone(entry, 0.0, partial(busy, entry.stem), remove=True),
                ):
                    pass
            elif _STATION.fullmatch(entry.name) and _is_stale(entry):
                shutil.rmtree(entry, ignore_errors=True)


def _is_stale(folder: Path) -> bool:
    """Nobody holds the station, nothing was made in its folder for a while, and no SSH line uses it."""
    young = time.time() - folder.stat().st_mtime < _STALE
    return not young and not _busy_file(folder.name).exists() and not naming(os.fsencode(folder))


def _busy_file(station_id: str) -> Path:
    return paths.runtime_dir() / f"{station_id}.busy"
