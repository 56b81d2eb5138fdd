"""Images on engines: built on this machine, remembered by content id, copied to the engines that run them."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from idc import paths
from idc.engine import apt, imagelock, stream
from idc.engine.alone import alone
from idc.engine.files import make_folder
from idc.engine.imagebuild import Progress, Workshop
from idc.engine.recipes import BASE, Recipe, fingerprint, image_names, recipe
from idc.errors import BusyError, EngineError, ToolError, Unreachable

__all__ = ["ImagesLock", "ensure", "fingerprint", "image_names", "missing", "transfer"]

_SIDE_BY_SIDE = 2  # builds at once: more would only contend, unpacking is bound by the processor
_WAIT_FOR_OTHER = 1800.0  # seconds that a second run waits for the first one's builds
_ANSWER = 20.0  # seconds an engine has to answer a question


@dataclass(frozen=True)
class ImagesLock:
    """Which images this machine has: an input of the plan."""

    ids: Mapping[str, str]  # short name ("edge") -> image id ("sha256:…")


def ensure(names: Iterable[str], progress: Progress) -> ImagesLock:
    """The ids of these images, built first where this machine's engine lacks them; unchanged recipes are not rebuilt.

    ``progress`` gets words and the share of the whole that is done. Raises ToolError when a build fails (its log is
    named), BusyError when another run builds for too long.
    """
    wanted = [recipe(name) for name in sorted({*names, BASE})]  # an unknown name is an error before anything is built
    ids = _known(wanted)
    if len(ids) < len(wanted):
        with _only_one() as lock_fd:
            ids = _known(wanted)  # another run may have built them meanwhile
            ids |= _build([one for one in wanted if one.name not in ids], ids.get(BASE), lock_fd, progress)
    progress(f"{len(ids)} images present", 1.0)
    return ImagesLock(MappingProxyType({name: ids[name] for name in sorted(set(names))}))


def current() -> ImagesLock:
    """What is built, by the lock alone: no engine is asked. An image whose recipe has changed since is left out."""
    ids = {name: imagelock.known(fingerprint(name)) for name in image_names()}
    return ImagesLock(MappingProxyType({name: identity for name, identity in ids.items() if identity}))


def missing(docker_host: str, wanted: Mapping[str, str]) -> list[str]:
    """Names of the wanted images (name -> id) that are not on that engine. Raises Unreachable."""
    there = {image.id for image in _inspect(sorted(set(wanted.values())), docker_host)}
    return sorted(name for name, identity in wanted.items() if identity not in there)


def transfer(docker_host: str, wanted: Mapping[str, str], progress: Progress) -> None:
    """Copy what is missing to that engine: all in one stream, so that layers in common go once. Ids are verified.

    Raises EngineError, with the engine's own words, when it fails or nothing moves for a while.
    """
    names = missing(docker_host, wanted)
    if names:
        host = _host_name(docker_host)
        sources = {image.id: image for image in _inspect(sorted({wanted[name] for name in names}))}
        if gone := [name for name in names if wanted[name] not in sources]:
            lost = f"this machine no longer has the images {', '.join(gone)}"
            raise EngineError(lost, hint="run the same command again")
        references = [image.tags[0] if image.tags else image.id for image in sources.values()]
        stream.copy(references, docker_host, host, progress, sum(image.size for image in sources.values()))
        if absent := missing(docker_host, wanted):
            raise EngineError(
                f"{host}: after copying, these images are not there under their ids: {', '.join(absent)}",
                hint="both engines must keep images the same way (storage driver); see `docker info` on both",
                host=host,
            )
    progress(f"{len(wanted)} images present", 1.0)


@dataclass(frozen=True)
class _Image:
    """What an engine says of one of its images."""

    id: str
    tags: tuple[str, ...]
    size: int
    fingerprint: str  # of the recipe it was built by, as its label says


def _inspect(references: Sequence[str], docker_host: str = "") -> list[_Image]:
    """Those of the images (ids or tags) that an engine has; by default this machine's. Raises Unreachable."""
    if not references:
        return []
    host = _host_name(docker_host)
    where = ["--host", docker_host] if docker_host else []
    mark = '{{with .Config}}{{with .Labels}}{{index . "idc.fingerprint"}}{{end}}{{end}}'
    asked = "{{.Id}} {{.Size}} =" + mark + " {{range .RepoTags}}{{.}} {{end}}"
    command = ["docker", *where, "image", "inspect", "--format", asked, *references]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_ANSWER, check=False)
    except subprocess.TimeoutExpired as error:
        message = f"{host}: the Docker engine did not answer within {_ANSWER:.0f} s"
        raise Unreachable(message, hint="is it paused, or the host overloaded?", host=host) from error
    except FileNotFoundError as error:
        raise ToolError("there is no `docker` program on this machine", hint="apt-get install docker.io") from error
    others = [line for line in done.stderr.splitlines() if line.strip() and "no such image" not in line.lower()]
    if done.returncode and others:
        raise Unreachable(f"{host}: the Docker engine cannot be asked: {others[-1]}", hint="is it running?", host=host)
    found = [line.split() for line in done.stdout.splitlines() if line.startswith("sha256:")]
    images = (_Image(ident, tuple(tags), int(size), mark[1:]) for ident, size, mark, *tags in found)
    return list({image.id: image for image in images}.values())


