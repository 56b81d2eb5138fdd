"""The lock's folder: read with suspicion, written as one. See ``write`` for how it survives a run that is killed.

The platform's file lists every tenant with the digest of its file. So a tenant's file that is lost, put in or altered
is noticed: without the list its numbers would be given to others, and every address would move.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, Final, TypeVar

from idc.errors import InputError, Problem
from idc.model.text import NAME, printable
from idc.plan import codec, lockchecks
from idc.plan.lock import HostLock, Lock, SiteLock, TenantLock
from idc.plan.lockchecks import PLATFORM, tenant_file

FORMAT: Final = 1
HEADER: Final = (
    "# Written by idc when a plan is applied: what was allocated. Never edit it; restore it from version control.\n"
)
RESTORE: Final = "restore it from version control, or from locks/ of the centre's station; idc writes it, people do not"
STRANGER: Final = "take it out: idc keeps platform.yaml and tenants/ID.yaml here, and nothing else"
FORMER: Final = (
    "where version control has one with a list, bring that back; else go on with the idc that wrote it, or begin anew: "
    "in a lab `idc destroy CENTRE` removes the hosts, their data and this folder, then `idc up CENTRE`"
)
LIMIT: Final = 1 << 20  # bytes; a tenant's file has some hundred
PLATFORM_LIMIT: Final = 1 << 23  # some 60 a tenant
LEFTOVER: Final = ".new"  # a file whose writing was cut off; the next write of it takes its place
MANY: Final = 32  # from here on one sync of the disk is faster than one a file

T = TypeVar("T")


@dataclass(frozen=True)
class _Platform:
    """``platform.yaml``."""

    format: int
    serial: int
    prefix: IPv4Network
    hosts: Mapping[str, HostLock]
    services: Mapping[str, SiteLock]
    tenants: Mapping[str, str]  # tenant -> digest of its file


@dataclass(frozen=True)
class _Tenant:
    """``tenants/<id>.yaml``."""

    tenant: str
    number: int
    sites: Mapping[str, SiteLock]


@dataclass
class _Reader:
    """Texts of the files and the problems found in them."""

    folder: Path
    problems: list[Problem] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)

    def refuse(self, file: str, message: str, needle: str = "", *, hint: str = RESTORE) -> None:
        """Note a problem, at the first line that holds ``needle``."""
        shown = str(self.folder / file)
        for number, line in enumerate(self.texts.get(file, "").splitlines(), 1):
            if needle and needle in line:
                self.problems.append(Problem(shown, number, message, hint, line, line.index(needle) + 1))
                return
        self.problems.append(Problem(shown, 0, message, hint))

    def content(self, file: str, limit: int = LIMIT) -> bytes | None:
        """A file's bytes, or None with a problem noted."""
        try:
            return _bytes(self.folder / file, limit)
        except FileNotFoundError:
            self.refuse(file, "is missing: what it holds would be given to others")
        except OSError as error:
            self.refuse(file, f"cannot be read: {error.strerror}")
        except ValueError as error:
            self.refuse(file, f"not as idc wrote it: {error}")
        return None

    def value(self, file: str, content: bytes, kind: type[T]) -> T | None:
        """What a file's bytes mean, or None with a problem noted."""
        try:
            text = content.decode("utf-8")
            # The header's line is left blank, so that line numbers hold.
            text = self.texts[file] = "\n" + text.partition("\n")[2] if text.startswith("#") else text
            # The decoder is the plan's own; here every error of it is one of the file.
            return codec.decode(json.loads(text, object_pairs_hook=_no_duplicates), kind)
        except json.JSONDecodeError as error:
            line = error.doc.splitlines()[error.lineno - 1] if error.doc.strip() else ""
            message = f"not as idc wrote it: {error.msg}"
            place = str(self.folder / file)
            self.problems.append(Problem(place, error.lineno, message, RESTORE, line, error.colno))
        except (ValueError, TypeError, RecursionError) as error:
            self.refuse(file, f"not as idc wrote it: {error}")
        return None


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("the same key stands twice")
    return found


def _bytes(path: Path, limit: int) -> bytes:
    """A file's content. No symbolic links, no pipes, no surprises in size."""
    if not stat.S_ISREG(path.lstat().st_mode):
        raise ValueError("it is not a regular file")
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ValueError(f"it is larger than {limit} bytes")
    return content


