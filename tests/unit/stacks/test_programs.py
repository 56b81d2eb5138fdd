"""The Pulumi programs, with an engine that only writes down: what they would make of the small centre's plan."""

from __future__ import annotations

import asyncio
import datetime
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest

from idc import model
from idc import plan as planning
from idc.plan.lock import Lock
from idc.plan.types import Plan
from idc.policy import pack
from stacks import lab, platform, tenant
from stacks.shapes import cpus, duration

CONTAINER = "docker:index/container:Container"
NETWORK = "docker:index/network:Network"
PROGRAMS = {"lab": lab.program, "platform": platform.program, "tenant": tenant.program}
IMAGES = ("base", "lab-host", "edge", "nginx-static", "postgresql", "filing", "client")


class Writing(pulumi.runtime.Mocks):
    """Writes down each resource instead of making it."""

    def __init__(self) -> None:
        self.made: list[tuple[str, str, dict[str, Any]]] = []

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        self.made.append((args.typ, args.name, dict(args.inputs)))
        return f"{args.name}-id", dict(args.inputs)

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], None]:
        return {}, None


@pytest.fixture(scope="module")
def plan() -> Plan:
    declaration = model.load(Path(__file__).resolve().parents[3] / "centres" / "small" / "extranet")
    ids = {name: f"sha256:{index:064x}" for index, name in enumerate(IMAGES)}
    return planning.make(declaration, Lock(), ids, today=datetime.date(2030, 1, 1))[0]


@pytest.fixture(scope="module")
def made(plan: Plan) -> dict[str, list[tuple[str, str, dict[str, Any]]]]:
    """Stack -> what its program makes."""
    result = {}
    for stack in plan.stacks:
        document: Any = json.loads(json.dumps(planning.stack_input(plan, stack.name, outgoing={})))
        document |= {"station": "0123abcd", "authorized_keys": ["ssh-ed25519 AAAA idc"]}
        for host in document["hosts"]:
            document["hosts"][host] = {"docker_host": f"unix:///run/idc/0123abcd/{host}.sock"}
        writing = Writing()
        pulumi.runtime.set_mocks(writing, project="idc", stack=stack.name, preview=False)
        PROGRAMS[stack.kind](document)
        asyncio.get_event_loop_policy().get_event_loop().run_until_complete(pulumi.runtime.stack.wait_for_rpcs())
        result[stack.name] = writing.made
    return result


def _of(made: Mapping[str, list[tuple[str, str, dict[str, Any]]]], kind: str, stacks: str = "") -> list[dict[str, Any]]:
    found = [
        inputs
        for name, entries in made.items()
        if name != "lab" and stacks in name
        for k, _, inputs in entries
        if k == kind
    ]
    assert found
    return found


def test_each_planned_thing_is_made_once_under_its_own_name(plan: Plan, made: Any) -> None:
    hosted = [(kind, name) for stack, entries in made.items() if stack != "lab" for kind, name, _ in entries]
    containers = [name for kind, name in hosted if kind == CONTAINER]
    assert sorted(containers) == sorted(container.docker_name() for container in plan.containers)
    assert sorted(name for kind, name in hosted if kind == NETWORK) == sorted(segment.name for segment in plan.segments)


def test_everything_made_on_an_engine_says_where_it_belongs(made: Any) -> None:
    for entries in made.values():
        for kind, name, inputs in entries:
            if kind.startswith("docker:"):
                labels = {label["label"]: label["value"] for label in inputs["labels"]}
                assert labels["idc.station"] == "0123abcd"
                assert labels["idc.resource"] == name == inputs["name"]
                assert {"idc.centre", "idc.stack", "idc.digest"} <= set(labels)


def test_every_hosted_container_is_hardened(made: Any) -> None:
    for inputs in _of(made, CONTAINER):
        assert inputs["readOnly"] is True
        assert inputs["privileged"] is False
        assert inputs["capabilities"]["drops"] == ["ALL"]
        assert all(name.startswith("CAP_") for name in inputs["capabilities"].get("adds") or ())
        assert inputs["securityOpts"] == ["no-new-privileges:true"]
        assert int(inputs["user"].split(":")[0]) > 0
        assert inputs["memory"] == inputs["memorySwap"] > 0
        assert float(inputs["cpus"]) > 0
        assert inputs["image"].startswith("sha256:")
        assert inputs["logOpts"] == {"max-size": "10m", "max-file": "3"}
        assert inputs["healthcheck"]["tests"][0] == "CMD"
        assert inputs["restart"] == "unless-stopped"


