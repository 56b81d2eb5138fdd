"""Runs on a host with its own Python (3.9 or later, nothing else): looks at idc's folders there, puts them.

    look  < manifest   ->  {"stale": [index, ...], "strays": [name, ...]}   what is not as planned
    put   < tar        ->  {"changed": [place, ...]}    manifest.json first, then the files as <index>/<path>

Two kinds of folder. A *secrets* folder is kept in place, its files replaced one by one. A *release* folder is switched
as a whole: <root>/releases/<digest>/ is written, validated by the program that will read it, and then <root>/current is
made to point at it. No folder that a container has mounted is ever made anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import IO, Any

SECRETS = Path("/var/lib/idc/secrets")
RELOAD_SECONDS = 15.0
DRAIN_SECONDS = 1.0
Folder = dict[str, Any]


class FailedError(Exception):
    """Something did not go as it must; nothing was switched."""


def main(verb: str, stream: IO[bytes]) -> dict[str, list[Any]]:
    """Do what ``verb`` says with the input; returns what to print."""
    if verb == "look":
        manifest = json.load(stream)
        stale = [index for index, folder in enumerate(manifest["folders"]) if not stands(folder)]
        return {"stale": stale, "strays": strays(manifest["secrets"])}
    with tarfile.open(fileobj=stream, mode="r|") as tar:
        members = iter(tar)
        manifest = json.loads(content(tar, next(members)).read())
        folders: list[Folder] = manifest["folders"]
        drafts: list[Path] = [draft(locate(folder), folder) for folder in folders]
        for member in members:
            number, _, path = member.name.partition("/")
            write(drafts[int(number)] / path, content(tar, member), member.mode)
    changed: list[str] = []
    for index, folder in enumerate(folders):
        settle = put_secrets if folder["kind"] == "secrets" else put_release
        settle(folder, locate(folder), drafts[index])
        changed.append(folder["root"] or folder["volume"])
    for name in strays(manifest["secrets"]):
        shutil.rmtree(SECRETS / name)
        changed.append(str(SECRETS / name))
    return {"changed": changed}


def run(*words: str) -> str:
    """Output of a program; when it fails, its own words become the error."""
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30, check=False)
    if done.returncode != 0:
        raise FailedError(done.stdout.strip() or f"{words[0]} ended with code {done.returncode}")
    return done.stdout.strip()


def inspect(kind: str, name: str, field: str) -> str:
    """One field of a container or volume, as the engine has it. Raises FailedError where there is no such thing."""
    return run("docker", kind, "inspect", "--format", "{{" + field + "}}", name)


def locate(folder: Folder) -> Path:
    """The folder's place: a path, or where the engine keeps the volume."""
    return Path(inspect("volume", folder["volume"], ".Mountpoint") if folder["volume"] else folder["root"])


def stands(folder: Folder) -> bool:
    """True when the folder is as planned, and taken over by the program that reads it."""
    try:
        root = locate(folder)
    except FailedError:
        return False  # the volume is yet to come; putting says so
    if folder["kind"] == "secrets":
        return secrets_stand(folder, root)
    settled = not (root / "draining").exists()
    return settled and {current_digest(root), read(taken_over(root))} == {folder["digest"]}


# -- secrets -----------------------------------------------------------------------------------------------------------


def secrets_stand(folder: Folder, root: Path) -> bool:
    """True when exactly the planned files are there, with their content, owner and mode."""
    try:
        return (
            owner_and_mode(root) == (folder["uid"], 0o500)
            and {path.name for path in root.iterdir()} == set(folder["files"])
            and all(owner_and_mode(root / name) == (folder["uid"], 0o400) for name in folder["files"])
            and all(hashlib.sha256((root / n).read_bytes()).hexdigest() == d for n, d in folder["files"].items())
        )
    except OSError:
        return False


def owner_and_mode(path: Path) -> tuple[int, int]:
    """User id and permission bits."""
    found = path.lstat()
    return found.st_uid, found.st_mode & 0o7777


def put_secrets(folder: Folder, root: Path, place: Path) -> None:
    """Move the written files into the folder, and take out what is not planned any more."""
    make(root, 0o500)
    os.chown(root, folder["uid"], folder["uid"])
    for name in folder["files"]:
        path = place / name
        path.chmod(0o400)
        os.chown(path, folder["uid"], folder["uid"])
        path.replace(root / name)
    for path in list(root.iterdir()):
        if path.name not in folder["files"]:
            path.unlink()
    sync_folder(root)
    shutil.rmtree(place)


def strays(known: list[str] | None) -> list[str]:
    """Secrets of containers that are neither planned nor there; ``known`` is None while that is not settled."""
    if known is None or not SECRETS.is_dir():
        return []
    found = [path.name for path in sorted(SECRETS.iterdir()) if path.name not in known]
    return [name for name in found if name.startswith(".") or not any(exists(f"{name}-{slot}") for slot in "ab")]


# -- releases ----------------------------------------------------------------------------------------------------------


