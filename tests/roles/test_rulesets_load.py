"""The real nft takes the rules of every host of the reference centre, and of a host with very many flows, quickly."""

from __future__ import annotations

import subprocess
import time
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from idc.plan.types import Endpoint, Flow, Plan
from idc.render import firewall
from tests.plans.summary import plan_of
from tests.unit.render.small_plan import BY_NAME, PLAN

pytestmark = pytest.mark.live

MANY = 10_000


def nft(*arguments: str, ruleset: str) -> None:
    """Run nft in a network namespace that ends with it."""
    command = ["unshare", "--net", "nft", *arguments, "-f", "-"]
    done = subprocess.run(command, input=ruleset, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("fabric", ["extranet", "intranet"])
def test_every_host_of_the_reference_centre(root: Path, fabric: str) -> None:
    plan = plan_of(root / "centres" / "reference" / fabric)
    servers = replace(plan, hosts=tuple(replace(host, ssh=host.address) for host in plan.hosts))
    for host in plan.hosts:
        nft("--check", ruleset=firewall(plan, host.name))
        nft("--check", ruleset=firewall(plan, host.name, closed=True))
        nft("--check", ruleset=firewall(servers, host.name, closed=True))


def test_ten_thousand_flows_load_in_seconds() -> None:
    began = time.monotonic()
    ruleset = firewall(with_many_flows(), "edge-1")
    rendered = time.monotonic()
    assert ruleset.count(". tcp .") >= MANY
    nft(ruleset=ruleset)
    assert rendered - began < 10, "rendered"
    assert time.monotonic() - rendered < 10, "loaded"


def with_many_flows() -> Plan:
    """The edge of a centre with ten thousand sites."""
    edge = BY_NAME["edge"]
    source = Endpoint(edge.owner, edge.name, edge.host, (IPv4Network("10.64.0.2/31"),))
    first = int(IPv4Network("10.65.0.0/16")[0])
    sites = (Endpoint("", f"s{n}", "web-1", (IPv4Network((first + 16 * n + 2, 31)),)) for n in range(MANY))
    return replace(PLAN, flows=tuple(Flow(source, site, "tcp", 8080, "", "", "site") for site in sites))
