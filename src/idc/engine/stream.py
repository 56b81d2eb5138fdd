"""Copying images between engines: `docker save` here, `docker load` there, one pipe between."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence

from idc.errors import EngineError

_STALL = 120.0  # seconds without a byte moving, or the receiver's unpacking at the end, before it counts as hung
_CHUNK = 1 << 20

Progress = Callable[[str, float], None]


def copy(references: Sequence[str], docker_host: str, host: str, progress: Progress, total: int) -> None:
    """Copy images to another engine; ``total`` bytes are expected. Raises EngineError naming ``host``."""
    with tempfile.TemporaryFile() as words:
        save = subprocess.Popen(
            ["docker", "save", *references], stdout=subprocess.PIPE, stderr=words, start_new_session=True
        )
        load = subprocess.Popen(
            ["docker", "--host", docker_host, "load", "--quiet"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=words,
            start_new_session=True,
        )
        watch = _Watch((save, load))
        try:
            _pump(save, load, watch, lambda moved: progress(f"images to {host}", min(0.99, moved / max(total, 1))))
            codes = save.wait(), load.wait()
        finally:
            watch.stop()
            _end(save, load)
        if any(codes):
            words.seek(0)
            said = words.read().decode(errors="replace").strip().splitlines()
            why = f"nothing moved for {_STALL:.0f} s" if watch.hung else (said or ["no output"])[-1]
            raise EngineError(
                f"{host}: copying images failed: {why}",
                hint=f"check the engine and its free space: docker --host {docker_host} system df",
                host=host,
            )


class _Watch:
    """Ends the processes when nothing has moved for too long: a paused engine never closes its pipe."""

    def __init__(self, processes: Sequence[subprocess.Popen[bytes]]) -> None:
        self.hung = False
        self._processes = processes
        self._last = time.monotonic()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def moved(self) -> None:
        """Something moved just now."""
        self._last = time.monotonic()

    def stop(self) -> None:
        """No more watching."""
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._done.wait(1.0):
            if time.monotonic() - self._last > _STALL:
                self.hung = True
                _end(*self._processes)
                return


def _pump(
    save: subprocess.Popen[bytes], load: subprocess.Popen[bytes], watch: _Watch, progress: Callable[[int], None]
) -> None:
    assert save.stdout is not None  # pipes, both
    assert load.stdin is not None
    moved = 0
    try:
        while chunk := os.read(save.stdout.fileno(), _CHUNK):
            load.stdin.write(chunk)
            moved += len(chunk)
            watch.moved()
            progress(moved)
        load.stdin.close()
    except BrokenPipeError:
        pass  # the receiver's own words say why
    watch.moved()


def _end(*processes: subprocess.Popen[bytes]) -> None:
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
