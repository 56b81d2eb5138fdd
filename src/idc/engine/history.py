"""What a station has applied, and the refusals that follow: no older declaration, no vanished tenant, no altered lock.

``applied/plan.json`` is the plan that stands; ``applied/history.json`` lists what was applied, oldest first. A
declaration is older when its locks are, when git says so, or when it was applied before and something else after it.
"""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from idc.engine import files
from idc.errors import InputError, Problem, RefusedError
from idc.model.text import NAME

if TYPE_CHECKING:
    from idc.model import Declaration
    from idc.plan.lock import Lock


@dataclass(frozen=True)
class Applied:
    """One entry of the history."""

    time: str  # ISO 8601, with offset
    declaration: str  # its digest
    serial: int  # of the locks that came with it
    commit: str = ""  # last commit that touched the centre folder, when that is in a git work tree


def read(station: Path) -> tuple[Applied, ...]:
    """All that was applied, oldest first."""
    file = station / "applied" / "history.json"
    try:
        return tuple(Applied(**entry) for entry in files.read_json(file, list, absent=[]))
    except TypeError as error:
        raise files.damaged(file, error) from error


def record(station: Path, plan: str, declaration: str, serial: int, centre_folder: Path | None) -> None:
    """Remember a plan (as text) that stands whole.

    The locks are in the centre folder already: a run that dies in between leaves a folder that is newer than the
    station, never one that would be refused as older.
    """
    files.write_atomic(station / "applied" / "plan.json", plan)
    known = read(station)
    commit = last_commit(centre_folder) if centre_folder else ""
    entry = Applied(datetime.now().astimezone().isoformat(timespec="seconds"), declaration, serial, commit)
    if known and (known[-1].declaration, known[-1].serial) == (declaration, serial):
        known = known[:-1]  # the same again: only the time moves on
    text = json.dumps([asdict(item) for item in (*known, entry)], indent=1)
    files.write_atomic(station / "applied" / "history.json", text + "\n")


def check_not_older(station: Path, declaration: Declaration, lock: Lock, *, deliberate: bool = False) -> None:
    """Refuse a declaration that is older than the one last applied. Raises RefusedError.

    With ``deliberate`` a return to an earlier content is meant, and only stale or missing locks are refused.
    """
    known = read(station)
    if not known:
        return
    last = known[-1]
    where = declaration.folder / "locks"
    copy = f"cp -a {station / 'locks'}/. {where}/"
    if lock.serial == 0 and last.serial > 0:
        raise RefusedError(f"{where} is missing, but this centre was applied before (serial {last.serial})",
                           hint=f"bring it back from version control, or from the station: {copy}")  # fmt: skip
    if lock.serial < last.serial:
        raise RefusedError(
            f"{declaration.folder} is older than what was last applied ({last.time}): "
            f"its locks have serial {lock.serial}, the station has {last.serial}",
            hint=f"update the folder; if only its locks are stale: {copy}",
        )
    if deliberate or declaration.digest == last.declaration:
        return
    age = _age_by_git(declaration.folder, last.commit)
    if age == "older":
        raise RefusedError(
            f"{declaration.folder} is at a commit before the one last applied ({last.commit[:12]})",
            hint="update the work tree; to go back on purpose, commit the change as a new one",
        )
    earlier = next((item for item in reversed(known[:-1]) if item.declaration == declaration.digest), None)
    if earlier is not None and age != "newer":
        raise RefusedError(
            f"{declaration.folder} says what was applied at {earlier.time}; something newer was since ({last.time})",
            hint="update the folder; to go back on purpose, commit the change as a new one in version control",
        )