def _known(recipes: Sequence[Recipe]) -> dict[str, str]:
    """Ids of the images that are built already: as the lock says, or, where the lock was lost, by the tag.

    A tag can be put on anything, and is short: the image's own label must name the whole fingerprint.
    """
    remembered = {one.name: imagelock.known(one.fingerprint) for one in recipes}
    there = _inspect(sorted({*(one.tag for one in recipes), *filter(None, remembered.values())}))
    ids = {image.id for image in there}
    by_tag = {(tag, image.fingerprint): image.id for image in there for tag in image.tags}
    known = {}
    for one in recipes:
        if (identity := remembered[one.name]) in ids:
            known[one.name] = identity
        elif identity_by_tag := by_tag.get((one.tag, one.fingerprint)):
            known[one.name] = identity_by_tag
            imagelock.remember(one, identity_by_tag)
    return known


def _build(recipes: Sequence[Recipe], base: str | None, lock_fd: int, progress: Progress) -> dict[str, str]:
    """Build images, first the base where ``base`` is not its id, then the others two at a time.

    Each is in the lock as soon as it is there, so that what a killed run has built is not built again.
    """
    if not recipes:
        return {}
    if os.geteuid():
        names = ", ".join(one.name for one in recipes)
        raise ToolError(f"building the images {names} takes root", hint="run idc as root (sudo)")
    logs = make_folder(_folder() / "logs")
    scratch = Path("/var/tmp")  # /tmp may be small memory; apt's own user must be able to enter
    prefix = f"idc-images-{hashlib.sha256(str(_folder()).encode()).hexdigest()[:8]}-"
    for leftover in scratch.glob(f"{prefix}*"):
        shutil.rmtree(leftover, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=scratch))
    folder.chmod(0o711)
    shares = _Shares([one.name for one in recipes], progress)
    workshop = Workshop(folder, logs, lock_fd, apt.read())
    built: dict[str, str] = {}

    def make(one: Recipe) -> None:
        built[one.name] = workshop.build(one, shares.of(one.name))
        imagelock.remember(one, built[one.name])

    try:
        workshop.fetch_lists(progress)
        for first in (one for one in recipes if one.parent is None):
            make(first)
        if base:
            workshop.take_base(base, recipe(BASE))
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            try:
                list(pool.map(make, [one for one in recipes if one.parent]))
            except BaseException:
                workshop.cancel()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return built
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Shares:
    """Progress of several builds at once as one share of the whole."""

    def __init__(self, names: Sequence[str], progress: Progress) -> None:
        self._done = dict.fromkeys(names, 0.0)
        self._progress = progress
        self._alone = threading.Lock()

    def of(self, name: str) -> Progress:
        """The progress of one build."""

        def report(words: str, share: float) -> None:
            with self._alone:
                self._done[name] = share
                self._progress(words, sum(self._done.values()) / len(self._done))

        return report


def _folder() -> Path:
    return paths.cache_dir() / "images"


@contextmanager
def _only_one() -> Iterator[int]:
    """Build alone. Children inherit the lock: it is free only when a killed run's leftovers have ended too."""
    with alone(make_folder(_folder()) / "lock", _WAIT_FOR_OTHER, _busy) as descriptor:
        yield descriptor


def _busy(holder: str) -> BusyError:
    hint = f"see what it does: {_folder()}/logs"
    return BusyError(f"another idc has been building images for too long ({holder})", hint=hint)


def _host_name(docker_host: str) -> str:
    """``unix:///run/idc/0a1b2c3d/web-1.sock`` -> ``web-1``; this machine's own engine has no host name."""
    return Path(docker_host).stem if docker_host else "this machine"
