"""Building one image: packages by mmdebstrap, the difference to the base as one layer, `docker build` for the rest.

Packages are fetched by this machine's own apt, outside the image: its mirrors, keys, proxies and certificates never
get into a layer. The Dockerfile neither fetches nor runs anything, so the builder needs no network and no registry.
"""

from __future__ import annotations

import io
import os
import shlex
import signal
import subprocess
import tarfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from idc.engine import apt, layers, recipes
from idc.engine.recipes import Recipe
from idc.errors import ToolError

_DEADLINE = 900.0  # seconds for one step; packages may come over a slow line
_MERGED_USR = "/usr/share/mmdebstrap/hooks/merged-usr"

# Lines by which mmdebstrap says how far it is, with the share of the work done by then.
_MILESTONES = (
    ("apt-get update", "reading package lists", 0.05),
    ("downloading packages", "downloading packages", 0.2),
    ("extracting archives", "unpacking", 0.35),
    ("installing", "installing", 0.5),
    ("creating tarball", "packing", 0.85),
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

    def cancel(self) -> None:
        """End what is being built; the threads that wait for it then fail."""
        for process in list(self.running):
            _end_group(process)

    def build(self, recipe: Recipe, base: Path | None, progress: Progress) -> str:
        """Build and tag one image on top of ``base`` (the base's layer); returns its id."""
        log = self.logs / f"image-{recipe.name}.log"
        rootfs, layer = self.folder / f"{recipe.name}.rootfs.tar", self.folder / f"{recipe.name}.layer.tar"
        with log.open("wb") as output:
            self._run(self._mmdebstrap(recipe, base, rootfs), output, recipe.name, progress)
            below: dict[str, str] = {}
            if base:
                with base.open("rb") as tar:
                    below = layers.fingerprints(tar)
            layers.write_delta(below, rootfs, layer)
            rootfs.unlink()
            progress(f"{recipe.name}: importing", 0.9)
            identity = self._docker_build(recipe, layer, output)
            layer.unlink()
        progress(f"{recipe.name}: built", 1.0)
        return identity

    def base_layer(self) -> Path:
        """The base image's only layer, taken back from the engine: what the other images are told apart from."""
        layer = self.folder / "base.layer.tar"
        if not layer.exists():
            saved = self.folder / "base.image.tar"
            with saved.open("wb") as file:
                subprocess.run(["docker", "save", recipes.tag(recipes.BASE)], stdout=file, check=True, timeout=_DEADLINE)
            with tarfile.open(saved) as image:
                blobs = (member for member in image if member.isreg() and member.size)
                largest = image.extractfile(max(blobs, key=lambda member: member.size))
                assert largest is not None  # a regular file
                layer.write_bytes(largest.read())
            saved.unlink()
        return layer

    def _mmdebstrap(self, recipe: Recipe, base: Path | None, rootfs: Path) -> list[str]:
        files, sources, options = (self.folder / f"{recipe.name}.{kind}" for kind in ("files.tar", "sources.list", "apt.conf"))
        files.write_bytes(recipe.files_tar())
        _private(sources, self.apt.sources)
        _private(options, self.apt.options)
        command = ["mmdebstrap", "--mode=root", "--format=tar", f"--aptopt={options}", "--dpkgopt=force-unsafe-io"]
        # Not needed in the image, and slow: excluding documentation here would pipe every package through a filter.
        if base:
            command += ["--variant=custom", f"--setup-hook=tar-in {shlex.quote(str(base))} /"]
        else:
            command += ["--variant=essential", f"--hook-dir={_MERGED_USR}"]
        if recipe.packages:
            command.append(f"--include={','.join(recipe.packages)}")
        if recipe.prepare:
            command.append(f"--setup-hook={_script(recipe.prepare)}")
        command.append(f"--customize-hook=tar-in {shlex.quote(str(files))} /")
        if recipe.finish:
            command.append(f"--customize-hook={_script(recipe.finish)}")
        return [*command, apt.SUITE, str(rootfs), str(sources)]

    def _run(self, command: Sequence[str], output: IO[bytes], name: str, progress: Progress) -> None:
        """Run mmdebstrap, follow its milestones, and stop its whole process group at the deadline."""
        environment = {**os.environ, "TMPDIR": str(self.folder), "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
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
        end = time.monotonic() + _DEADLINE
        try:
            for line in process.stdout:
                output.write(line)
                text = line.decode(errors="replace")
                for mark, words, share in _MILESTONES:
                    if text.startswith("I: ") and mark in text:
                        progress(f"{name}: {words}", share)
                if time.monotonic() > end:
                    raise ToolError(f"building image {name} took longer than {_DEADLINE:.0f} s", hint=self._hint(name))
            if process.wait():
                raise ToolError(f"building image {name} failed: {self._last_words(name, output)}", hint=self._hint(name))
        finally:
            _end_group(process)
            self.running.discard(process)

    def _docker_build(self, recipe: Recipe, layer: Path, output: IO[bytes]) -> str:
        labels = {"idc.image": recipe.name, "idc.fingerprint": recipes.fingerprint(recipe.name)}
        command = ["docker", "build", "--quiet", "--network=none", f"--tag={recipes.tag(recipe.name)}"]
        command += [f"--label={key}={value}" for key, value in labels.items()]
        if recipe.parent:
            command.append(f"--build-arg=BASE={recipes.tag(recipe.parent)}")
        # The classic builder is in every engine and needs neither buildx nor a frontend from a registry.
        environment = {**os.environ, "DOCKER_BUILDKIT": "0"}
        process = subprocess.Popen(
            [*command, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=output, env=environment, start_new_session=True
        )
        assert process.stdin is not None and process.stdout is not None  # pipes
        try:
            with process.stdin as stdin:
                _write_context(stdin, recipe, layer)
            said = process.stdout.read().decode().strip()
            code = process.wait(timeout=_DEADLINE)
        except (OSError, subprocess.TimeoutExpired) as error:
            _end_group(process)
            raise ToolError(f"building image {recipe.name} failed: {error}", hint=self._hint(recipe.name)) from error
        if code or not said.startswith("sha256:"):
            raise ToolError(
                f"building image {recipe.name} failed: {self._last_words(recipe.name, output)}", hint=self._hint(recipe.name)
            )
        return said

    def _last_words(self, name: str, output: IO[bytes]) -> str:
        output.flush()
        lines = (self.logs / f"image-{name}.log").read_text(errors="replace").splitlines()
        errors = [line for line in lines if line.startswith(("E: ", "dpkg: error", "Error"))]
        return " / ".join((errors or lines or ["no output"])[-3:])

    def _hint(self, name: str) -> str:
        return f"read {self.logs / f'image-{name}.log'}; check that `apt-get update` works on this machine, then run it again"


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


def _end_group(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
