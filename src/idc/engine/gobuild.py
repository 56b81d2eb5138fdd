"""Builds the Go programs under tools/ where they are not on PATH: pinned by go.sum, once, into the cache.

A module is built into a folder beside its final one, which is then renamed: a folder that is there is whole.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from idc import paths
from idc.engine.alone import alone
from idc.engine.golang import environment, find_go
from idc.engine.sessions import deadline, kill_session
from idc.errors import BusyError, ToolError

Progress = Callable[[str], None]

_DISK_NEEDED: Final = 6 * 1024**3  # modules, build cache and programs of a cold build
_GENERATED: Final = "generated/schema.json"
_BUILD: Final = 3600.0  # seconds for one program: modules over a slow line, compiled by a small machine
_OTHER: Final = 2 * _BUILD  # seconds that a second run waits for the first
_TELL_EVERY: Final = 5.0  # seconds between two progress lines


@dataclass(frozen=True)
class Program:
    """A Go program that can be built: its module's folder under tools/, and what is built of it."""

    name: str  # of the executable
    module: str  # folder under tools/
    package: str
    title: str  # as a person calls it
    ldflags: str = ""
    generate: tuple[str, str] | None = None  # (package to run, file its output goes to) before the build
    version_argv: tuple[str, ...] = ("--version",)
    packages: int = 1000  # about how many packages a cold build compiles; only for progress

    def sources(self) -> Path:
        """The module's folder."""
        return paths.resources() / "tools" / self.module

    def digest(self) -> str:
        """Of everything that the build depends on, but Go itself."""
        state = hashlib.sha256()
        for file in sorted(path for path in self.sources().rglob("*") if path.is_file()):
            name = file.relative_to(self.sources()).as_posix()
            if name != _GENERATED:
                state.update(f"{name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
        return state.hexdigest()

    def place(self) -> Path:
        """Where the built program is, or would be."""
        return _tools_cache() / f"{self.module}-{self.digest()[:16]}" / self.name


def _tools_cache() -> Path:
    return paths.cache_dir() / "tools"


def build(programs: Sequence[Program], progress: Progress) -> dict[str, Path]:
    """The programs by name: from the cache, or built now. Raises ToolError. Of two runs at once the second waits."""
    if any(not program.place().is_file() for program in programs):
        with _alone(progress):
            missing = [program for program in programs if not program.place().is_file()]
            for position, program in enumerate(missing):
                with _downloading(missing[position + 1 : position + 2], progress):
                    _build(program, progress)
    return {program.name: program.place() for program in programs}


@contextmanager
def _downloading(upcoming: Sequence[Program], progress: Progress) -> Iterator[None]:
    """Download the modules of the program that comes next while this one is compiled. It may fail: it is only early."""
    running = []
    for program in upcoming:
        go = find_go(program.sources() / "go.mod", progress)
        running.append(
            subprocess.Popen(
                [str(go), "list", "-deps", "./..."],
                cwd=program.sources(),
                env=environment(go),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        )
    try:
        yield
    finally:
        for process in running:
            kill_session(process.pid)
            process.wait()


@contextmanager
def _alone(progress: Progress) -> Iterator[None]:
    cache = _tools_cache()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        (cache / "lock").touch(0o600)
    except OSError as error:
        raise ToolError(
            f"{cache} cannot be written: {error.strerror}", hint="IDC_CACHE names another folder"
        ) from error

    def waiting(holder: str) -> None:
        progress(f"another idc builds the toolchain ({holder}); waiting for it")

    with alone(cache / "lock", _OTHER, _busy, on_wait=waiting):
        # Only the holder of the lock builds, so whatever lies here was left by a run that died.
        for leftover in cache.glob(".building-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        yield


def _busy(holder: str) -> BusyError:
    return BusyError(
        f"another idc has been building the toolchain for over {_OTHER / 60:.0f} minutes ({holder})",
        hint="end it: what it has built so far is kept",
    )


def _build(program: Program, progress: Progress) -> None:
    go = find_go(program.sources() / "go.mod", progress)
    work = _tools_cache() / f".building-{program.module}-{os.getpid()}"
    free = shutil.disk_usage(_tools_cache()).free
    if free < _DISK_NEEDED:
        raise ToolError(
            f"building {program.title} needs {_DISK_NEEDED // 1024**3} GiB, {_tools_cache()} has {free // 1024**3}",
            hint="free space there, or let IDC_CACHE, GOMODCACHE and GOCACHE name folders with more of it",
        )
    try:
        # A copy, since the sources may be read-only, and a folder that the user sees is not written into.
        module = work / "module"
        shutil.copytree(program.sources(), module, ignore=shutil.ignore_patterns("schema.json"))
        watch = _Watch(program, progress)
        flags = ["-v", "-trimpath", "-buildvcs=false"]
        if program.generate is not None:
            package, target = program.generate
            with (module / target).open("wb") as output:
                watch.run([str(go), "run", *flags, package], module, environment(go), output.fileno())
        output_folder = work / "bin"
        output_folder.mkdir()
        argv = [str(go), "build", *flags, "-ldflags", f"-s -w {program.ldflags}".strip()]
        argv += ["-o", str(output_folder / program.name), program.package]
        watch.run(argv, module, environment(go), subprocess.DEVNULL)
        _check_runs(output_folder / program.name, program)
        final = program.place().parent
        if final.exists():
            shutil.rmtree(final)
        output_folder.rename(final)
        progress(f"{program.title} built in {watch.seconds():.0f} s")
    finally:
        shutil.rmtree(work, ignore_errors=True)


class _Watch:
    """Runs Go with its output turned into a progress line every few seconds."""

    def __init__(self, program: Program, progress: Progress) -> None:
        self._program, self._progress = program, progress
        self._start = self._told = time.monotonic()
        self._downloads = self._packages = 0

    def seconds(self) -> float:
        return time.monotonic() - self._start

    def run(self, argv: list[str], folder: Path, values: Mapping[str, str], stdout: int) -> None:
        """Run to the end. Raises ToolError with Go's own words; kills all of it when this run is interrupted."""
        words: list[str] = []
        self._tell(f"building {self._program.title}: some minutes the first time")
        process = subprocess.Popen(
            argv, cwd=folder, env=dict(values), stdin=subprocess.DEVNULL, stdout=stdout,
            stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True,
        )  # fmt: skip
        try:
            with deadline(process, _BUILD) as late:
                assert process.stderr is not None
                for line in process.stderr:
                    self._count(line, words)
                process.wait()
        except BaseException:
            kill_session(process.pid)
            process.wait()
            raise
        if late.is_set():
            raise ToolError(
                f"{self._program.title} was not built within {_BUILD / 60:.0f} minutes\n{''.join(words[-25:])}".strip(),
                hint="is the module proxy (GOPROXY) slow? The same command goes on from here",
            )
        if process.returncode != 0:
            raise explain(self._program.title, "".join(words[-25:]))

    def _count(self, line: str, words: list[str]) -> None:
        if line.startswith("go: downloading "):
            self._downloads += 1
        elif re.fullmatch(r"[\w.~-]+(/[\w.~-]+)*\n", line):
            self._packages += 1
        else:
            words.append(line)
        now = time.monotonic()
        if now - self._told >= _TELL_EVERY:
            self._told = now
            share = min(99, 100 * self._packages // self._program.packages)
            self._tell(
                f"building {self._program.title}: {self._downloads} modules downloaded, "
                f"{self._packages} packages compiled (about {share} %), {self.seconds():.0f} s"
            )

    def _tell(self, text: str) -> None:
        self._progress(text)


_CAUSES: Final = (
    (r"no space left on device", "the disk is full",
     "free 6 GiB, or let IDC_CACHE, GOMODCACHE and GOCACHE name other folders"),
    (r"signal: killed|cannot allocate memory|out of memory", "there is not enough memory",
     "a build needs about 3 GiB; end other programs and run the same command again"),
    (r"checksum mismatch|SECURITY ERROR", "a downloaded module is not the pinned one",
     "`go clean -modcache`, then again; if it stays, the module proxy serves something else: do not use it"),
    (r"dial tcp|no such host|i/o timeout|connection refused|connection reset|proxyconnect|TLS handshake|x509|"
     r"unexpected EOF|50[0234] |40[34] |module lookup disabled", "the Go module proxy cannot be reached or refuses",
     "let GOPROXY (and HTTPS_PROXY, SSL_CERT_FILE) name one that serves, "
     "or put pulumi and pulumi-resource-docker on PATH"),
)  # fmt: skip


def explain(title: str, words: str) -> ToolError:
    """What Go's own words mean for the reader."""
    for pattern, cause, hint in _CAUSES:
        if re.search(pattern, words):
            return ToolError(f"{title} could not be built: {cause}\n{words.strip()}", hint=hint)
    return ToolError(f"{title} could not be built\n{words.strip()}", hint="the same command goes on from here")


def _check_runs(executable: Path, program: Program) -> None:
    try:
        done = subprocess.run(
            [executable, *program.version_argv], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ToolError(f"{program.title} was built but does not run: {error}") from error
    if done.returncode != 0:
        raise ToolError(f"{program.title} was built but does not run: {done.stderr.strip() or done.stdout.strip()}")
