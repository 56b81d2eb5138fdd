"""Family ``mounts``: what of its host a container sees. Its own volume, its own folder, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from idc.policy import CONTAINER, VOLUME, Resource, View, policy

SECRETS: Final = "/var/lib/idc/secrets/"
SERVICE_FOLDERS: Final = {"service/edge": frozenset({"/var/lib/idc/edge"})}
_KNOWN: Final = frozenset({"type", "source", "target", "readOnly"})


def allowed_folders(container: Resource) -> frozenset[str]:
    """Host folders that a container may mount: its own secrets, and what its service is served by."""
    return frozenset({SECRETS + _without_slot(container)}) | SERVICE_FOLDERS.get(container.owner, frozenset())


@policy(
    "mounts.folders", "A container mounts no folder of its host but its own, read-only",
    severity="critical", controls=["8.2.3.1 b", "8.2.5.1 b"],
)  # fmt: skip
def own_folders(container: Resource, view: View) -> Iterator[str]:
    """By exact name: not the engine's socket, not another's secrets, not all of /var/lib/idc."""
    for mount in container.entries("mounts"):
        if mount.get("type") == "volume":
            continue
        source = str(mount.get("source") or "")
        if mount.get("type") != "bind":
            yield f"has a mount of type {mount.get('type')!r}"
        elif source not in allowed_folders(container):
            yield f"mounts {source or 'an unknown folder'} of its host"
        elif mount.get("readOnly") is not True:
            yield f"may write to {source} of its host"


@policy(
    "mounts.volumes", "A container mounts only volumes of its own site or service",
    severity="critical", controls=["8.2.3.1 b", "8.2.2.1 b"],
)  # fmt: skip
def own_volumes(container: Resource, view: View) -> Iterator[str]:
    """A volume that two share joins them behind the firewall's back."""
    for mount in container.entries("mounts"):
        if mount.get("type") != "volume":
            continue
        name = str(mount.get("source") or "")
        owners = {each.owner for each in view.named(VOLUME, container.stack, name)}
        if not name or owners != {container.owner}:
            whose = f"of {', '.join(sorted(owners))}" if owners else "that its own stack does not make"
            yield f"mounts volume {name!r} {whose}"


@policy(
    "mounts.other", "There is no other way to a folder or a file of the host",
    severity="critical", controls=["8.2.3.1 b"],
)  # fmt: skip
def no_other_way(container: Resource, view: View) -> Iterator[str]:
    """The older ``volumes`` (host paths, other containers' volumes), and mounts with options that nobody judges."""
    if container.items("volumes"):
        yield "has volumes by the older way, which names folders of its host and other containers"
    for mount in container.entries("mounts"):
        for name in sorted(name for name, value in mount.items() if name not in _KNOWN and not _empty(value)):
            yield f"mounts {mount.get('source')} with {name}"


@policy(
    "mounts.driver", "A volume lies on the engine's own disk",
    severity="critical", controls=["8.2.3.1 b"], over=[VOLUME],
)  # fmt: skip
def local_volumes(volume: Resource, view: View) -> Iterator[str]:
    """Options of the local driver can bind any folder of the host, the root as well."""
    if volume.text("driver") != "local":
        yield f"is made by driver {volume.text('driver')!r}"
    if not _empty(volume.props.get("driverOpts")) or not _empty(volume.props.get("cluster")):
        yield "has options of its driver"


@policy("mounts.one-writer", "Two containers never write to one volume", severity="high", controls=["8.1.4.7"])
def one_writer(container: Resource, view: View) -> Iterator[str]:
    """Two databases on one volume destroy it. The two address slots of one container take turns."""
    writers = view.derive(_writers)
    for name in sorted(_written(container)):
        for other in sorted(writers[container.stack, name] - {_without_slot(container)}):
            yield f"writes to volume {name!r}, and so does {other}"


def _writers(view: View) -> dict[tuple[str, str], set[str]]:
    """Stack and volume -> the containers that may write to it."""
    found: dict[tuple[str, str], set[str]] = {}
    for container in view.of(CONTAINER):
        for name in _written(container):
            found.setdefault((container.stack, name), set()).add(_without_slot(container))
    return found


def _without_slot(container: Resource) -> str:
    return re.sub(r"-[ab]$", "", container.name)


def _written(container: Resource) -> set[str]:
    mounts = [mount for mount in container.entries("mounts") if mount.get("type") == "volume"]
    return {str(mount.get("source")) for mount in mounts if mount.get("readOnly") is not True}


def _empty(value: Any) -> bool:
    """Nothing given; options of a mount that are all unset as well."""
    if isinstance(value, Mapping):
        return all(_empty(each) for each in value.values())
    if isinstance(value, list):
        return all(_empty(each) for each in value)
    return not value
