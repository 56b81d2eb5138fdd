"""The lock's folder: read with suspicion, written atomically. The platform's file is written first, see ``write``."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, Final, TypeVar

from idc.errors import InputError, Problem
from idc.model.text import NAME
from idc.plan import codec
from idc.plan.addresses import SEGMENT_LENGTH, Layout
from idc.plan.lock import HostLock, Lock, SiteLock, TenantLock

FORMAT: Final = 1
HEADER: Final = (
    "# Written by idc when a plan is applied: what was allocated. Never edit it; restore it from version control.\n"
)
RESTORE: Final = "restore the file from version control; idc writes it, people do not"
LIMIT: Final = 1 << 20  # bytes; a tenant's file has some hundred
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

    def refuse(self, file: str, message: str, needle: str = "") -> None:
        """Note a problem, at the first line that holds ``needle``."""
        for number, line in enumerate(self.texts.get(file, "").splitlines(), 1):
            if needle and needle in line:
                column = line.index(needle) + 1
                self.problems.append(Problem(str(self.folder / file), number, message, RESTORE, line, column))
                return
        self.problems.append(Problem(str(self.folder / file), 0, message, RESTORE))

    def value(self, file: str, kind: type[T]) -> T | None:
        """A file's content, or None with a problem noted."""
        try:
            text = self.texts[file] = _text(self.folder / file)
            # The decoder is the plan's own; here every error of it is one of the file.
            return codec.decode(json.loads(text, object_pairs_hook=_no_duplicates), kind)
        except json.JSONDecodeError as error:
            line = error.doc.splitlines()[error.lineno - 1] if error.doc.strip() else ""
            self.problems.append(
                Problem(
                    str(self.folder / file),
                    error.lineno,
                    f"not as idc wrote it: {error.msg}",
                    RESTORE,
                    line,
                    error.colno,
                )
            )
        except (ValueError, TypeError, RecursionError) as error:
            self.refuse(file, f"not as idc wrote it: {error}")
        except OSError as error:
            self.refuse(file, f"cannot be read: {error.strerror}")
        return None


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("the same key stands twice")
    return found


def _text(path: Path) -> str:
    """The file's JSON, the header's line left blank so that line numbers hold. No symlinks, no surprises in size."""
    if not stat.S_ISREG(path.lstat().st_mode):
        raise ValueError("it is not a regular file")
    with path.open("rb") as file:
        content = file.read(LIMIT + 1)
    if len(content) > LIMIT:
        raise ValueError(f"it is larger than {LIMIT} bytes")
    text = content.decode("utf-8")
    return "\n" + text.partition("\n")[2] if text.startswith("#") else text


def read(folder: Path) -> Lock:
    """See ``Lock.read``."""
    if not folder.is_dir() and not folder.is_symlink():
        return Lock()
    reader = _Reader(folder)
    if folder.is_symlink() or (folder / "tenants").is_symlink():
        raise InputError(
            [Problem(str(folder), 0, "is a symbolic link", "the lock's folder belongs in the centre folder")]
        )
    names = sorted(entry.name for entry in os.scandir(folder / "tenants")) if (folder / "tenants").is_dir() else []
    names = [name for name in names if not (name.startswith(".") and name.endswith(LEFTOVER))]
    if not names and not (folder / "platform.yaml").exists():
        return Lock()
    platform = reader.value("platform.yaml", _Platform)
    tenants: dict[str, TenantLock] = {}
    for name in names:
        identity = name.removesuffix(".yaml")
        if identity == name or not re.fullmatch(NAME, identity):
            reader.refuse(f"tenants/{name}", "is no tenant's file")
            continue
        entry = reader.value(f"tenants/{name}", _Tenant)
        if entry is None:
            continue
        if entry.tenant != identity:
            reader.refuse(f"tenants/{name}", f"says that it is tenant {entry.tenant}'s", f'"{entry.tenant}"')
        tenants[identity] = TenantLock(entry.number, entry.sites)
    if platform is None:
        raise InputError(sorted(reader.problems))
    if platform.format != FORMAT:
        reader.refuse("platform.yaml", f"format {platform.format} is not known to this idc", '"format"')
    lock = Lock(platform.serial, platform.prefix, platform.hosts, platform.services, tenants)
    _check(lock, reader)
    if reader.problems:
        raise InputError(sorted(set(reader.problems)))
    return lock


