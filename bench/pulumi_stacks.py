"""idc itself as a contender: its own runner and its own stack programs, a Pulumi stack a tenant."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock

from bench.contenders import DEADLINE, PARALLEL
from bench.workload import COMMAND, ENGINE, HEALTHY, LABEL, MEMORY, PIDS, Container, Network, Tenant
from idc.engine import files, limits, toolchain
from idc.engine.pulumi import PulumiRunner, StackResult
from idc.engine.station import Station


class PulumiStacks:
    """A station of the bench's own in a scratch folder; the stacks' inputs are written as ``idc up`` writes them."""

    def __init__(self, tenants: Sequence[Tenant], image: str, folder: Path) -> None:
        self.title = "idc, a Pulumi stack a tenant"
        self._held = ExitStack()
        self._held.enter_context(mock.patch.dict(os.environ, IDC_STATIONS=str(folder)))
        station = self._station = Station.create("bench.tenants")
        self._stacks = [f"tenant-{tenant.name}" for tenant in tenants]
        for stack, tenant in zip(self._stacks, tenants, strict=True):
            document = json.dumps(_document(stack, tenant, image, station.id))
            files.write_atomic(station.folder / "plans" / f"{stack}.json", document)
        runner = PulumiRunner(
            backend=station.folder / "state",
            passphrase_file=station.passphrase_file,
            station=station.folder,
            toolchain=toolchain.ensure(lambda text: print(f"  {text}", file=sys.stderr)),
            log_dir=station.folder / "logs",
        )
        self._runner = self._held.enter_context(runner)

    def up(self) -> None:
        _need(self._runner.up(self._stacks, parallel=PARALLEL, deadline=DEADLINE, on_event=_quiet))
        limits.enforce(self._station, self._stacks)  # as `idc up` does after its stacks

    def down(self) -> None:
        _need(self._runner.destroy(self._stacks, parallel=PARALLEL, deadline=DEADLINE, on_event=_quiet))

    def close(self) -> None:
        self._held.close()


def _quiet(stack: str, operation: str, what: str) -> None:
    """What a stack does while it runs is not shown."""


def _need(results: Sequence[StackResult]) -> None:
    failed = [f"{result.stack}: {result.error}" for result in results if not result.ok]
    if failed:
        raise RuntimeError("\n".join(failed))


def _document(stack: str, tenant: Tenant, image: str, station: str) -> dict[str, Any]:
    """A stack's input as ``idc.plan.stacks`` describes it."""
    labels = {"idc.owner": f"tenant/{tenant.name}/site/www", "idc.stack": stack, LABEL: "idc"}
    return {
        "kind": "tenant",
        "centre": "bench.tenants",
        "stack": stack,
        "station": station,
        "hosts": {"machine": {"docker_host": ENGINE}},
        "networks": [_network(network, labels) for network in tenant.networks],
        "volumes": [],
        "containers": [_container(container, image, labels) for container in tenant.containers],
        "lab_hosts": [],
        "people": [],
    }


def _network(network: Network, labels: dict[str, str]) -> dict[str, Any]:
    return {
        "name": network.name,
        "host": "machine",
        "subnet": str(network.subnet),
        "gateway": str(network.subnet[1]),
        "bridge": network.bridge,
        "subnet6": None,
        "gateway6": None,
        "labels": {**labels, "idc.resource": network.name},
    }


def _container(container: Container, image: str, labels: dict[str, str]) -> dict[str, Any]:
    return {
        "name": container.name,
        "docker_name": container.name,
        "host": "machine",
        "image_id": image,
        "network": container.network.name,
        "ipv4": container.address,
        "ipv6": None,
        "env": {},
        "command": list(COMMAND),
        "mounts": [],
        "tmpfs": {},
        "cpus": 0.1,
        "memory": MEMORY,
        "pids": PIDS,
        "capabilities": [],
        "user": "65534:65534",
        "restart": "unless-stopped",
        "slot": "a",
        "outgoing": False,
        "healthcheck": {
            "test": ["CMD", *HEALTHY],
            "interval": "1s",
            "timeout": "3s",
            "start_period": "0s",
            "retries": 6,
        },
        "labels": {**labels, "idc.resource": container.name},
    }
