"""The station: the one folder per fabric from which it is operated. It holds state and keys; laptops hold nothing.

<stations>/<centre id>/     0700
station.json              id and the centre folder it was made for
passphrase  lock          Pulumi's passphrase; who works here now (flock)
ssh/                      id_ed25519, known_hosts, config
secrets/                  generated once, one file each, 0600
state/ pulumi/ plans/     Pulumi backend, PULUMI_HOME, the stacks' inputs
applied/ locks/           what was last applied (idc.engine.history), a copy of the centre's locks (a twin's only ones)
snapshots/ logs/ evidence/
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from idc import paths
from idc.engine import files, history, runtime
from idc.engine.alone import alone
from idc.errors import BusyError, EngineError, RefusedError

if TYPE_CHECKING:
    from idc.model import Declaration
    from idc.plan.lock import Lock

_CENTRE_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]*\.[a-z0-9][a-z0-9-]*")
_SECRET_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]*(/[a-z0-9][a-z0-9-]*)*")
_UNFINISHED: Final = re.compile(r"\.(new|gone)-.+?\.[a-z0-9-]+?-(?P<pid>[0-9]+)(-[0-9a-f]{8})?")
_FOLDERS: Final = (
    "ssh", "secrets", "state", "pulumi", "plans", "applied", "locks", "snapshots", "logs", "evidence",
)  # fmt: skip
_HELD: Final[list[str]] = []  # ids of the stations that this process holds


@dataclass(frozen=True)
class Station:
    """One fabric's station, on disk. Made by ``create``, found by ``open`` or ``find``."""

    folder: Path
    centre: str  # Plan.id: "reference.government-extranet"
    id: str  # eight hex digits: labels everything made from here, names its runtime folder

    # -- making and finding ------------------------------------------------------------------------------------------

    @classmethod
    def create(cls, centre: str, centre_folder: Path | None = None) -> Station:
        """The station of a centre, made where there is none: whole or not at all.

        A centre folder that has moved takes its station along; RefusedError while the one it was made for is there.
        """
        place = _place(centre)
        _sweep(place.parent)
        runtime.sweep()
        if not place.is_dir():
            _make(place, centre, centre_folder)
        station = cls._read(place)
        if centre_folder is not None and (known := station.centre_folder) != centre_folder.resolve():
            if known is not None and (known / "centre.yaml").exists():
                raise RefusedError(
                    f"{centre} is operated from {known}, not from {centre_folder.resolve()}",
                    hint=f"work in that folder, or take it away when {centre_folder} is its successor",
                )
            _write_identity(station.folder, centre, station.id, centre_folder.resolve())
        return station

    @classmethod
    def open(cls, centre: str) -> Station | None:
        """The station of a centre, None where it was never built from here. Raises EngineError where it is damaged."""
        place = _place(centre)
        return cls._read(place) if place.is_dir() else None

    @classmethod
    def all(cls) -> tuple[Station, ...]:
        """Every station on this machine, by centre."""
        place = paths.stations_dir()
        if not place.is_dir():
            return ()
        return tuple(cls._read(entry) for entry in sorted(place.iterdir()) if (entry / "station.json").is_file())

    @classmethod
    def find(cls, centre_folder: Path) -> Station | None:
        """The station that was made for a centre folder, also when its declaration can no longer be read."""
        wanted = centre_folder.resolve()
        return next((station for station in cls.all() if station.centre_folder == wanted), None)

    @classmethod
    def _read(cls, place: Path) -> Station:
        try:
            identity = files.read_json(place / "station.json", dict)
            return cls(place, str(identity["centre"]), str(identity["id"]))
        except KeyError as error:
            raise files.damaged(place / "station.json", f"{error} is missing") from error

    # -- places ------------------------------------------------------------------------------------------------------

    @property
    def centre_folder(self) -> Path | None:
        """The centre folder it was last used with."""
        recorded = files.read_json(self.folder / "station.json", dict).get("folder", "")
        return Path(recorded) if recorded else None

    @property
    def passphrase_file(self) -> Path:
        """For ``PULUMI_CONFIG_PASSPHRASE_FILE``."""
        return self.folder / "passphrase"

    @property
    def ssh_config(self) -> Path:
        """For ``ssh -F``: the one way to every host."""
        return self.folder / "ssh" / "config"

    @property
    def runtime(self) -> Path:
        """Sockets to the hosts. Short, since a socket's path holds at most 107 bytes."""
        return runtime.folder_of(self.id)

    def public_key(self) -> str:
        """The station's SSH public key, one line."""
        return files.read_text(self.folder / "ssh" / "id_ed25519.pub").strip()

    # -- one at a time -----------------------------------------------------------------------------------------------

    @contextmanager
    def hold(self, wait: float = 0.0) -> Iterator[None]:
        """Work alone: the kernel frees the lock when this process ends, however it ends.

        Waits up to ``wait`` seconds for another run. Raises BusyError that names its pid and since when.
        """
        until = time.monotonic() + wait
        with (
            alone(self.folder / "lock", wait, self._busy, check=self._check_there),
            # A destroy from another checkout knows this station by its id alone.
            runtime.hold_id(self.id, self.centre, max(0.0, until - time.monotonic())),
        ):
            _HELD.append(self.id)
            try:
                yield
            finally:
                _HELD.remove(self.id)

    @property
    def is_held(self) -> bool:
        """True while this process holds the station."""
        return self.id in _HELD

    def _check_there(self) -> None:
        if not self.folder.is_dir():
            raise RefusedError(f"the station of {self.centre} was removed meanwhile", hint="`idc up` makes a new one")

    def _busy(self, holder: str) -> BusyError:
        return runtime.busy(self.centre, holder)

    def remove(self) -> None:
        """Remove the station with its keys and state; called while held, when a lab is destroyed."""
        _sweep(self.folder.parent)
        shutil.rmtree(self.runtime, ignore_errors=True)
        gone = self.folder.with_name(f".gone-{self.folder.name}-{os.getpid()}")
        with files.explained(self.folder):
            self.folder.rename(gone)
            shutil.rmtree(gone)

    # -- what was applied ----------------------------------------------------------------------------------------------

    def record_applied(self, plan: str, declaration: str, serial: int) -> None:
        """Remember a plan (as text) that stands whole, its declaration's digest and the serial of its locks."""
        history.record(self.folder, plan, declaration, serial, self.centre_folder)

    def check_not_older(self, declaration: Declaration, lock: Lock, *, own: bool = False) -> None:
        """Refuse a declaration older than the one last applied, and one that has lost a tenant. Raises RefusedError.

        ``own``: the lock is the station's own, as a twin's is; there is no other to compare it with.
        """
        # A folder without its newest tenant is also as it once was: that a file has vanished says more.
        history.check_none_vanished(self.folder, declaration)
        history.check_not_older(self.folder, declaration, lock)
        if not own:
            history.check_same_allocation(self.folder, declaration.folder, lock)

    # -- secrets -----------------------------------------------------------------------------------------------------

    def secret(self, name: str) -> bytes:
        """A secret by name (``tax/file/database``): made once, 43 url-safe characters, file mode 0600."""
        if not _SECRET_NAME.fullmatch(name):
            raise EngineError(f"not a secret's name: {name!r}")
        path = self.folder / "secrets" / name.replace("/", "_")
        if not path.exists():
            files.write_once(path, secrets.token_urlsafe(32))
        return files.read_text(path).encode()

    def drop_secret(self, name: str) -> None:
        """Forget a secret, so that the next use makes a new one."""
        if _SECRET_NAME.fullmatch(name):
            (self.folder / "secrets" / name.replace("/", "_")).unlink(missing_ok=True)

    def known_secrets(self) -> tuple[bytes, ...]:
        """The values that must never show anywhere: the secrets, and the passphrase."""
        with files.explained(self.folder, "read"):
            found = sorted(path for path in (self.folder / "secrets").iterdir() if not path.name.startswith("."))
        return tuple(files.read_text(path).encode() for path in (*found, self.passphrase_file))