def digest(content: bytes) -> str:
    """By which the platform's file knows a tenant's."""
    return hashlib.sha256(content).hexdigest()[:32]


def read(folder: Path) -> Lock:
    """See ``Lock.read``."""
    reader = _Reader(folder)
    names, empty = _names(reader)
    if reader.problems:
        raise InputError(sorted(reader.problems))
    if empty:
        return Lock()
    content = reader.content(PLATFORM, PLATFORM_LIMIT)
    if content is not None and _is_former(content):
        reader.refuse(PLATFORM, "`tenants` is missing: an earlier idc wrote it, which listed no files", hint=FORMER)
        raise InputError(reader.problems)
    platform = reader.value(PLATFORM, content, _Platform) if content is not None else None
    if platform is None:
        raise InputError(sorted(reader.problems))
    if platform.format != FORMAT:
        reader.refuse(PLATFORM, f"format {platform.format} is not known to this idc", '"format"')
    for name in sorted(names - platform.tenants.keys()):
        message = f"is not one of the tenants that {PLATFORM} lists"
        reader.refuse(tenant_file(name), message, hint="take it out, or restore both from version control")
    tenants: dict[str, TenantLock] = {}
    for name, known in sorted(platform.tenants.items()):
        if not re.fullmatch(NAME, name):
            reader.refuse(PLATFORM, f"{name!r} is no tenant's name", '"tenants"')
        elif (entry := _tenant(reader, name, known)) is not None:
            tenants[name] = TenantLock(entry.number, entry.sites)
    lock = Lock(platform.serial, platform.prefix, platform.hosts, platform.services, tenants)
    lockchecks.check(lock, reader.refuse)
    if reader.problems:
        raise InputError(sorted(set(reader.problems)))
    return lock


def _is_former(content: bytes) -> bool:
    """Whether a platform's file is from before it listed the tenants' files with their digests."""
    try:
        found = json.loads(re.sub(rb"\A#.*\n", b"", content))
    except (ValueError, RecursionError):
        return False  # its reader says what is wrong with it
    return isinstance(found, dict) and {"format", "serial", "prefix"} <= found.keys() and "tenants" not in found


def _names(reader: _Reader) -> tuple[set[str], bool]:
    """Tenants that have a file, and whether there is nothing at all. Whatever else lies there is a problem."""
    found: set[str] = set()
    if not os.path.lexists(reader.folder):
        return found, True
    entries = _scan(reader, "")
    for name, kind in entries:
        if (name, kind) == ("tenants", "folder"):
            for inner, what in _scan(reader, "tenants/"):
                identity = inner.removesuffix(".yaml")
                if what == "folder" or identity == inner or not re.fullmatch(NAME, identity):
                    reader.refuse(f"tenants/{printable(inner)}", "is no tenant's file", hint=STRANGER)
                else:
                    found.add(identity)
        elif name == "tenants" or (name, kind) == (PLATFORM, "folder"):
            reader.refuse(name, f"is a {kind}, which idc never wrote")
        elif name != PLATFORM:
            reader.refuse(printable(name), f"is a {kind} that idc did not write", hint=STRANGER)
    return found, not found and not any(name == PLATFORM for name, _ in entries)


def _scan(reader: _Reader, below: str) -> list[tuple[str, str]]:
    """Names and kinds in a folder of the lock, without what a killed run left there."""
    folder = reader.folder / below
    if folder.is_symlink() or not folder.is_dir():
        what = "is a symbolic link" if folder.is_symlink() else "is no folder"
        reader.refuse(below.rstrip("/"), what, hint="the lock's folder belongs in the centre folder")
        return []
    with os.scandir(folder) as entries:
        return sorted(
            (entry.name, "symbolic link" if entry.is_symlink() else "folder" if entry.is_dir() else "file")
            for entry in entries
            if not (entry.name.startswith(".") and entry.name.endswith(f".yaml{LEFTOVER}"))
        )