def check_same_allocation(station: Path, folder: Path, lock: Lock) -> None:
    """Refuse locks that say otherwise than the station's copy of them. Raises InputError; RefusedError for older ones.

    A later serial is what a run leaves that died between the two writes: it may add, and never moves anything.
    """
    from idc.plan.lock import Lock

    copy, where = station / "locks", folder / "locks"
    restore = f"restore it from version control, or from the station: cp -a {copy}/. {where}/"
    try:
        known = (copy / "platform.yaml").read_bytes()
    except FileNotFoundError:
        return  # nothing was ever allocated from here
    if lock.serial and known == (where / "platform.yaml").read_bytes():
        return  # it lists the digests of all the others
    kept = Lock.read(copy)
    if lock.serial == 0:
        raise RefusedError(f"{where} is missing, but the station has it (serial {kept.serial})", hint=restore)
    if lock.serial < kept.serial:
        message = f"{where} has serial {lock.serial}, older than the station's {kept.serial}"
        raise RefusedError(message, hint=f"update the folder; if only its locks are stale: cp -a {copy}/. {where}/")
    if lock.serial > kept.serial:
        files_moved = {_lock_file(reference) for reference in kept.moved_in(lock)}
    else:
        files_moved = {
            f"tenants/{name}.yaml"
            for name in {*kept.tenants, *lock.tenants}
            if kept.tenants.get(name) != lock.tenants.get(name)
        } or {"platform.yaml"}
    if files_moved:
        message = "says otherwise than the station's copy: what is allocated never moves"
        raise InputError([Problem(str(where / file), 0, message, restore) for file in sorted(files_moved)])


def _lock_file(reference: str) -> str:
    kind, _, rest = reference.partition("/")
    return f"tenants/{rest.partition('/')[0]}.yaml" if kind == "tenant" else "platform.yaml"


def check_none_vanished(station: Path, declaration: Declaration) -> None:
    """Absence never destroys: refuse when a tenant that was built has no file any more and was not retired.

    Raises InputError that names each.
    """
    declared = {spec.tenant for spec in declaration.tenants}
    gone = sorted(known_tenants(station) - declared - retired_tenants(station))
    if not gone:
        return
    hint = "bring the file back; to let a tenant go, write `state: retiring` in it and run `idc retire {}`"
    raise InputError(
        [
            Problem(
                str(declaration.folder / "tenants" / f"{tenant}.yaml"),
                0,
                f"the file has vanished, but {tenant} still runs here",
                hint.format(tenant),
            )
            for tenant in gone
        ]
    )


def known_tenants(station: Path) -> frozenset[str]:
    """Tenants of the applied plan, and those that got an allocation from a run that did not come to its end."""
    found = {file.stem for file in (station / "locks" / "tenants").glob("*.yaml")}
    plan = station / "applied" / "plan.json"
    try:
        found |= {str(tenant["id"]) for tenant in files.read_json(plan, dict, absent={"tenants": ()})["tenants"]}
    except (KeyError, TypeError) as error:
        raise files.damaged(plan, error) from error
    return frozenset(found)


def retired_tenants(station: Path) -> frozenset[str]:
    """Tenants that `idc retire` has closed for good."""
    return frozenset(files.read_json(station / "retired.json", dict, absent={}))


def isolated_tenants(station: Path) -> frozenset[str]:
    """Tenants that `idc isolate` has shut. Raises EngineError for a damaged list: it would open what somebody shut."""
    file = station / "isolated.json"
    names = files.read_json(file, list, absent=[])
    if not all(isinstance(name, str) and re.fullmatch(NAME, name) for name in names):
        raise files.damaged(file, "it is no list of tenants")
    return frozenset(names)


def last_commit(folder: Path) -> str:
    """The last commit that touched this folder; empty outside a git work tree (or without git)."""
    done = _git(folder, "log", "-1", "--format=%H", "--", ".")
    return done.stdout.strip() if done is not None and done.returncode == 0 else ""


def _age_by_git(folder: Path, applied: str) -> Literal["older", "newer", "unknown"]:
    """How the folder's last commit stands to the applied one."""
    now = last_commit(folder) if applied else ""
    if not now or now == applied:
        return "unknown"
    if _is_ancestor(folder, applied, now):
        return "newer"
    return "older" if _is_ancestor(folder, now, applied) else "unknown"


def _is_ancestor(folder: Path, ancestor: str, descendant: str) -> bool:
    done = _git(folder, "merge-base", "--is-ancestor", ancestor, descendant)
    return done is not None and done.returncode == 0


def _git(folder: Path, *words: str) -> subprocess.CompletedProcess[str] | None:
    try:
        return subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
