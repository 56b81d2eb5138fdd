"""How long planning takes, by number of tenants: `python bench/plan.py [TENANTS ...]`.

Each size runs in a process of its own, three times; the table shows the median in seconds and the greatest memory.
Goals: 1,500 tenants under 10 s, 10,000 under 60 s, from the files on disk to the plan that is shown.
"""

from __future__ import annotations

import datetime
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from idc import model
from idc.model.generate import generate
from idc.plan import codec, diff, make, show
from idc.plan.lock import Lock

SIZES = (100, 1_500, 10_000)
RUNS = 3
TODAY = datetime.date(2026, 6, 1)
IMAGES = {name: f"sha256:{name}" for name in ("client", "edge", "filing", "lab-host", "nginx-static", "postgresql")}
COLUMNS = ("files read", "lock read", "planned", "compared", "idc plan", "stored", "read back", "lock written")


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
        times["idc plan"] = marks[-1] - marks[0] + times["read back"]
        times["tenants"], times["containers"], times["flows"] = tenants, len(plan.containers), len(plan.flows)
        times["MiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return times


def main(sizes: list[int]) -> None:
    """Print the table."""
    print(
        f"{'tenants':>8}{'containers':>12}{'flows':>8}", *(f"{name:>13}" for name in COLUMNS), f"{'memory':>10}", sep=""
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