def _tenant(reader: _Reader, name: str, known: str) -> _Tenant | None:
    """A tenant's file, if it is the one that the platform's file lists."""
    file = tenant_file(name)
    ready = _leftover(reader.folder / file)
    content = reader.content(str(ready.relative_to(reader.folder))) if os.path.lexists(ready) else None
    if content is None or digest(content) != known:  # else its writing was cut off just before the rename
        content = reader.content(file)
    if content is None:
        return None
    entry = reader.value(file, content, _Tenant)
    if entry is None:
        return None
    if digest(content) != known:
        reader.refuse(file, f"was altered: it is not the file that {PLATFORM} lists")
        return None
    if entry.tenant != name:
        reader.refuse(file, f"says that it is tenant {entry.tenant}'s", f'"{entry.tenant}"')
    return entry


def _leftover(path: Path) -> Path:
    return path.with_name(f".{path.name}{LEFTOVER}")


def write(lock: Lock, folder: Path) -> bool:
    """See ``Lock.write``.

    Every new content is on the disk beside its file before the platform's file is renamed into place. That rename is
    the moment in which the new lock stands: before it the old files are as they are listed, after it a file that still
    has its old content is read from beside it. A tenant that is freed is moved aside first, for the same reason.
    """
    if lock.prefix is None:
        return False
    (folder / "tenants").mkdir(parents=True, exist_ok=True)
    _finish(folder)
    wanted: dict[Path, bytes] = {}
    digests: dict[str, str] = {}
    for name, tenant in sorted(lock.tenants.items()):
        content = _content(_Tenant(name, tenant.number, tenant.sites))
        wanted[folder / tenant_file(name)] = content
        digests[name] = digest(content)
    platform = folder / PLATFORM
    head = _content(_Platform(FORMAT, lock.serial, lock.prefix, lock.hosts, lock.services, digests))
    changed = [(path, content) for path, content in wanted.items() if not _holds(path, content)]
    if not _holds(platform, head):
        changed.insert(0, (platform, head))
    freed = [path for path in (folder / "tenants").glob("[!.]*.yaml") if path not in wanted]
    if changed or freed:
        _replace_all(changed, freed)
    return bool(changed or freed)


def _content(value: _Platform | _Tenant) -> bytes:
    return f"{HEADER}{codec.dumps(value, indent=1)}\n".encode()


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except FileNotFoundError:
        return False


def _finish(folder: Path) -> None:
    """Put in place what a killed run left beside its files and the platform's file lists; remove the rest of it."""
    left = [path for place in (folder, folder / "tenants") for path in place.glob(f".*.yaml{LEFTOVER}")]
    if not left:
        return
    try:
        text = (folder / PLATFORM).read_text(encoding="utf-8")
        listed = json.loads(text.partition("\n")[2]).get("tenants", {})
    except (OSError, ValueError, AttributeError):
        listed = {}
    for path in left:
        target = path.with_name(path.name.removeprefix(".").removesuffix(LEFTOVER))
        if target.name != PLATFORM and listed.get(target.stem) == digest(path.read_bytes()):
            path.replace(target)
        else:
            path.unlink()


def _replace_all(files: list[tuple[Path, bytes]], freed: list[Path]) -> None:
    """Put every file in place by rename, after all content is on the disk; the first rename is the one that counts."""
    ready: list[tuple[Path, Path]] = []
    aside: list[tuple[Path, Path]] = []
    folders = sorted({path.parent for path, _ in files} | {path.parent for path in freed})
    stands = False
    try:
        for path, content in files:
            temporary = _leftover(path)
            ready.append((temporary, path))
            _put(temporary, content, synced=len(files) < MANY)
        for path in freed:
            path.replace(_leftover(path))
            aside.append((_leftover(path), path))
        if len(files) >= MANY:
            os.sync()
        else:
            _sync(folders)  # the names of the new files, without which their contents are lost as well
        for temporary, path in ready:
            temporary.replace(path)
            first, stands = not stands, True
            if first:
                _sync([path.parent])  # a file system may keep later renames and lose this one
        _sync(folders)
        for temporary, _ in aside:
            temporary.unlink()
    finally:
        if not stands:
            for temporary, _ in ready:
                temporary.unlink(missing_ok=True)
            for temporary, path in aside:
                temporary.replace(path)


def _put(path: Path, content: bytes, *, synced: bool) -> None:
    """A new file, without what Python's own files cost a thousand times over."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    try:
        left = memoryview(content)
        while left:
            left = left[os.write(descriptor, left) :]
        if synced:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync(folders: Iterable[Path]) -> None:
    """Have what was named in these folders on the disk."""
    for folder in folders:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
