"""How long `idc plan` takes, by number of tenants: `python bench/plan.py [TENANTS ...]`.

First the command itself, as a person runs it: from the files on the disk to what is printed, with policies and proof.
Goals: 1,500 tenants under 10 s, 10,000 under 60 s. Then its parts without the two, and the locks that `idc up` writes.
Each size runs three times in processes of its own; the table shows the median and the greatest memory. Wall time holds
for a machine that does nothing else; the processor's time holds for any.
"""

from __future__ import annotations

import datetime
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from idc import model
from idc.model.generate import generate
from idc.plan import codec, diff, make, show
from idc.plan.lock import Lock

ROOT = Path(__file__).resolve().parents[1]
SIZES = (100, 1_500, 10_000)
RUNS = 3
TODAY = datetime.date(2026, 6, 1)
IMAGES = {name: f"sha256:{name}" for name in ("client", "edge", "filing", "lab-host", "nginx-static", "postgresql")}
COLUMNS = ("files read", "lock read", "planned", "compared", "stored", "read back", "lock written")


def measure(tenants: int) -> dict[str, float]:
    """One run: an unchanged centre of this size is planned again, as `idc plan` does."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "centre"
        generate(folder, tenants)
        first, lock = make(model.load(folder, today=TODAY), Lock(), IMAGES, today=TODAY)
        times: dict[str, float] = {}
        began = time.perf_counter()
        lock.write(folder / "locks")
        times["lock written"] = time.perf_counter() - began
        began = time.perf_counter()
        text = codec.dumps(first)
        times["stored"] = time.perf_counter() - began
        del first
        began = time.perf_counter()
        applied = codec.loads(text)
        times["read back"] = time.perf_counter() - began
        marks = [time.perf_counter()]
        declaration = model.load(folder, today=TODAY)
        marks.append(time.perf_counter())
        held = Lock.read(folder / "locks")
        marks.append(time.perf_counter())
        plan, after = make(declaration, held, IMAGES, today=TODAY)
        marks.append(time.perf_counter())
        changes = diff.compare(applied, plan)
        show.document(changes)
        marks.append(time.perf_counter())
        assert changes.empty
        assert after is held
        for name, start, end in zip(COLUMNS, marks, marks[1:], strict=False):
            times[name] = end - start
        times["tenants"], times["containers"], times["flows"] = tenants, len(plan.containers), len(plan.flows)
        times["MiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return times


@dataclass(frozen=True)
class Command:
    """One run of the command: seconds on the clock and of the processor, and the most memory that it held (MiB)."""

    wall: float
    processor: float
    memory: float


def command(folder: Path, stations: Path) -> Command:
    """`idc plan FOLDER` in a process of its own, where nothing was applied yet. Raises RuntimeError where it fails."""
    words = [sys.executable, "-m", "idc", "plan", str(folder)]
    env = {**os.environ, "IDC_STATIONS": str(stations), "PYTHONPATH": str(ROOT / "src")}
    began = time.perf_counter()
    process = subprocess.Popen(words, env=env, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(words)} ended with {process.returncode}")
    return Command(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def show_command(tenants: int) -> None:
    """Print one row of the first table."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "centre"
        generate(folder, tenants)
        runs = [command(folder, Path(temporary) / "stations") for _ in range(RUNS)]
    wall, processor = (statistics.median(getattr(run, part) for run in runs) for part in ("wall", "processor"))
    memory = max(run.memory for run in runs)
    print(f"{tenants:>8,}{wall:>11.2f} s{processor:>11.2f} s{memory:>10.0f} MiB", flush=True)


def main(sizes: list[int]) -> None:
    """Print both tables."""
    print(f"{'tenants':>8}{'idc plan':>13}{'processor':>13}{'memory':>14}")
    for size in sizes:
        show_command(size)
    print(
        f"\n{'tenants':>8}{'containers':>12}{'flows':>8}",
        *(f"{name:>13}" for name in COLUMNS),
        f"{'memory':>10}",
        sep="",
    )
    for size in sizes:
        runs = [
            json.loads(subprocess.check_output([sys.executable, __file__, "--one", str(size)], text=True))
            for _ in range(RUNS)
        ]
        cells = "".join(f"{statistics.median(run[name] for run in runs):>11.2f} s" for name in COLUMNS)
        memory = max(run["MiB"] for run in runs)
        one = runs[0]
        counts = f"{one['tenants']:>8,}{one['containers']:>12,}{one['flows']:>8,}"
        print(f"{counts}{cells}{memory:>6.0f} MiB", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure(int(sys.argv[2]))))
    else:
        main([int(word) for word in sys.argv[1:]] or list(SIZES))