def test_nothing_publishes_a_port(made: Any) -> None:
    for inputs in _of(made, CONTAINER):
        assert not inputs.get("ports")
        assert not inputs.get("publishAllPorts")


def test_every_container_has_its_fixed_address_and_one_network(plan: Plan, made: Any) -> None:
    addresses = {container.docker_name(): str(container.address()) for container in plan.containers}
    for inputs in _of(made, CONTAINER):
        (network,) = inputs["networksAdvanced"]
        assert network["ipv4Address"] == addresses[inputs["name"]]
        assert inputs["networkMode"] == "bridge"  # its own network's name here would lose the address


def test_a_tenant_s_program_makes_nothing_of_another_s(plan: Plan, made: Any) -> None:
    for tenant_plan in plan.tenants:
        for _, _, inputs in made[f"tenant-{tenant_plan.id}"]:
            labels = {label["label"]: label["value"] for label in inputs.get("labels") or ()}
            assert labels.get("idc.tenant", tenant_plan.id) == tenant_plan.id


def test_a_lab_host_is_not_privileged_and_knows_its_links(plan: Plan, made: Any) -> None:
    hosts = {h.lab_name: h for h in plan.hosts}
    found = {name: inputs for kind, name, inputs in made["lab"] if kind == CONTAINER and name in hosts}
    assert set(found) == set(hosts)
    for name, inputs in found.items():
        assert not inputs.get("privileged")
        assert inputs["cgroupnsMode"] == "private"
        assert inputs["sysctls"] == {"net.ipv4.ip_forward": "0"}
        assert "IDC_AUTHORIZED_KEYS=ssh-ed25519 AAAA idc" in inputs["envs"]
        addresses = {network["ipv4Address"] for network in inputs["networksAdvanced"]}
        assert addresses == {str(interface.address.ip) for interface in hosts[name].interfaces}


def test_the_machine_has_no_address_on_the_hosts_own_network(made: Any) -> None:
    options = {name: inputs["options"] for kind, name, inputs in made["lab"] if kind == NETWORK}
    inhibited = {name for name, o in options.items() if o["com.docker.network.bridge.inhibit_ipv4"] == "true"}
    assert {name.rpartition("-")[2] for name in inhibited} == {"uplink"}
    assert {o["com.docker.network.bridge.enable_ip_masquerade"] for o in options.values()} == {"false"}


# The provider reads these back in one spelling; any other would be a difference after each refresh.


@pytest.mark.parametrize(("cores", "text"), [(1, "1.0"), (0.5, "0.5"), (0.25, "0.25"), (16.0, "16.0"), (10, "10.0")])
def test_cores_are_spelled_as_they_are_read_back(cores: float, text: str) -> None:
    assert cpus(cores) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [("5s", "5s"), ("60s", "1m0s"), ("90s", "1m30s"), ("120s", "2m0s"), ("3600s", "1h0m0s"), ("3661s", "1h1m1s")],
)
def test_durations_are_spelled_as_they_are_read_back(seconds: str, text: str) -> None:
    assert duration(seconds) == text


def test_what_policies_judge_of_a_plan_is_what_the_programs_make(plan: Plan, made: Any) -> None:
    judged = {
        (resource.type, resource.stack, resource.name): dict(resource.props)
        for stack in plan.stacks
        if stack.kind != "lab"
        for resource in pack.resources({**planning.stack_input(plan, stack.name), "station": "0123abcd"})
    }
    real = {
        (kind, stack, name): {key: value for key, value in inputs.items() if value is not None}
        for stack, entries in made.items()
        if stack != "lab"
        for kind, name, inputs in entries
        if kind.startswith("docker:")
    }
    assert judged == real
