"""What this machine itself needs: a few Debian packages and a running Docker engine. Brought when missing."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Final

from idc.engine import files
from idc.engine.alone import alone
from idc.errors import BusyError, ToolError, Unreachable

# Program -> the Debian package that brings it. A program that is there, from wherever, is used.
PROGRAMS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "docker": "docker.io",
        "mmdebstrap": "mmdebstrap",
        "ip": "iproute2",
        "nft": "nftables",
        "ssh": "openssh-client",
        "conntrack": "conntrack",
    }
)
_ENGINE: Final = ("dockerd", "docker.io")
_SBIN: Final = "/usr/local/sbin:/usr/sbin:/sbin"  # not on everybody's PATH

_LOG: Final = Path("/var/log/idc/dockerd.log")
_LOCK: Final = Path("/run/lock/idc-machine.lock")
_PIDFILE: Final = Path("/var/run/docker.pid")
_CONTAINERD_PIDFILE: Final = Path("/var/run/docker/containerd/containerd.pid")
_SOCKET: Final = Path("/var/run/docker.sock")
_SYSTEMD: Final = Path("/run/systemd/system")

_ANSWER: Final = 5.0  # seconds an engine has to answer a ping
_START: Final = 60.0  # seconds an engine has to start: it may find many containers
_SERVERS: Final = {"nginx": "nginx.service"}  # packages of which only the program is wanted
_INSTALL: Final = 900.0  # seconds for packages over a slow line
_OTHER: Final = 1200.0  # seconds that a second run waits for the first

Progress = Callable[[str, float], None]


def ensure(progress: Progress, extra: Mapping[str, str] = MappingProxyType({})) -> None:
    """Install what is missing and start the engine when none answers; does nothing, in milliseconds, when all is there.

    ``extra``: further programs, or files by their path, and their packages (for the project's own tests).
    Raises ToolError, Unreachable or BusyError, each with what to do.
    """
    programs = {**PROGRAMS, **extra}
    if not _absent(programs) and engine_answers():
        progress("this machine is ready", 1.0)
        return
    with _only_one():
        missing = _absent(programs)
        running = engine_answers()
        if not running and _elsewhere() is None and _find(_ENGINE[0]) is None:
            missing.append(_ENGINE[1])
        if missing:
            _install(sorted(set(missing)), progress)
            still = _absent(programs)
            if still:
                raise ToolError(f"after installing, these packages brought no program: {', '.join(still)}",
                                hint="is /usr/bin on PATH?")  # fmt: skip
        if not engine_answers():
            _start_engine(progress)
    progress("this machine is ready", 1.0)


def engine_answers(deadline: float = _ANSWER) -> bool:
    """Whether the Docker engine of this machine answers a ping within the deadline."""
    if _elsewhere() is not None:
        return _answers_by_client(deadline)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.settimeout(deadline)
            link.connect(str(_SOCKET))
            link.sendall(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
            return b" 200 " in link.recv(64)
    except OSError:
        return False


def _elsewhere() -> str | None:
    """The engine that the environment names, when it is not this machine's own."""
    named = os.environ.get("DOCKER_HOST", "")
    return named if named and named not in (f"unix://{_SOCKET}", "unix:///run/docker.sock") else None


def _answers_by_client(deadline: float) -> bool:
    try:
        done = subprocess.run(
            ["docker", "version", "--format", "{{.Server.Version}}"], capture_output=True, timeout=deadline, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _find(program: str) -> str | None:
    if program.startswith("/"):  # a file that a package brings
        return program if Path(program).exists() else None
    return shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:{_SBIN}")


def _absent(programs: Mapping[str, str]) -> list[str]:
    """Packages whose program is not on this machine."""
    return [package for program, package in programs.items() if _find(program) is None]


# -- packages --------------------------------------------------------------------------------------------------------


def _install(packages: Iterable[str], progress: Progress) -> None:
    packages = list(packages)
    names = " ".join(packages)
    by_hand = f"apt-get install {names}"
    if _find("apt-get") is None:
        raise ToolError(f"missing on this machine: {names}",
                        hint="idc installs by itself on Debian 12 only; install what these packages bring")  # fmt: skip
    if os.geteuid():
        raise ToolError(f"missing on this machine: {names}", hint=f"run idc as root once, or: sudo {by_hand}")
    progress(f"installing {names}", 0.05)
    lock = "-oDPkg::Lock::Timeout=300"  # another package manager at work is waited for
    _apt("apt-get", lock, "update", words="reading the package lists", by_hand="apt-get update")
    progress(f"installing {names}", 0.2)
    with _asleep([_SERVERS[package] for package in packages if package in _SERVERS]):
        _apt("apt-get", lock, "install", "--yes", "--no-install-recommends", "-oDpkg::Use-Pty=0", *packages,
             words=f"installing {names}", by_hand=by_hand)  # fmt: skip
    progress(f"installed {names}", 0.7)


@contextmanager
def _asleep(units: list[str]) -> Iterator[None]:
    """Services of packages that are installed for their program alone: they neither start now nor at the next boot."""
    if not units or not Path("/run/systemd/system").is_dir():
        yield
        return
    _systemctl("mask", "--runtime", *units)
    try:
        yield
    finally:
        _systemctl("disable", *units)
        _systemctl("unmask", "--runtime", *units)


def _systemctl(*words: str) -> None:
    done = subprocess.run(["systemctl", *words], capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        raise ToolError(f"systemctl {' '.join(words)}: {done.stderr.strip()}", hint="see why by hand")


def _apt(*command: str, words: str, by_hand: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1", "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_INSTALL,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"{words} took longer than {_INSTALL:.0f} s", hint=f"see why by hand: {by_hand}") from error
    if done.returncode:
        lines = done.stderr.splitlines()
        said = [line for line in lines if line.startswith("E:")] or lines or ["no output"]
        raise ToolError(f"{words} failed: {' / '.join(said[-3:])}", hint=f"see why by hand: {by_hand}")


# -- the engine ------------------------------------------------------------------------------------------------------


def _start_engine(progress: Progress) -> None:
    if named := _elsewhere():
        raise Unreachable(f"the Docker engine at {named} does not answer", hint="start it, or unset DOCKER_HOST")
    if os.geteuid():
        if _SOCKET.exists() and not os.access(_SOCKET, os.W_OK):
            raise ToolError(f"{_SOCKET} is not open to this user", hint="run idc as root, or join the group docker")
        raise ToolError("the Docker engine is not running", hint="run idc as root, or: sudo systemctl start docker")
    progress("starting the Docker engine", 0.75)
    if _SYSTEMD.is_dir():
        _start_by_systemd()
        _await(None, progress)
    elif pid := _running(_ENGINE[0]):
        _await(None, progress, pid)  # started by another a moment ago, or hung: never a second one
    else:
        _await(_start_detached(), progress)


def _start_by_systemd() -> None:
    command = ["systemctl", "start", "docker"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_START, check=False)
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"the Docker engine does not start within {_START:.0f} s",
                        hint="read: journalctl -u docker") from error  # fmt: skip
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise ToolError(f"the Docker engine does not start: {said}", hint="read: journalctl -u docker")


def _start_detached() -> subprocess.Popen[bytes]:
    """Where no init runs: a daemon of its own session, that outlives this process and holds none of its files."""
    dockerd = _find(_ENGINE[0])
    if dockerd is None:
        raise ToolError("there is no dockerd on this machine", hint="apt-get install docker.io")
    # Of a killed engine. Its numbers may belong to other programs by now, or to processes that nobody has reaped: the
    # new engine would take them for its own and wait in vain.
    _PIDFILE.unlink(missing_ok=True)
    if _running("containerd") is None:
        _CONTAINERD_PIDFILE.unlink(missing_ok=True)
    files.make_folder(_LOG.parent, 0o755)
    # No secret of this run goes along, but the way to a registry does.
    kept = {"path", "home", "lang", "tmpdir", "http_proxy", "https_proxy", "no_proxy"}
    environment = {name: value for name, value in os.environ.items() if name.lower() in kept}
    environment["PATH"] = f"{environment.get('PATH', os.defpath)}:{_SBIN}"
    with files.explained(_LOG), _LOG.open("ab") as log:
        return subprocess.Popen(
            [dockerd],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            cwd="/",
            start_new_session=True,
        )


def _running(program: str) -> int | None:
    """Process id of a program that runs on this machine, whether it answers or not; one that has ended is none."""
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and (entry / "comm").read_text().strip() == program and _same_root(entry):
                return int(entry.name)
    return None


def _same_root(process: Path) -> bool:
    """Not one of a lab host: those live in their own mount namespace and are none of this machine's business."""
    return (process / "ns" / "mnt").readlink() == Path("/proc/self/ns/mnt").readlink()


def _await(started: subprocess.Popen[bytes] | None, progress: Progress, pid: int | None = None) -> None:
    end = time.monotonic() + _START
    while time.monotonic() < end:
        if engine_answers(1.0):
            return
        if started is not None and started.poll() is not None:
            raise ToolError(f"the Docker engine does not start: {_last_error()}", hint=f"read {_LOG}")
        progress("starting the Docker engine", 0.75 + 0.25 * (1 - (end - time.monotonic()) / _START))
        time.sleep(0.1)
    who = f" (dockerd, process {pid})" if pid else ""
    raise Unreachable(f"the Docker engine{who} does not answer within {_START:.0f} s",
                      hint=f"read {_LOG}; if it hangs, end it and run the same command again")  # fmt: skip


def _last_error() -> str:
    with suppress(OSError):
        lines = _LOG.read_text(errors="replace").splitlines()[-40:]
        errors = [line for line in lines if "failed" in line or "level=fatal" in line or "level=error" in line]
        return (errors or lines or ["no output"])[-1]
    return "no output"


@contextmanager
def _only_one() -> Iterator[None]:
    """One run at a time installs and starts; the kernel frees the lock when its process ends."""
    place = _LOCK if os.access(_LOCK.parent, os.W_OK) else Path("/tmp") / f"idc-machine.{os.geteuid()}.lock"
    with alone(place, _OTHER, _busy):
        yield


def _busy(holder: str) -> BusyError:
    return BusyError(f"another idc has been preparing this machine for too long ({holder})",
                     hint="see what it waits for: ps aux | grep apt")  # fmt: skip
