"""What each Pulumi program is told: all it needs, nothing of others, and nothing secret."""

from __future__ import annotations

import json
from typing import Any

import pytest

from idc.plan import stack_input
from idc.plan.types import Plan
from tests.unit.plan import build

DECLARATION = build.declare(build.tenant("parks"), build.tenant("tax", build.site(), build.app()))
MADE, LOCK = build.plan(DECLARATION)


def entries(document: dict[str, Any]) -> list[dict[str, Any]]:
    kinds = ("networks", "volumes", "containers", "lab_hosts", "people")
    return [entry for kind in kinds for entry in document[kind]]


@pytest.mark.parametrize("name", [stack.name for stack in MADE.stacks])
def test_every_stack_has_the_same_keys_and_complete_labels(name: str) -> None:
    document = stack_input(MADE, name)
    assert json.loads(json.dumps(document)) == document
    lists = ["networks", "volumes", "containers", "lab_hosts", "people"]
    assert sorted(document) == sorted(["kind", "centre", "stack", "station", "prefix", "hosts", *lists])
    assert all(set(host) == {"docker_host"} for host in document["hosts"].values())
    for entry in entries(document):
        labels = entry["labels"]
        assert labels["idc.centre"] == "town.government-extranet"
        assert labels["idc.stack"] == name
        assert labels["idc.resource"] == entry.get("docker_name", entry["name"])
        assert len(labels["idc.digest"]) == 16
        assert all(isinstance(value, str) and value for value in labels.values())
        assert entry["host"] in document["hosts"]


def test_a_tenants_stack_knows_nothing_of_another() -> None:
    text = json.dumps(stack_input(MADE, "tenant-tax"))
    assert "parks" not in text
    assert "edge" not in text


def test_a_stacks_input_stays_the_same_when_another_tenant_comes() -> None:
    grown = build.with_tenant(DECLARATION, build.tenant("aaa"))
    after, _ = build.plan(grown, LOCK)
    for name in ("platform", "tenant-parks", "tenant-tax"):
        assert stack_input(after, name) == stack_input(MADE, name)
    assert stack_input(after, "lab") == stack_input(MADE, "lab")


def test_every_resource_of_the_plan_is_in_exactly_one_stack() -> None:
    documents = [stack_input(MADE, stack.name) for stack in MADE.stacks if stack.kind != "lab"]
    containers = sorted(entry["name"] for document in documents for entry in document["containers"])
    assert containers == [container.name for container in MADE.containers]
    networks = sorted(entry["name"] for document in documents for entry in document["networks"])
    assert networks == [segment.name for segment in MADE.segments]


def test_a_container_has_what_docker_needs() -> None:
    document = stack_input(MADE, "tenant-tax")
    (entry,) = [each for each in document["containers"] if each["name"] == "tax-file-database"]
    assert entry["docker_name"] == "tax-file-database-a"
    assert entry["image_id"] == build.IMAGES["postgresql"]
    assert entry["memory"] % (1 << 20) == 0
    assert entry["capabilities"] == []
    assert entry["mounts"] == [
        {"kind": "volume", "source": "tax-file-database", "target": "/var/lib/postgresql/data", "read_only": False},
        {
            "kind": "folder",
            "source": "/var/lib/idc/secrets/tax-file-database",
            "target": "/run/secrets/idc",
            "read_only": True,
        },
    ]
    assert list(entry["tmpfs"]) == ["/tmp"]
    assert "noexec" in entry["tmpfs"]["/tmp"]
    assert entry["healthcheck"]["test"][0] == "CMD"
    assert not any("PASSWORD" in key and key != "IDC_PASSWORD_FILE" for key in entry["env"])


def takeover() -> Plan:
    return build.plan(DECLARATION, LOCK, images=build.IMAGES | {"filing": "sha256:new"})[0]


def test_during_a_takeover_the_outgoing_container_stays_as_it_was_made() -> None:
    after = takeover()
    document = stack_input(after, "tenant-tax", outgoing={"tax-file-app": "a"}, applied=MADE)
    old, new = [entry for entry in document["containers"] if entry["name"] == "tax-file-app"]
    (before,) = [e for e in stack_input(MADE, "tenant-tax")["containers"] if e["name"] == "tax-file-app"]
    assert old == before | {"outgoing": True}
    assert (new["docker_name"], new["image_id"]) == ("tax-file-app-b", "sha256:new")
    assert new["ipv4"] != old["ipv4"]
    without = stack_input(after, "tenant-tax")
    assert [entry["docker_name"] for entry in without["containers"] if entry["name"] == "tax-file-app"] == [
        "tax-file-app-b"
    ]


def test_outgoing_containers_of_other_stacks_are_no_concern() -> None:
    after = takeover()
    outgoing = {"tax-file-app": "a"}
    assert stack_input(after, "tenant-parks", outgoing=outgoing, applied=MADE) == stack_input(after, "tenant-parks")  # type: ignore[arg-type]


def test_an_outgoing_container_without_its_plan_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="not at hand"):
        stack_input(takeover(), "tenant-tax", outgoing={"tax-file-app": "a"})


def test_the_lab_joins_hosts_and_people_by_the_networks_of_their_addresses() -> None:
    document = stack_input(MADE, "lab")
    assert list(document["hosts"]) == ["machine"]
    networks = {entry["role"]: entry for entry in document["networks"]}
    assert networks["uplink"]["inhibit_ipv4"]
    assert networks["uplink"]["gateway"] == "10.71.255.254"
    assert not networks["internet"]["inhibit_ipv4"]
    assert (networks["internet"]["subnet"], networks["internet"]["subnet6"]) == ("203.0.113.0/24", "2001:db8:64::/64")
    assert (networks["fabric"]["subnet"], networks["fabric"]["subnet6"]) == ("198.18.64.0/24", None)
    edge = next(entry for entry in document["lab_hosts"] if entry["name"] == "edge-1")
    assert edge["env"] == {"IDC_LINKS": "198.18.64.10=fabric,203.0.113.10=internet,10.71.255.2=uplink"}
    people = {entry["name"]: (entry["network"].rpartition("-")[2], entry["ipv4"]) for entry in document["people"]}
    assert people == {"citizen": ("internet", "203.0.113.200"), "employee": ("fabric", "198.18.64.200")}
    assert all(len(entry["bridge"]) <= 15 for entry in document["networks"])


def test_addresses_of_a_lab_network_never_meet() -> None:
    """The edge may well have the address that the machine or a person would have had."""
    for last in (1, 199, 200, 201, 253, 254):
        listeners = {"internet": {"address": f"203.0.113.{last}/24", "address6": f"2001:db8::{last:x}/64"}}
        made, _ = build.plan(build.declare(build.tenant("tax"), listeners=listeners))
        document = stack_input(made, "lab")
        network = next(entry for entry in document["networks"] if entry["role"] == "internet")
        (person,) = document["people"]
        edge = made.listeners[0]
        assert len({network["gateway"], person["ipv4"], str(edge.address)}) == 3
        assert len({network["gateway6"], person["ipv6"], str(edge.address6)}) == 3


def test_a_small_listeners_network_has_room_for_all_three() -> None:
    listeners = {"internet": {"address": "203.0.113.9/29"}}
    document = stack_input(build.plan(build.declare(build.tenant("tax"), listeners=listeners))[0], "lab")
    (person,) = document["people"]
    assert (person["ipv4"], document["networks"][0]["gateway"]) == ("203.0.113.13", "203.0.113.14")