def put_release(folder: Folder, root: Path, place: Path) -> None:
    """Make the written files the current release, after the program that reads them has found them good."""
    release = root / "releases" / folder["digest"]
    if release.is_dir():  # written earlier, by a run that did not get to switching, or a return to it
        shutil.rmtree(place)
    else:
        for path, _, _ in os.walk(place):
            Path(path).chmod(0o755)
            sync_folder(Path(path))
        place.rename(release)
        sync_folder(root / "releases")
    running = bool(folder["container"]) and is_running(folder["container"])
    if current_digest(root) != folder["digest"]:
        if running:
            try:
                run("docker", "exec", folder["container"], *folder["check"])
            except FailedError:
                shutil.rmtree(release)
                raise
        switch(root, folder["digest"])
    if running:
        take_over(folder["container"], root / "draining")
    # Written last: a run that dies between the switch and this reloads again, which harms nothing.
    write_text(taken_over(root), folder["digest"])
    os.utime(release)
    prune(root / "releases", folder["digest"], folder["keep"])


def current_digest(root: Path) -> str:
    """Digest of the current release; empty when there is none."""
    try:
        return (root / "current").readlink().name
    except OSError:
        return ""


def taken_over(root: Path) -> Path:
    """The file that says which release the reading program was last told of."""
    return root / "releases" / ".taken-over"


def switch(root: Path, digest: str) -> None:
    """Point ``current`` at a release, in one step."""
    link = root / ".current"
    if link.is_symlink():
        link.unlink()
    link.symlink_to(Path("releases") / digest)
    link.replace(root / "current")
    sync_folder(root)


def exists(container: str) -> bool:
    """True when there is such a container, running or not."""
    try:
        inspect("container", container, ".Id")
    except FailedError:
        return False
    return True


def is_running(container: str) -> bool:
    """True when the container runs."""
    return exists(container) and inspect("container", container, ".State.Running") == "true"


def take_over(container: str, draining: Path) -> None:
    """Have an nginx take over its files, and wait until new workers serve: after this no request meets old ones.

    For a moment before, while the file ``draining`` is there, answers end their connections: nginx closes those that
    are idle at a reload, and a request that is just being sent on one would fail.
    """
    write_text(draining, "")
    try:
        time.sleep(DRAIN_SECONDS)
        master = inspect("container", container, ".State.Pid")
        old = serving(master)
        # Not by the engine: it takes any signal that it sends for a stop by hand, and then `unless-stopped` leaves the
        # container down when the host or the engine restarts.
        os.kill(int(master), signal.SIGHUP)
        until = time.monotonic() + RELOAD_SECONDS
        while time.monotonic() < until:
            now = serving(master)
            if now and not now & old:
                return
            time.sleep(0.02)
    finally:
        draining.unlink()
    words = run("docker", "logs", "--tail", "3", container)
    raise FailedError(f"{container} did not take over its new files within {RELOAD_SECONDS:.0f} s: {words}")


def serving(master: str) -> set[str]:
    """Worker processes of an nginx that accept requests: not those that only finish what they have."""
    titles = {child: read(Path("/proc") / child / "cmdline") for child in children(master)}
    return {child for child, title in titles.items() if "worker process" in title and "shutting down" not in title}


def children(process: str) -> list[str]:
    """Process ids of the children."""
    return read(Path("/proc") / process / "task" / process / "children").split()


def prune(releases: Path, current: str, keep: int) -> None:
    """Remove releases beyond the newest ``keep``, and drafts of runs that died; never the current one."""
    entries = sorted((path for path in releases.iterdir() if path.is_dir()), key=lambda path: -path.stat().st_mtime)
    drafts = [path for path in entries if path.name.startswith(".")]
    older = [path for path in entries if not path.name.startswith(".") and path.name != current]
    for path in drafts + older[max(keep - 1, 0) :]:
        shutil.rmtree(path, ignore_errors=True)


# -- files -------------------------------------------------------------------------------------------------------------


def draft(root: Path, folder: Folder) -> Path:
    """An empty folder beside the final place, on the same file system."""
    if folder["kind"] == "release":
        make(root, 0o755)
        make(root / "releases", 0o755)
        place = root / "releases" / f".new-{folder['digest']}"
    else:
        make(root.parent, 0o700)
        place = root.parent / f".new-{root.name}"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(0o700)
    return place


def make(path: Path, mode: int) -> None:
    """Make a folder with exactly this mode; one that exists keeps its identity."""
    path.parent.mkdir(0o755, parents=True, exist_ok=True)
    path.mkdir(mode, exist_ok=True)
    path.chmod(mode)


def content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    """A member's content. Only plain files come."""
    file = tar.extractfile(member)
    if file is None:
        raise FailedError(f"{member.name} is not a file")
    return file


def write(path: Path, source: IO[bytes], mode: int) -> None:
    """Write one new file, synced."""
    path.parent.mkdir(0o755, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), mode)  # whatever the umask
        shutil.copyfileobj(source, file)
        file.flush()
        os.fsync(file.fileno())


def write_text(path: Path, text: str) -> None:
    """Replace a small file."""
    beside = path.with_name(f"{path.name}.new")
    beside.write_text(text)
    beside.replace(path)


def read(path: Path) -> str:
    """A small file's text; empty when there is none."""
    try:
        return path.read_text()
    except OSError:
        return ""


def sync_folder(path: Path) -> None:
    """Make renames in a folder last through a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    try:
        print(json.dumps(main(sys.argv[1], sys.stdin.buffer)))
    except (FailedError, OSError, subprocess.SubprocessError, tarfile.TarError) as error:
        sys.exit(str(error))
