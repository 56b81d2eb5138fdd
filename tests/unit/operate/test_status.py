"""What `idc status` and the table at the end of `up` say: only what was seen."""

from __future__ import annotations

import json
from typing import Any

import pytest

from idc.engine.facts import ContainerFact, HostFacts
from idc.engine.hosts import Completed
from idc.live.load import Answer
from idc.operate import outcome, status, table
from idc.plan.types import Plan
from idc.render.firewall import flow_boxes
from tests.unit.plan import build

DECLARATION = build.declare(build.tenant("parks"), build.tenant("tax", build.site(), build.app()))
PLAN, _ = build.plan(DECLARATION)
HOST = next(container.host for container in PLAN.containers if container.tenant == "tax")
SITE = next(site for site in PLAN.sites if site.tenant == "tax" and site.name == "www")
NOBODY: frozenset[str] = frozenset()


def facts(plan: Plan = PLAN, *, firewall: str = "active", **spoiled: Any) -> HostFacts:
    """A host on which all runs; ``spoiled`` are containers by name with another state."""
    containers = []
    for each in plan.on(HOST):
        running, health = spoiled.get(each.name.replace("-", "_"), (True, "healthy"))
        containers.append(ContainerFact(each.docker_name(), {}, "", running, health))
    return HostFacts("", {}, "", {"idc-firewall": firewall}, tuple(containers), (), (), frozenset())


def listing(
    *, policy: str = "drop", ruled: tuple[str, ...] = ("input", "forward", "output"), lost: int = 0, last: str = "drop"
) -> str:
    """The table as nft lists it."""
    chains = [{"chain": {"name": name, "hook": name, "policy": policy}} for name in ("input", "forward", "output")]
    rules = [{"rule": {"chain": name, "expr": [{"counter": name}, {last: None}]}} for name in ruled]
    elements = list(range(len(flow_boxes(HOST, PLAN.flows)) - lost))
    return json.dumps({"nftables": [*chains, *rules, {"set": {"name": "flows", "elem": elements}}]})


def host(seen: HostFacts | None = None, text: str | None = None, code: int = 0) -> status.HostStatus:
    listed = Completed(HOST, code, (listing() if text is None else text).encode(), b"")
    return status.host_status(PLAN, HOST, seen or facts(), listed)


def test_a_host_on_which_all_is_well_is_well() -> None:
    assert host().ok
    assert host().firewall == table.STANDS


@pytest.mark.parametrize(
    ("seen", "text", "code", "words"),
    [
        (facts(firewall="failed"), listing(), 0, "does not stand"),
        (facts(), "", 1, "its table is not loaded"),
        (facts(), listing(policy="accept"), 0, "not sealed"),
        (facts(), listing(ruled=()), 0, "emptied"),
        (facts(), listing(last="accept"), 0, "not sealed"),
        (facts(), '{"nftables": [{"table": {"family": "inet", "name": "idc", "handle": 1, "flags": ', 0, "not sealed"),
        (facts(), listing(lost=1), 0, "not as applied"),
    ],
)
def test_a_firewall_stands_only_where_its_rules_are_loaded(seen: HostFacts, text: str, code: int, words: str) -> None:
    found = host(seen, text, code)
    assert found.firewall.startswith(words)
    assert not found.ok


@pytest.mark.parametrize("state", [(False, ""), (True, "unhealthy")])
def test_a_container_that_is_dead_makes_the_host_not_well(state: tuple[bool, str]) -> None:
    """Also one that serves no site by itself, as a database."""
    found = host(facts(tax_file_database=state))
    assert [name.rpartition("-")[0] for name in found.down] == ["tax-file-database"]
    assert not found.ok


def site(code: int, isolated: frozenset[str] = NOBODY, seen: HostFacts | None = None) -> str:
    return status.site_status(PLAN, SITE, {HOST: seen or facts()}, Answer(code, 0.1), isolated).state


def test_a_site_serves_by_the_same_measure_as_everywhere_else() -> None:
    assert [site(code) for code in (200, 204, 302, 399)] == ["serving"] * 4
    assert [site(code) for code in (0, 403, 404, 421, 500, 502)] == ["does not answer"] * 6
    assert site(200, seen=facts(tax_www_web=(False, ""))).startswith("its container is")


def test_shut_is_only_what_a_living_edge_refuses() -> None:
    shut = frozenset({"tax"})
    assert [site(code, shut) for code in (404, 421)] == [status.SHUT] * 2
    assert {site(code, shut) for code in (200, 302, 403, 500, 502)} == {"open although isolated"}
    assert "not seen to be shut" in site(0, shut)
    assert status.CentreStatus("", "", (), (status.SiteStatus("", status.SHUT, "", "", ""),)).ok
    assert not status.CentreStatus("", "", (), (status.SiteStatus("", site(0, shut), "", "", ""),)).ok


class Seen:
    """A report that says one thing of every site."""

    def __init__(self, words: str) -> None:
        self.words = words

    def site_state(self, _: str) -> str:
        return self.words


@pytest.mark.parametrize(
    ("seen", "shut", "words"),
    [
        ("serving", False, "serving"),
        (None, False, "not looked at"),
        (None, True, "shut by idc isolate, not looked at"),
        ("shut", True, "shut by idc isolate"),
        ("open although shut", True, "open although shut"),
        ("not looked at", True, "shut by idc isolate, not looked at"),
    ],
)
def test_what_was_seen_goes_before_what_was_planned(seen: str | None, shut: bool, words: str) -> None:
    report: Any = Seen(seen) if seen is not None else None
    assert outcome.site_state(report, SITE.ref, shut=shut) == words
