"""Folders on hosts that containers read: secrets, the edge's sites, the content of static sites.

What must lie there is a typed tree, made by pure functions from the plan, the station and the centre folder. It goes to
a host in one call that first asks what is not as planned; nothing is sent where nothing changed.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from idc.engine import host_folders
from idc.engine.hosts import Hosts
from idc.engine.station import Station
from idc.errors import EngineError, RefusedError
from idc.plan.types import Plan, Site, Vhost
from idc.render.edge import edge
from idc.render.portal import portal
from idc.render.site_page import site_page

EDGE_FOLDER: Final = "/var/lib/idc/edge"
EDGE_MOUNT: Final = "/etc/idc-edge"
KEEP_RELEASES: Final = 5
_SCRIPT: Final = Path(host_folders.__file__)


@dataclass(frozen=True)
class SecretFolder:
    """One container's secrets: a host folder that only its user may read. File name -> content."""

    root: str
    uid: int
    files: Mapping[str, bytes]


@dataclass(frozen=True)
class Release:
    """A folder that is switched as a whole, in a host folder (``root``) or a Docker volume. Relative path -> content.

    ``container`` is told of a switch, after ``check`` (run in it) has found the new release good.
    """

    files: Mapping[str, bytes]
    root: str = ""
    volume: str = ""
    keep: int = KEEP_RELEASES
    container: str = ""
    check: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Names the release: over paths and contents."""
        total = hashlib.sha256()
        for path, content in sorted(self.files.items()):
            total.update(f"{path}\0{len(content)}\0".encode() + content)
        return total.hexdigest()[:16]


@dataclass(frozen=True)
class HostTree:
    """All that must lie on one host. ``settled``: what is not planned runs no more, so its secrets may go."""

    host: str
    secrets: tuple[SecretFolder, ...]
    releases: tuple[Release, ...]
    settled: bool = False


# -- what must lie there -----------------------------------------------------------------------------------------------


def tree_for(
    plan: Plan,
    host: str,
    station: Station,
    centre_folder: Path,
    *,
    with_content: bool,
    vhosts: Sequence[Vhost] | None = None,
) -> HostTree:
    """The tree of one host. Without ``with_content`` it is what comes before containers and volumes are made.

    ``vhosts`` are those that the edge is to have: the plan's own, unless it is too early for them.
    """
    releases = []
    for container in plan.on(host):
        if any(mount.source == EDGE_FOLDER for mount in container.mounts):
            files = {path: text.encode() for path, text in edge(plan, vhosts).items()}
            docker_name = container.docker_name()
            check = ("/usr/local/bin/idc-edge-check", f"{EDGE_MOUNT}/releases/{Release(files).digest}")
            releases.append(Release(files, root=EDGE_FOLDER, container=docker_name, check=check))
    if with_content:
        releases += [
            Release(content_of(plan, site, centre_folder), volume=site.content_volume)
            for site in plan.sites
            if site.host == host and site.content_volume and site.container in plan.container_by_name
        ]
    secrets: dict[str, dict[str, bytes]] = {}
    owners: dict[str, int] = {}
    for secret in plan.secrets:
        if secret.host == host:
            secrets.setdefault(secret.folder, {})[secret.file] = station.secret(secret.name)
            owners[secret.folder] = secret.uid
    folders = tuple(SecretFolder(folder, owners[folder], files) for folder, files in sorted(secrets.items()))
    return HostTree(host, folders, tuple(releases), settled=with_content)


def standing_vhosts(applied: Plan | None, plan: Plan) -> tuple[Vhost, ...]:
    """The vhosts that stay while a plan is being applied: as they were, without those that the new plan closes.

    A new site's vhost, and the new slot of a container that is replaced, come when their containers run.
    """
    kept = {(vhost.visibility, vhost.site) for vhost in plan.vhosts}
    return tuple(vhost for vhost in (applied.vhosts if applied else ()) if (vhost.visibility, vhost.site) in kept)


def content_of(plan: Plan, site: Site, centre_folder: Path) -> dict[str, bytes]:
    """A static site's files: its folder below the centre folder, or a page made from the plan."""
    if site.kind == "portal":
        return {path: text.encode() for path, text in portal(plan, site.visibility).items()}
    if not site.content:
        return {path: text.encode() for path, text in site_page(plan, site).items()}
    folder = centre_folder / site.content
    files: dict[str, bytes] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            raise RefusedError(
                f"{path} is a symbolic link", hint="a site's content is plain files: put the file itself there"
            )
        if path.is_file():
            files[path.relative_to(folder).as_posix()] = path.read_bytes()
    if not files:
        raise RefusedError(f"{folder} holds no file", hint=f"put {site.ref}'s pages there, at least index.html")
    return files


# -- putting it there --------------------------------------------------------------------------------------------------


def sync(hosts: Hosts, host: str, tree: HostTree, deadline: float = 60.0) -> bool:
    """Bring a host's folders to the tree; True when anything changed there.

    Raises EngineError with the words of what refused (nginx, of a vhost); then that folder is as it was.
    """
    folders = [
        *(_secret_entry(folder) for folder in tree.secrets),
        *(_release_entry(release) for release in tree.releases),
    ]
    contents = [*(folder.files for folder in tree.secrets), *(release.files for release in tree.releases)]
    known = [Path(folder.root).name for folder in tree.secrets] if tree.settled else None
    seen = _call(hosts, host, "look", json.dumps({"folders": folders, "secrets": known}).encode(), deadline)
    if not seen["stale"] and not seen["strays"]:
        return False
    stale: list[int] = seen["stale"]
    manifest = {"folders": [folders[index] for index in stale], "secrets": known}
    _call(hosts, host, "put", pack(manifest, [contents[index] for index in stale]), deadline)
    return True


def _secret_entry(folder: SecretFolder) -> dict[str, object]:
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in folder.files.items()}
    return {"kind": "secrets", "root": folder.root, "volume": "", "uid": folder.uid, "files": digests}


def _release_entry(release: Release) -> dict[str, object]:
    return {
        "kind": "release",
        "root": release.root,
        "volume": release.volume,
        "digest": release.digest,
        "keep": release.keep,
        "container": release.container,
        "check": release.check,
    }


def pack(manifest: Mapping[str, object], contents: Sequence[Mapping[str, bytes]]) -> bytes:
    """The tar that ``host_folders`` puts: its manifest first, then each folder's files as ``<index>/<path>``."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
        _add(tar, "manifest.json", json.dumps(manifest).encode(), 0o600)
        kinds: Sequence[Mapping[str, str]] = manifest["folders"]  # type: ignore[assignment]
        for index, files in enumerate(contents):
            mode = 0o400 if kinds[index]["kind"] == "secrets" else 0o644
            for path, content in sorted(files.items()):
                _add(tar, f"{index}/{path}", content, mode)
    return stream.getvalue()


def _add(tar: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))


def _call(hosts: Hosts, host: str, verb: Literal["look", "put"], data: bytes, deadline: float) -> dict[str, list[Any]]:
    done = hosts.run(host, ["python3", "-c", _SCRIPT.read_text(), verb], data, deadline)
    if not done.ok:
        raise EngineError(f"{host}: its folders were left as they were: {done.words}", host=host)
    answer: dict[str, list[Any]] = json.loads(done.stdout)
    return answer
