"""How long does a whole centre take? The reference centre, extranet and intranet, in lab hosts on this machine.

python -m bench.centre [--rounds 3] [--json]

A round: no lab -> `up` with warm caches -> `up` again -> one more tenant from its file to its first HTTP 200, under a
load on all the others -> memory of the lab -> `destroy`. After the rounds of the lab, those of `idc test --fast`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from bench.machine import docker, say
from idc import paths
from idc.errors import IdcError
from idc.live.load import http_load, wait_serving
from idc.plan import codec
from idc.plan.types import Plan, Vhost

ROOT: Final = Path(__file__).resolve().parents[1]
# Always the same place, so that the next run removes what a killed one has left.
PLACE: Final = paths.cache_dir() / "bench" / "centre"
RATE: Final = 20.0  # requests a second on the others, altogether
SERVING: Final = 120.0  # seconds within which the new tenant must answer
TENANT: Final = """\
tenant: museum
department: City Museum
contacts: [{name: Front desk, email: desk@museum.city.example}]
sites: [{name: www, names: [museum.city.example], visibility: internet, audience: [citizen]}]
"""

# figure -> its unit, in the order of the table
FIGURES: Final[dict[str, str]] = {
    "up, caches warm, no lab": "s",
    "up again, nothing to change": "s",
    "one more tenant, file to HTTP 200": "s",
    "requests of the others meanwhile": "",
    "failed requests of the others": "",
    "memory of the whole lab": "MiB",
    "destroy": "s",
    "idc test --fast": "s",
}
Figures = dict[str, list[float]]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print the table; 1 when a command failed, with the figures that were measured until then."""
    parser = argparse.ArgumentParser(prog="python -m bench.centre", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, choices=range(1, 11), metavar="N")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(argv)
    figures: Figures = {name: [] for name in FIGURES}
    code = 0
    try:
        measure(figures, args.rounds)
    except (IdcError, RuntimeError) as error:
        say(error.render() if isinstance(error, IdcError) else str(error))
        code = 1
    print(json.dumps(figures, indent=1) if args.json else table(figures))
    return code


def measure(figures: Figures, rounds: int) -> None:
    """All rounds; each figure is put beside those of the rounds before as soon as its round has ended."""
    clean()
    try:
        for turn in range(rounds):
            say(f"round {turn + 1} of {rounds}")
            add(figures, centre())
    finally:
        clean()
    for _ in range(rounds):
        add(figures, {"idc test --fast": timed("test", "--fast")})


def centre() -> dict[str, float]:
    """One round of the lab, from nothing to nothing."""
    reference = PLACE / "reference"
    shutil.copytree(ROOT / "centres" / "reference", reference, ignore=shutil.ignore_patterns("locks"))
    found = {"up, caches warm, no lab": timed("up", str(reference))}
    found["up again, nothing to change"] = timed("up", str(reference))
    found |= one_more_tenant(reference / "extranet")
    found["memory of the whole lab"] = memory()
    found["destroy"] = clean()
    return found


def one_more_tenant(extranet: Path) -> dict[str, float]:
    """From the file to the first answer, and what became of the others' requests until `up` had ended."""
    before = applied("extranet")
    others = [target(before, vhost) for vhost in before.vhosts]
    site = "tenant/museum/site/www"
    with http_load(others, rate=RATE, max_seconds=600.0) as load:
        began = time.monotonic()
        (extranet / "tenants" / "museum.yaml").write_text(TENANT, encoding="utf-8")
        run = start("up", str(extranet))
        try:
            wait_serving(f"http://{internet(before)}/", "museum.city.example", SERVING)
            seconds = time.monotonic() - began
        finally:
            ended(run, "up with one more tenant")
    if load.failures:
        say(f"failed: {'; '.join(load.failures)}")
    if site not in {vhost.site for vhost in applied("extranet").vhosts}:
        raise RuntimeError(f"{site} is not in the plan that was applied")
    return {
        "one more tenant, file to HTTP 200": seconds,
        "requests of the others meanwhile": float(load.requests),
        "failed requests of the others": float(load.failed),
    }


