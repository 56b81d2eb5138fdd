"""The tools side by side, each behind the same verbs: ``up`` (also when nothing has changed), ``down``, ``close``."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, Protocol

from bench import build
from bench.workload import COMMAND, ENGINE, HEALTHY, LABEL, MEMORY, PIDS, Container, Network, Tenant

PARALLEL: Final = 4  # tenants at a time, for every tool that has a state a tenant
DEADLINE: Final = 600.0  # seconds for one verb of one tool


class Contender(Protocol):
    """A tool that brings tenants up and down. Raises RuntimeError with the tool's own words."""

    title: str

    def up(self) -> None:
        """Bring all tenants to what is declared."""

    def down(self) -> None:
        """Remove all of them."""

    def close(self) -> None:
        """Release what the tool itself holds."""


def run(argv: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> None:
    """Run a program to its end."""
    done = subprocess.run(
        argv, cwd=folder, env={**os.environ, **(environment or {})}, capture_output=True, text=True,
        timeout=DEADLINE, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip() or done.stdout.strip()}")


def each(work: Callable[[Tenant], None], tenants: Sequence[Tenant]) -> None:
    """The same for every tenant, some at a time."""
    with ThreadPoolExecutor(max_workers=PARALLEL) as pool:
        list(pool.map(work, tenants))


class OpenTofu:
    """OpenTofu with the Docker provider that Pulumi's plugin is built from, a state a tenant."""

    def __init__(self, tenants: Sequence[Tenant], image: str, folder: Path) -> None:
        self.title = "OpenTofu, a state a tenant"
        self._tenants, self._folder = tenants, folder
        self._tofu, provider = build.ensure(build.OPENTOFU), build.ensure(build.PROVIDER)
        settings = folder / "tofu.rc"
        # An override needs no `init`, which is therefore not measured.
        override = f'dev_overrides {{\n "kreuzwerker/docker" = "{provider.parent}"\n}}'
        settings.write_text(f"provider_installation {{\n{override}\ndirect {{}}\n}}\n")
        self._environment = {"TF_CLI_CONFIG_FILE": str(settings), "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
        for tenant in tenants:
            place = folder / tenant.name
            place.mkdir()
            (place / "main.tf.json").write_text(json.dumps(self._document(tenant, image)))

    def up(self) -> None:
        each(lambda tenant: self._run(tenant, "apply"), self._tenants)

    def down(self) -> None:
        each(lambda tenant: self._run(tenant, "destroy"), self._tenants)

    def close(self) -> None:
        """It holds nothing between two runs."""

    def _run(self, tenant: Tenant, verb: str) -> None:
        argv = [str(self._tofu), verb, "-auto-approve", "-input=false", "-no-color"]
        run(argv, self._folder / tenant.name, self._environment)

    def _document(self, tenant: Tenant, image: str) -> dict[str, Any]:
        return {
            "terraform": {"required_providers": {"docker": {"source": "kreuzwerker/docker"}}},
            "provider": {"docker": {"host": ENGINE}},
            "resource": {
                "docker_network": {network.name: self._network(network) for network in tenant.networks},
                "docker_container": {each.name: self._container(each, image) for each in tenant.containers},
            },
        }

    @staticmethod
    def _network(network: Network) -> dict[str, Any]:
        return {
            "name": network.name,
            "driver": "bridge",
            "ipam_config": [{"subnet": str(network.subnet), "gateway": str(network.subnet[1])}],
            "options": {
                "com.docker.network.bridge.name": network.bridge,
                "com.docker.network.bridge.enable_ip_masquerade": "false",
                "com.docker.network.bridge.inhibit_ipv4": "false",
            },
            "labels": [{"label": LABEL, "value": "opentofu"}],
        }

    @staticmethod
    def _container(container: Container, image: str) -> dict[str, Any]:
        return {
            "name": container.name,
            "hostname": container.name,
            "image": image,
            "command": list(COMMAND),
            "user": "65534:65534",
            "read_only": True,
            "capabilities": [{"drop": ["ALL"]}],
            "security_opts": ["no-new-privileges:true"],
            "ipc_mode": "private",
            "memory": MEMORY // 1024**2,
            "memory_swap": MEMORY // 1024**2,
            "cpus": "0.1",
            "network_mode": "bridge",
            "networks_advanced": [
                {"name": f"${{docker_network.{container.network.name}.name}}", "ipv4_address": container.address}
            ],
            "healthcheck": [{"test": ["CMD", *HEALTHY], "interval": "1s", "timeout": "3s", "retries": 6}],
            "restart": "unless-stopped",
            "destroy_grace_seconds": 10,
            "log_driver": "json-file",
            "log_opts": {"max-size": "10m", "max-file": "3"},
            "labels": [{"label": LABEL, "value": "opentofu"}],
        }


class Compose:
    """Docker Compose: all tenants as one project, or a project a tenant. It keeps no state and has no preview."""

    def __init__(self, tenants: Sequence[Tenant], image: str, folder: Path, *, one_project: bool) -> None:
        self.title = "Docker Compose, " + ("one project" if one_project else "a project a tenant")
        self._compose = build.ensure(build.COMPOSE)
        self._kind = "compose"
        self._projects = {"idc-bench-all": list(tenants)} if one_project else {each.name: [each] for each in tenants}
        self._folder = folder
        for name, members in self._projects.items():
            place = folder / name
            place.mkdir()
            (place / "compose.yaml").write_text(json.dumps(self._document(name, members, image)))

    def up(self) -> None:
        self._each("up", "--detach", "--pull", "never", "--quiet-pull")

    def down(self) -> None:
        self._each("down", "--timeout", "10")

    def close(self) -> None:
        """It holds nothing between two runs."""

    def _each(self, *words: str) -> None:
        with ThreadPoolExecutor(max_workers=PARALLEL) as pool:
            list(pool.map(lambda name: run([str(self._compose), *words], self._folder / name), self._projects))

    def _document(self, name: str, tenants: Sequence[Tenant], image: str) -> dict[str, Any]:
        return {
            "name": name,
            "networks": {network.name: self._network(network) for tenant in tenants for network in tenant.networks},
            "services": {
                container.name: self._container(container, image)
                for tenant in tenants
                for container in tenant.containers
            },
        }

    def _network(self, network: Network) -> dict[str, Any]:
        return {
            "name": network.name,
            "driver": "bridge",
            "driver_opts": {
                "com.docker.network.bridge.name": network.bridge,
                "com.docker.network.bridge.enable_ip_masquerade": "false",
                "com.docker.network.bridge.inhibit_ipv4": "false",
            },
            "ipam": {"config": [{"subnet": str(network.subnet), "gateway": str(network.subnet[1])}]},
            "labels": {LABEL: self._kind},
        }

    def _container(self, container: Container, image: str) -> dict[str, Any]:
        return {
            "container_name": container.name,
            "hostname": container.name,
            "image": image,
            "pull_policy": "never",
            "command": [word.replace("$", "$$") for word in COMMAND],
            "user": "65534:65534",
            "read_only": True,
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges:true"],
            "ipc": "private",
            "mem_limit": MEMORY,
            "memswap_limit": MEMORY,
            "cpus": 0.1,
            "pids_limit": PIDS,
            "networks": {container.network.name: {"ipv4_address": container.address}},
            "healthcheck": {"test": ["CMD", *HEALTHY], "interval": "1s", "timeout": "3s", "retries": 6},
            "restart": "unless-stopped",
            "stop_grace_period": "10s",
            "logging": {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}},
            "labels": {LABEL: self._kind},
        }
