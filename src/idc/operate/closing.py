"""Closing: rule sets pushed to hosts at once, and the conntrack entries of what was closed deleted.

Opening is the firewall role's work. Closing must not wait for a whole role run, and is always allowed; the file it
writes is the one the role writes, so the role finds nothing to change afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from idc import render
from idc.engine.hosts import Hosts
from idc.errors import EngineError
from idc.plan.types import Flow, Plan

# On the host: check, swap, reload; then cut the connections that the new rules no longer allow.
SCRIPT = r"""
import json, os, subprocess, sys
order = json.load(sys.stdin)
target = "/etc/idc/firewall/ruleset.nft"
changed = False
try:
    with open(target) as file:
        old = file.read()
except FileNotFoundError:
    old = ""
if old != order["ruleset"]:
    new = target + ".new"
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(order["ruleset"]); file.flush(); os.fsync(file.fileno())
    check = subprocess.run(["nft", "-c", "-f", new], capture_output=True, text=True)
    if check.returncode:
        sys.exit("nft refused the rule set: " + check.stderr.strip())
    os.replace(new, target)
    done = subprocess.run(["systemctl", "reload-or-restart", "idc-firewall.service"], capture_output=True, text=True)
    if done.returncode:
        sys.exit("idc-firewall.service: " + done.stderr.strip())
    changed = True
# What the roles recorded stays true: their file is the one that stands now.
record = "/var/lib/idc/roles.json"
if order["record"] and os.path.exists(record):
    with open(record) as file:
        known = json.load(file)
    if known.get("open") == order["record"][0]:
        known["open"] = order["record"][1]
        with open(os.open(record + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(known, file); file.flush(); os.fsync(file.fileno())
        os.replace(record + ".new", record)
for words in order["cut"]:
    subprocess.run(["conntrack", "-D", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(json.dumps({"changed": changed}))
"""


def same_flow(flow: Flow) -> tuple[object, ...]:
    """What makes two flows the same on the wire."""
    return (flow.source.networks, flow.destination.networks, flow.protocol, flow.port)


def closed_flows(old: Plan | None, new: Plan) -> tuple[Flow, ...]:
    """Flows of the old plan that the new one no longer has."""
    if old is None:
        return ()
    kept = {same_flow(flow) for flow in new.flows}
    return tuple(flow for flow in old.flows if same_flow(flow) not in kept)


def _cuts(flows: Iterable[Flow]) -> list[list[str]]:
    """Conntrack selections (original direction) of the closed flows."""
    return [
        [
            "-f", "ipv4", "-p", flow.protocol, "--orig-src", str(source.network_address),
            "--mask-src", str(source.netmask), "--orig-dst", str(destination.network_address),
            "--mask-dst", str(destination.netmask), "--dport", str(flow.port),
        ]
        for flow in flows
        for source in flow.source.networks
        for destination in flow.destination.networks
    ]  # fmt: skip


def affected_hosts(flows: Iterable[Flow]) -> list[str]:
    """Hosts that filter the flows: on either side, and the edge that an egress leaves by. Sorted."""
    return sorted({host for flow in flows for host in flow.hosts})


def push(
    hosts: Hosts,
    plan: Plan,
    names: Sequence[str],
    flows: Sequence[Flow],
    cut: Sequence[Flow],
    record: Mapping[str, tuple[str, str]] = MappingProxyType({}),
) -> dict[str, bool]:
    """Load on each named host the plan's rule set with just ``flows``, and cut what ``cut`` names.

    ``record``: per host the digest of what its roles have opened before and after, where this is all that changes.
    Returns per host whether its rule set changed. Raises EngineError for the first host that refused.
    """
    answers = hosts.run_each(
        {
            name: (
                ["python3", "-c", SCRIPT],
                json.dumps(
                    {
                        "ruleset": render.firewall(plan, name, flows=tuple(flows)),
                        "cut": _cuts(cut),
                        "record": record.get(name),
                    }
                ).encode(),
            )
            for name in names
        },
        deadline=30.0,
    )
    changed: dict[str, bool] = {}
    for name, answer in answers.items():
        if isinstance(answer, EngineError):
            raise answer
        if not answer.ok:
            raise EngineError(f"{name}: the flows could not be closed: {answer.words}", host=name)
        changed[name] = bool(json.loads(answer.stdout)["changed"])
    return changed