def _place(centre: str) -> Path:
    if not _CENTRE_ID.fullmatch(centre):  # it becomes a folder's name
        raise EngineError(f"not a centre's id: {centre!r}")
    return paths.stations_dir() / centre


def _sweep(home: Path) -> None:
    """Remove what runs that died while they made or removed a station have left: there are keys in it."""
    for entry in home.glob(".*"):
        unfinished = _UNFINISHED.fullmatch(entry.name)
        if unfinished and not Path("/proc", unfinished["pid"]).exists():
            shutil.rmtree(entry, ignore_errors=True)


def _make(place: Path, centre: str, centre_folder: Path | None) -> None:
    """Build a station beside its place and rename it there, so that a run that dies here leaves none."""
    files.make_folder(place.parent)
    building = place.with_name(f".new-{place.name}-{os.getpid()}-{secrets.token_hex(4)}")
    try:
        for name in _FOLDERS:
            files.make_folder(building / name)
        building.chmod(0o700)
        files.write_atomic(building / "passphrase", secrets.token_urlsafe(48))
        key = Ed25519PrivateKey.generate()
        private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
        public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        files.write_atomic(building / "ssh" / "id_ed25519", private)
        files.write_atomic(building / "ssh" / "id_ed25519.pub", public + f" idc {centre}\n".encode())
        files.write_atomic(building / "ssh" / "known_hosts", "")
        _write_identity(building, centre, secrets.token_hex(4), centre_folder and centre_folder.resolve())
        with files.explained(place):
            try:
                building.rename(place)
            except OSError:
                if not place.is_dir():  # not merely another run that was faster
                    raise
        files.sync_folder(place.parent)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _write_identity(folder: Path, centre: str, number: str, centre_folder: Path | None) -> None:
    identity = {"format": 1, "centre": centre, "id": number, "folder": str(centre_folder or "")}
    files.write_atomic(folder / "station.json", json.dumps(identity, indent=2) + "\n")