def _check(lock: Lock, reader: _Reader) -> None:
    """Contradictions within and between the files."""
    assert lock.prefix is not None  # platform.yaml has one, or its reading failed
    layout = Layout.of(lock.prefix)
    if layout is None:
        reader.refuse("platform.yaml", f"prefix {lock.prefix} is too small", f'"{lock.prefix}"')
        return
    _check_hosts(lock, layout, reader)
    numbers: dict[int, str] = {}
    for name, tenant in lock.tenants.items():
        file = f"tenants/{name}.yaml"
        if not 1 <= tenant.number <= layout.tenants:
            reader.refuse(file, f"number {tenant.number} is out of range", '"number"')
        other = numbers.setdefault(tenant.number, name)
        if other != name:
            reader.refuse(file, f"number {tenant.number} is tenant {other}'s", '"number"')
    holders: dict[int, str] = {}
    for file, owner, entry in _entries(lock):
        blocks = lock.hosts[entry.host].blocks if entry.host in lock.hosts else None
        if blocks is None:
            reader.refuse(file, f"{owner} is on host {entry.host}, which the platform's file does not know", entry.host)
            continue
        starts = {int(block.network_address) for block in blocks}
        for subnet in entry.segments.values():
            text, first = f'"{subnet}"', int(subnet.network_address)
            if subnet.prefixlen != SEGMENT_LENGTH or layout.block_start(first) not in starts:
                reader.refuse(file, f"subnet {subnet} of {owner} is in no block of host {entry.host}", text)
            other = holders.setdefault(first, owner)
            if other != owner:
                reader.refuse(file, f"subnet {subnet} of {owner} overlaps one of {other}", text)


def _entries(lock: Lock) -> Iterator[tuple[str, str, SiteLock]]:
    for name, service in lock.services.items():
        yield "platform.yaml", f"service/{name}", service
    for name, tenant in lock.tenants.items():
        for site, entry in tenant.sites.items():
            yield f"tenants/{name}.yaml", f"tenant/{name}/site/{site}", entry


def _check_hosts(lock: Lock, layout: Layout, reader: _Reader) -> None:
    numbers: dict[int, str] = {}
    blocks: dict[int, str] = {}
    for name, host in lock.hosts.items():
        if not 1 <= host.number <= layout.hosts:
            reader.refuse("platform.yaml", f"number {host.number} of host {name} is out of range", f'"{name}"')
        other = numbers.setdefault(host.number, name)
        if other != name:
            reader.refuse("platform.yaml", f"number {host.number} of host {name} is host {other}'s", f'"{name}"')
        for block in host.blocks:
            start = int(block.network_address)
            if not layout.is_block(block):
                reader.refuse("platform.yaml", f"{block} of host {name} is no block of the prefix", f'"{block}"')
            other = blocks.setdefault(start, name)
            if other != name or host.blocks.count(block) > 1:
                reader.refuse("platform.yaml", f"block {block} of host {name} is host {other}'s", f'"{block}"')


def write(lock: Lock, folder: Path) -> bool:
    """See ``Lock.write``.

    The platform's file goes first: a run that dies in between leaves blocks that nobody uses yet, never a subnet in a
    block that is nobody's.
    """
    if lock.prefix is None:
        return False
    platform = _Platform(FORMAT, lock.serial, lock.prefix, lock.hosts, lock.services)
    wanted = {folder / "platform.yaml": platform} | {
        folder / "tenants" / f"{name}.yaml": _Tenant(name, tenant.number, tenant.sites)
        for name, tenant in lock.tenants.items()
    }
    changed: list[tuple[Path, str]] = []
    for path, value in wanted.items():
        text = f"{HEADER}{codec.dumps(value, indent=1)}\n"
        if not path.exists() or path.read_text(encoding="utf-8", errors="replace") != text:
            changed.append((path, text))
    freed = [path for path in (folder / "tenants").glob("*.yaml") if path not in wanted]
    if changed or freed:
        (folder / "tenants").mkdir(parents=True, exist_ok=True)
        _replace_all(changed)
        for path in freed:
            path.unlink()
    return bool(changed or freed)


def _replace_all(files: list[tuple[Path, str]]) -> None:
    """Put every file in place by rename, after its content is on the disk."""
    ready: list[tuple[Path, Path]] = []
    try:
        for path, text in files:
            temporary = path.with_name(f".{path.name}{LEFTOVER}")
            ready.append((temporary, path))
            with temporary.open("w", encoding="utf-8") as file:
                file.write(text)
                if len(files) < MANY:
                    file.flush()
                    os.fsync(file.fileno())
        if len(files) >= MANY:
            os.sync()
        while ready:
            temporary, path = ready[0]
            temporary.replace(path)
            ready.pop(0)
    finally:
        for temporary, _ in ready:
            temporary.unlink(missing_ok=True)