def applied(fabric: str) -> Plan:
    """The plan of the extranet or the intranet that was applied last."""
    (file,) = (PLACE / "stations").glob(f"*{fabric}/applied/plan.json")
    return codec.loads(file.read_text(encoding="utf-8"))


def target(plan: Plan, vhost: Vhost) -> tuple[str, str]:
    """Where a load asks for a site: its listener's URL, and its name."""
    address = next(entry.address for entry in plan.listeners if entry.visibility is vhost.visibility)
    return f"http://{address}/", vhost.names[0]


def internet(plan: Plan) -> str:
    """Address of the listener for the Internet."""
    return str(next(entry.address for entry in plan.listeners if str(entry.visibility) == "internet"))


def memory() -> float:
    """MiB that all containers of the lab hold, those inside its hosts included."""
    prefixes = {
        host.lab_name.removesuffix(host.name) for fabric in ("extranet", "intranet") for host in applied(fabric).hosts
    }
    listed = (line.split() for line in docker("ps", "--no-trunc", "--format", "{{.Names}} {{.ID}}").splitlines())
    ids = [number for name, number in listed if any(name.startswith(prefix) for prefix in prefixes)]
    held = [pss(process) for process in Path("/proc").iterdir() if process.name.isdigit() and within(process, ids)]
    if not ids or not sum(held):
        raise RuntimeError("no container of the lab runs")
    return sum(held) / 1024


def within(process: Path, ids: Sequence[str]) -> bool:
    """Whether a process is in one of these containers, or in one inside them: its control groups name them all."""
    try:
        groups = (process / "cgroup").read_text()
    except OSError:  # it has just ended
        return False
    return any(number in groups for number in ids)


def pss(process: Path) -> int:
    """KiB that a process holds, its part of what it shares with others."""
    try:
        rows = (process / "smaps_rollup").read_text().splitlines()
    except OSError:  # a kernel's own, or it has just ended
        return 0
    return sum(int(row.split()[1]) for row in rows if row.startswith("Pss:"))


def start(*words: str) -> subprocess.Popen[str]:
    """Start a command of idc on stations of its own, what it says kept."""
    environment = {
        **os.environ,
        "IDC_STATIONS": str(PLACE / "stations"),
        "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT))),
    }
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "idc", *words],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def ended(run: subprocess.Popen[str], what: str) -> None:
    """Wait for a command. Raises RuntimeError with its last words when it did not end with 0."""
    said, _ = run.communicate()
    if run.returncode != 0:
        raise RuntimeError(f"{what} ended with {run.returncode}:\n" + "\n".join(said.splitlines()[-60:]))


def timed(*words: str) -> float:
    """Seconds that a command takes; it must end with 0."""
    began = time.monotonic()
    ended(start(*words), f"idc {' '.join(words)}")
    seconds = time.monotonic() - began
    say(f"idc {words[0]}: {seconds:.1f} s")
    return seconds


def clean() -> float:
    """Remove the lab and the folder, also those of an earlier, killed run; seconds that `destroy` took.

    Raises RuntimeError where the lab could not be removed; the folder with its station stays then.
    """
    seconds = 0.0
    if (PLACE / "reference").exists():
        seconds = timed("destroy", str(PLACE / "reference"))
    shutil.rmtree(PLACE, ignore_errors=True)
    return seconds


def add(figures: Figures, round_: Mapping[str, float]) -> None:
    """Put the figures of one round beside those of the others."""
    for name, value in round_.items():
        figures[name].append(value)


def table(figures: Figures) -> str:
    """Least, median and greatest of each figure as one Markdown table."""
    rounds = max(len(found) for found in figures.values())
    lines = [f"The reference centre, {rounds} round{'s' if rounds != 1 else ''}", "", "| | min | median | max |"]
    lines.append("|---|---:|---:|---:|")
    for name, unit in FIGURES.items():
        if not (found := figures[name]):
            lines.append(f"| {name} | | | |")
            continue
        three = (min(found), statistics.median(found), max(found))
        form = "{:.1f} {}" if unit == "s" else "{:.0f} {}"
        lines.append(f"| {name} | {' | '.join(form.format(value, unit).rstrip() for value in three)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
