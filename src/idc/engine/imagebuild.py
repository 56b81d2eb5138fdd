"""Building one image: packages by mmdebstrap, the difference to the base as one layer, `docker build` for the rest.

Packages are fetched by this machine's own apt, outside the image: its mirrors, keys, proxies and certificates never
get into a layer. The Dockerfile neither fetches nor runs anything, so the builder needs no network and no registry.
"""

from __future__ import annotations

import io
import os
import shlex
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from idc.engine import apt, layers, sessions
from idc.engine.recipes import Recipe
from idc.errors import ToolError

_DEADLINE = 900.0  # seconds for one step; packages may come over a slow line
# apt runs outside the image and hands the packages to the dpkg inside.
_INSTALL = (
    'APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" apt-get install --yes --no-install-recommends --quiet '
    '-oDpkg::Use-Pty=0 -oDPkg::Chroot-Directory="$1"'
)
_MERGED_USR = "/usr/share/mmdebstrap/hooks/merged-usr"

# Lines by which mmdebstrap says how far it is, with the share of the work done by then.
_MILESTONES = (
    ("I: downloading packages", "downloading packages", 0.1),
    ("I: extracting archives", "unpacking", 0.2),
    ("I: installing essential", "installing", 0.4),
    ("Building dependency tree", "downloading packages", 0.1),
    ("Selecting previously unselected", "unpacking", 0.3),
    ("Setting up", "configuring", 0.6),
    ("I: creating tarball", "packing", 0.8),
)

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Workshop:
    """Where images are built. ``lock_fd`` goes to every child, so that a killed run's leftovers still hold the lock."""

    folder: Path  # scratch, emptied by whoever holds the lock
    logs: Path
    lock_fd: int
    apt: apt.AptConfig
    running: set[subprocess.Popen[bytes]] = field(default_factory=set)
    below: dict[str, str] = field(default_factory=dict)  # what the base holds, read once
    alone: threading.Lock = field(default_factory=threading.Lock)

    def cancel(self) -> None:
        """End what is being built; the threads that wait for it then fail."""
        for process in list(self.running):
            _end(process)

    @property
    def base_layer(self) -> Path:
        """The base's layer as a tar: what the other images stand on, and are told apart from."""
        return self.folder / "base.layer.tar"

    def take_base(self, identity: str, base: Recipe) -> None:
        """Use a base that was built before: its only layer comes back from the engine."""
        saved = self.folder / "base.image.tar"
        for command in (["docker", "tag", identity, base.tag], ["docker", "save", f"--output={saved}", base.tag]):
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=_DEADLINE, check=False)
            except subprocess.TimeoutExpired as error:
                raise ToolError(
                    f"the image base cannot be read back: {error}", hint="does `docker ps` answer?"
                ) from error
            if done.returncode:
                raise ToolError(f"the image base cannot be read back: {done.stderr.strip()}", hint="docker images")
        with tarfile.open(saved) as image:
            largest = image.extractfile(max((member for member in image if member.isreg()), key=lambda one: one.size))
            assert largest is not None  # a regular file
            with self.base_layer.open("wb") as layer:
                shutil.copyfileobj(largest, layer)
        saved.unlink()

    def build(self, recipe: Recipe, progress: Progress) -> str:
        """Build and tag one image; returns its id. The base comes first, or is taken by ``take_base``."""
        log = self.logs / f"image-{recipe.name}.log"
        rootfs, layer = self.folder / f"{recipe.name}.rootfs.tar", self.folder / f"{recipe.name}.layer.tar"
        with log.open("wb") as output:
            self._run(self._mmdebstrap(recipe, rootfs), output, recipe.name, progress)
            layers.write_delta(self._below() if recipe.parent else {}, rootfs, layer)
            rootfs.unlink()
            progress(f"{recipe.name}: importing", 0.9)
            identity = self._docker_build(recipe, layer, output)
            if recipe.parent:
                layer.unlink()  # the base's own is needed by the others
        progress(f"{recipe.name}: built", 1.0)
        return identity

    def _below(self) -> Mapping[str, str]:
        with self.alone:
            if not self.below:
                with self.base_layer.open("rb") as tar:
                    self.below.update(layers.fingerprints(tar))
        return self.below

    def fetch_lists(self, progress: Progress) -> None:
        """Read the mirrors' package lists once for all builds, by the machine's apt but apart from its own lists."""
        progress("reading package lists", 0.0)
        (self.folder / "lists" / "partial").mkdir(parents=True)
        _private(self.folder / "sources.list", self.apt.sources)
        _private(self.folder / "mirrors.conf", self.apt.options)
        own = (
            f'Dir::State "{self.folder}";',
            f'Dir::State::lists "{self.folder}/lists";',
            f'Dir::Cache "{self.folder}";',
            f'Dir::Etc::sourcelist "{self.folder}/sources.list";',
            'Dir::Etc::sourceparts "/dev/null";',
            'Acquire::Languages "none";',
            *(f'Acquire::IndexTargets::deb::{kind}::DefaultEnabled "false";' for kind in ("DEP-11", "Contents-deb")),
        )
        _private(self.folder / "lists.conf", (*own, *self.apt.options))
        with (self.logs / "image-lists.log").open("wb") as output:
            command = ["apt-get", f"--config-file={self.folder}/lists.conf", "update", "--error-on=any"]
            self._run(command, output, "lists", progress)

    def _mmdebstrap(self, recipe: Recipe, rootfs: Path) -> list[str]:
        files = self.folder / f"{recipe.name}.files.tar"
        files.write_bytes(recipe.files_tar())
        command = [
            "mmdebstrap",
            "--mode=root",
            "--format=tar",
            "--skip=update",
            f"--aptopt={self.folder}/mirrors.conf",
            "--dpkgopt=force-unsafe-io",
            f"--setup-hook=sync-in {shlex.quote(str(self.folder / 'lists'))} /var/lib/apt/lists",
        ]
        if recipe.parent:
            command += ["--variant=custom", f"--setup-hook=tar-in {shlex.quote(str(self.base_layer))} /"]
        else:
            command += ["--variant=essential", f"--hook-dir={_MERGED_USR}"]
        if recipe.prepare:
            command.append(f"--setup-hook={_script(recipe.prepare)}")
        if recipe.packages:
            # Not by --include: that unpacks everything twice, since it must not rely on a base being there.
            command.append(f"--customize-hook={_INSTALL} {shlex.join(recipe.packages)}")
        command.append(f"--customize-hook=tar-in {shlex.quote(str(files))} /")
        if recipe.finish:
            command.append(f"--customize-hook={_script(recipe.finish)}")
        return [*command, apt.SUITE, str(rootfs), f"{self.folder}/sources.list"]

    def _run(self, command: Sequence[str], output: IO[bytes], name: str, progress: Progress) -> None:
        """Run mmdebstrap, follow its milestones, and end all that it started at the deadline."""
        quiet = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
        environment = {**os.environ, **quiet, "TMPDIR": str(self.folder)}
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            pass_fds=(self.lock_fd,),
            start_new_session=True,
        )
        assert process.stdout is not None  # a pipe
        self.running.add(process)
        reached = 0.0
        try:
            with sessions.deadline(process, _DEADLINE) as late:
                for line in process.stdout:
                    output.write(line)
                    text = line.decode(errors="replace")
                    for mark, words, share in _MILESTONES:
                        if text.startswith(mark) and share > reached:
                            reached = share
                            progress(f"{name}: {words}", share)
                code = process.wait()
            if late.is_set():
                raise self._late(name)
            if code:
                raise self._failed(name, self._last_words(name, output))
        finally:
            _end(process)
            self.running.discard(process)

    def _docker_build(self, recipe: Recipe, layer: Path, output: IO[bytes]) -> str:
        labels = {"idc.image": recipe.name, "idc.fingerprint": recipe.fingerprint}
        command = ["docker", "build", "--quiet", "--network=none", f"--tag={recipe.tag}"]
        command += [f"--label={key}={value}" for key, value in labels.items()]
        if recipe.parent:
            command.append(f"--build-arg=BASE={recipe.parent.tag}")
        # The classic builder is in every engine and needs neither buildx nor a frontend from a registry.
        environment = {**os.environ, "DOCKER_BUILDKIT": "0"}
        process = subprocess.Popen(
            [*command, "-"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            env=environment,
            start_new_session=True,
        )
        assert process.stdin is not None  # pipes, both
        assert process.stdout is not None
        self.running.add(process)
        late = threading.Event()
        try:
            with sessions.deadline(process, _DEADLINE) as late:
                with process.stdin as stdin:
                    _write_context(stdin, recipe, layer)
                said = process.stdout.read().decode().strip()
                code = process.wait()
        except OSError as error:  # it has ended before it took everything: late, or with words of its own
            raise self._late(recipe.name) if late.is_set() else self._failed(recipe.name, str(error)) from error
        finally:
            _end(process)
            self.running.discard(process)
        if late.is_set():
            raise self._late(recipe.name)
        if code or not said.startswith("sha256:"):
            raise self._failed(recipe.name, self._last_words(recipe.name, output))
        return said

    def _late(self, name: str) -> ToolError:
        return ToolError(f"building image {name} took longer than {_DEADLINE:.0f} s", hint=self._hint(name))

    def _failed(self, name: str, why: str) -> ToolError:
        return ToolError(f"building image {name} failed: {why}", hint=self._hint(name))

    def _last_words(self, name: str, output: IO[bytes]) -> str:
        output.flush()
        lines = (self.logs / f"image-{name}.log").read_text(errors="replace").splitlines()
        errors = [line for line in lines if line.startswith(("E: ", "dpkg: error", "Error"))]
        return " / ".join((errors or lines or ["no output"])[-3:])

    def _hint(self, name: str) -> str:
        return f"read {self.logs}/image-{name}.log; does `apt-get update` work here? Then run the same command again"


def _write_context(stdin: IO[bytes], recipe: Recipe, layer: Path) -> None:
    with tarfile.open(fileobj=stdin, mode="w|") as context:
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(recipe.dockerfile)
        context.addfile(entry, io.BytesIO(recipe.dockerfile))
        entry = tarfile.TarInfo("rootfs.tar")
        entry.size = layer.stat().st_size
        with layer.open("rb") as file:
            context.addfile(entry, file)


def _private(path: Path, lines: Sequence[str]) -> None:
    """Write a file that may hold a mirror's or proxy's credentials: readable by its owner alone."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write("".join(f"{line}\n" for line in lines))


def _script(path: Path) -> str:
    return f'sh {shlex.quote(str(path))} "$1"'


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        sessions.kill_session(process.pid)
    process.wait()
