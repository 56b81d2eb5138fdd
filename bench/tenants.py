"""How long do 20 tenants take? idc's Pulumi runner beside OpenTofu and Docker Compose, on one engine, in one run.

python -m bench.tenants [--tenants 20] [--rounds 1] [--only idc,opentofu,compose,compose-project]

Each contender makes the same 80 resources (two networks and two containers a tenant), then is asked again with nothing
to change, then removes them. The figures are seconds; the ratios are to OpenTofu.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from bench import workload
from bench.contenders import Compose, Contender, OpenTofu
from bench.machine import docker, say
from bench.pulumi_stacks import PulumiStacks
from idc.engine import images
from idc.errors import IdcError

Make = Callable[[Sequence[workload.Tenant], str, Path], Contender]
MAKERS: Final[dict[str, Make]] = {
    "idc": PulumiStacks,
    "opentofu": OpenTofu,
    "compose": lambda tenants, image, folder: Compose(tenants, image, folder, one_project=False),
    "compose-project": lambda tenants, image, folder: Compose(tenants, image, folder, one_project=True),
}
VERBS: Final = ("up", "again", "down")
BASELINE: Final = "opentofu"
SETTLE: Final = 60.0  # seconds until what was made must be healthy


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print the table; 1 when a contender failed."""
    parser = argparse.ArgumentParser(prog="python -m bench.tenants", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tenants", type=int, default=20, choices=range(1, 51), metavar="N")
    parser.add_argument("--rounds", type=int, default=1, choices=range(1, 11), metavar="N")
    parser.add_argument("--only", default=",".join(MAKERS), help=f"of {', '.join(MAKERS)}")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(argv)
    names = [name for name in args.only.split(",") if name]
    if unknown := set(names) - set(MAKERS):
        parser.error(f"no such contender: {', '.join(sorted(unknown))}")
    clean()
    try:
        image = images.ensure(["base"], lambda text, _: say(text)).ids["base"]
        seconds, titles = measure(names, args.tenants, args.rounds, image)
    except (IdcError, RuntimeError) as error:
        say(error.render() if isinstance(error, IdcError) else str(error))
        return 1
    finally:
        clean()
    print(json.dumps(seconds, indent=1) if args.json else table(seconds, titles, args.tenants, args.rounds))
    return 0


def measure(
    names: Sequence[str], tenants: int, rounds: int, image: str
) -> tuple[dict[str, dict[str, list[float]]], dict[str, str]]:
    """Seconds by contender and verb, a figure a round; the contenders take turns within each round."""
    seconds: dict[str, dict[str, list[float]]] = {name: {verb: [] for verb in VERBS} for name in names}
    titles: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="idc-bench-") as scratch:
        contenders: dict[str, Contender] = {}
        try:
            for number, name in enumerate(names):
                folder = Path(scratch) / name
                folder.mkdir()
                contenders[name] = MAKERS[name](workload.tenants(name, number, tenants), image, folder)
                titles[name] = contenders[name].title
            for turn in range(rounds):
                for name, contender in contenders.items():
                    for verb, work in zip(VERBS, (contender.up, contender.up, contender.down), strict=True):
                        began = time.monotonic()
                        work()
                        seconds[name][verb].append(time.monotonic() - began)
                        say(f"round {turn + 1}, {name}: {verb} {seconds[name][verb][-1]:.1f} s")
                        check(name, 0 if verb == "down" else 2 * tenants)
        finally:
            for contender in contenders.values():
                contender.close()
    return seconds, titles


def check(name: str, expected: int) -> None:
    """Count what really runs: a tool that is fast because it did nothing is found out. Not part of what is timed."""
    until = time.monotonic() + SETTLE
    while True:
        listed = _docker("ps", "--quiet", "--filter", f"name=^/?idc-bench-{name}-t", "--filter", "health=healthy")
        count = len(listed.split())
        if count == expected:
            return
        if time.monotonic() > until:
            raise RuntimeError(f"{name}: {count} healthy containers run, {expected} should")
        time.sleep(0.5)


def table(seconds: dict[str, dict[str, list[float]]], titles: dict[str, str], tenants: int, rounds: int) -> str:
    """The medians as one Markdown table, with the ratio to the baseline in brackets."""
    head = (
        f"{tenants} tenants, {4 * tenants} resources, one engine, median of {rounds} round{'s' if rounds > 1 else ''}"
    )
    lines = [head, "", "| | up | again, nothing to change | down |", "|---|---:|---:|---:|"]
    base = {verb: statistics.median(found) for verb, found in seconds.get(BASELINE, {}).items()}
    for name, figures in seconds.items():
        cells = []
        for verb in VERBS:
            median = statistics.median(figures[verb])
            ratio = f" ({median / base[verb]:.2f})" if base.get(verb) else ""
            cells.append(f"{median:.1f} s{ratio}")
        lines.append(f"| {titles[name]} | {' | '.join(cells)} |")
    return "\n".join(lines)


def clean() -> None:
    """Remove what an earlier, killed run has left: everything whose name begins as ours does."""
    containers = _docker("ps", "--all", "--quiet", "--filter", "name=^/?idc-bench-").split()
    if containers:
        _docker("rm", "--force", *containers)
    networks = _docker("network", "ls", "--quiet", "--filter", "name=^idc-bench-").split()
    if networks:
        _docker("network", "rm", *networks)


def _docker(*words: str) -> str:
    return docker(*words, host=workload.ENGINE)


if __name__ == "__main__":
    raise SystemExit(main())
