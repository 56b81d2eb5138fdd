"""Waiting until containers serve: each one's own health check, run as often as it takes, in one call a host.

The engine itself runs a health check only once an interval, and the first one an interval after the start. The stacks
do not wait for it: a new site's application may need a flow that opens only after its containers stand.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from idc.engine.hosts import Hosts
from idc.errors import EngineError
from idc.plan.types import Plan

# On the host: {"containers": [...], "seconds": n} -> {container: why it does not serve}; empty when all do.
SCRIPT: Final = r"""
import json, subprocess, sys, time
order = json.load(sys.stdin)
until = time.monotonic() + order["seconds"]

def docker(*words):
    try:
        return subprocess.run(["docker", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=max(1.0, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(words, 124, "its health check does not end")

def trouble(name):
    found = docker("container", "inspect", name)
    if found.returncode == 124:
        return "its engine does not answer"
    if found.returncode:
        return "it is not there"
    state = json.loads(found.stdout)[0]
    if not state["State"]["Running"] or state["State"]["Restarting"]:
        return "it has stopped (exit code {})".format(state["State"]["ExitCode"])
    check = (state["Config"].get("Healthcheck") or {}).get("Test") or []
    if not check or state["State"]["Health"]["Status"] == "healthy":
        return ""
    done = docker("exec", name, *(check[1:] if check[0] == "CMD" else ["/bin/sh", "-c", check[1]]))
    return "" if done.returncode == 0 else (done.stdout.strip() or "its health check says no")

waiting = {name: "" for name in order["containers"]}
while waiting:
    waiting = {name: why for name in waiting if (why := trouble(name))}
    if waiting and time.monotonic() >= until:
        for name in waiting:
            last = docker("logs", "--tail", "3", name).stdout.strip()
            waiting[name] += "; it says: " + last if last else ""
        break
    if waiting:
        time.sleep(0.2)
print(json.dumps(waiting))
"""


def of_stacks(plan: Plan, stacks: Iterable[str]) -> dict[str, list[str]]:
    """The containers that serve after these stacks have run: host -> names on its engine."""
    wanted, found = set(stacks), dict[str, list[str]]()
    for container in plan.containers:
        if container.stack in wanted:
            found.setdefault(container.host, []).append(container.docker_name())
    return found


def wait(hosts: Hosts, containers: Mapping[str, Sequence[str]], deadline: float = 60.0) -> dict[str, str]:
    """Wait until these containers (host -> names) pass their health checks.

    Returns those that do not within ``deadline`` seconds: name -> why, in their own words.
    """
    orders = {
        host: (
            ["python3", "-c", SCRIPT],
            json.dumps({"containers": list(names), "seconds": deadline}).encode(),
        )
        for host, names in containers.items()
        if names
    }
    failed: dict[str, str] = {}
    for host, answer in hosts.run_each(orders, deadline + 10.0).items():
        if isinstance(answer, EngineError):
            failed |= dict.fromkeys(containers[host], answer.message)
        elif not answer.ok:
            failed |= dict.fromkeys(containers[host], answer.words)
        else:
            failed |= json.loads(answer.stdout)
    return failed
