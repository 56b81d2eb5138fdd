"""What a change opens and closes, by the rules of both plans."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from idc.plan.types import Plan
from idc.proof import from_plan
from idc.proof.delta import Delta, compare
from idc.proof.reach import PATH_MTU, reach
from idc.render.firewall import firewall
from idc.report import delta as shown
from tests.proof.test_between import HEALTH, MUSEUM, PARKS, TAX, before_and_after
from tests.unit.plan import build

OUT = [{"to": "198.18.64.200", "port": "443/tcp", "why": "the registry of the province", "until": "2027-06-30"}]


def keys(delta: Delta, way: str) -> set[tuple[str, str, str]]:
    """Pairs of one way as (from, to, ports)."""
    return {(p.source.ref, p.destination.ref, p.ports) for p in delta.pairs if p.way == way}


def with_elements(plan: Plan, host: str, *elements: str) -> dict[str, str]:
    """A host's rules with elements in its flow set that no flow stands for."""
    text = firewall(plan, host)
    at = text.index("elements = {\n", text.index("set flows {")) + len("elements = {\n")
    return {host: text[:at] + "".join(f"\t\t\t{element},\n" for element in elements) + text[at:]}


def reached(plan: Plan, shape: Plan) -> set[tuple[str, str, str, str]]:
    """(from, to, protocol, ports) of all that containers may open: asked address by address."""
    fabric = from_plan.fabric(plan)
    return {
        (container.owner, one.ref.removesuffix(" (data)"), one.protocol.upper(), one.ports)
        for container in shape.containers
        if container.name in plan.container_by_name
        for address in (container.address_a, container.address_b)
        for one in reach(plan, fabric, address)
        if one.protocol != PATH_MTU
    }


def test_it_is_what_each_address_can_open_before_and_after() -> None:
    old, new = before_and_after()
    for first, last in ((old, new), (new, old)):
        found = compare(first, last)
        before, after = reached(first, first), reached(last, last)
        for way, expected in (("opens", after - before), ("closes", before - after)):
            pairs = {
                (p.source.ref, p.destination.ref, p.protocol, p.ports) for p in found.pairs if p.way == way
            }  # fmt: skip
            assert pairs == expected
            assert expected
        assert all(pair.witness.arrives for pair in found.pairs)
        assert not found.undeclared
        assert not found.unknown


def test_nothing_to_change_is_nothing_to_say() -> None:
    old, _ = before_and_after()
    same = compare(old, replace(old, declaration_digest="1" * 64))
    assert same.empty
    assert same.hosts == 0
    stream = StringIO()
    shown.text(same, Console(file=stream))
    assert stream.getvalue() == shown.markdown(same) == ""


def test_before_anything_was_applied_there_is_nothing_to_compare_with() -> None:
    _, new = before_and_after()
    assert compare(None, new) == Delta(first=True)


def test_a_way_out_is_said_with_its_reason_its_last_day_and_who_declared_it() -> None:
    old, lock = build.plan(build.declare(TAX))
    new, _ = build.plan(build.declare(TAX.model_copy(update={"egress": build.tenant("tax", egress=OUT).egress})), lock)
    found = compare(old, new)
    assert {(p.source.ref, p.destination.ref) for p in found.opened} == {
        ("tenant/tax/site/www", "198.18.64.200"), ("tenant/tax/site/file", "198.18.64.200"),
    }  # fmt: skip
    assert [pair for pair in found.pairs if pair.way == "closes"] == []
    assert shown.sentence(found.opened[0]) == (
        "The site file of Department of tax may call 198.18.64.200, TCP port 443."
    )
    assert shown.reason(found.opened[0]).startswith(
        "Reason: the registry of the province; until 2027-06-30. Declared by tenants/tax.yaml:"
    )
    hosts = [walk.host for walk in found.opened[0].witness.walks]
    assert hosts[-1] == "edge-1"
    assert len(hosts) == 2


def test_neighbours_that_a_rule_holds_as_one_are_each_told_and_declared() -> None:
    """198.18.64.200 and .201 stand in the set as one network, and so do the addresses of hosts."""
    two = [*OUT, {**OUT[0], "to": "198.18.64.201", "why": "the registry of the county"}]
    one = {"all-1": build.host("edge", "web", "data", "management")}
    old, lock = build.plan(build.declare(TAX, hosts=one))
    tax = TAX.model_copy(update={"egress": build.tenant("tax", egress=two).egress})
    new, _ = build.plan(build.declare(tax, hosts=one), lock)
    assert "198.18.64.200/31" in firewall(new, "all-1")
    found = compare(old, new)
    assert not found.undeclared
    assert {p.destination.ref for p in found.opened} == {"198.18.64.200", "198.18.64.201"}
    assert {p.declared.reason for p in found.opened if p.declared} == {
        "the registry of the province", "the registry of the county",
    }  # fmt: skip
    old, lock = build.plan(build.declare(TAX))
    hosts = {**build.HOSTS, **{f"web-{n}": build.host("web", "data") for n in range(3, 9)}}
    more, _ = build.plan(build.declare(TAX, hosts=hosts), lock)
    grown = compare(old, more)
    assert keys(grown, "opens") == {("host/core-1", f"host/web-{n}", "22") for n in range(3, 9)}
    assert not grown.undeclared


def test_what_opens_and_nothing_declares_stands_out() -> None:
    _, new = before_and_after()
    leak = with_elements(new, "web-1", "10.64.16.2 . 10.64.16.50 . tcp . 5432")
    found = compare(new, new, ({}, leak))
    (pair,) = found.undeclared
    assert found.pairs == (pair,)
    assert (pair.source.ref, pair.destination.ref, pair.ports) == (
        "tenant/health/site/care", "tenant/tax/site/file", "5432",
    )  # fmt: skip
    assert pair.witness.arrives
    lines = shown.lines(found)
    assert lines[0][0] == "!"
    assert "NOTHING DECLARES IT" in lines[0][2][0]
    assert "let through by web-1: ip saddr" in lines[0][2][1] or "let through by web-1:" in lines[0][2][1]
    assert "NOTHING DECLARES" in shown.summary(found)
    assert shown.document(found)["undeclared"] == 1


def test_a_wider_rule_than_the_flow_it_holds_is_not_called_declared() -> None:
    old, new = before_and_after()
    wide = with_elements(new, "web-1", "10.64.16.0/24 . 10.64.16.0/24 . tcp . 1-9000")
    found = compare(old, new, ({}, wide))
    assert any(pair.ports == "1-9000" or "-" in pair.ports for pair in found.undeclared)


def test_a_rule_on_one_of_two_hosts_opens_nothing() -> None:
    _, new = before_and_after()
    one = with_elements(new, "web-1", "10.64.0.2 . 10.64.16.50 . tcp . 5432")
    other = with_elements(new, "edge-1", "10.64.0.2 . 10.64.16.50 . tcp . 5432")
    assert compare(new, new, ({}, one)).pairs == ()
    assert compare(new, new, ({}, other)).pairs == ()
    found = compare(new, new, ({}, one | other))
    assert keys(found, "opens") == {("service/edge", "tenant/tax/site/file", "5432")}
    assert [walk.host for walk in found.opened[0].witness.walks] == ["edge-1", "web-1"]


def test_a_listener_that_comes_lets_its_people_in_and_says_by_which_address() -> None:
    fabric_only = {"fabric": {"address": "198.18.64.10/24"}}
    staff = build.tenant("staff", build.site(names=["s.town.example"], visibility="fabric", audience=["employee"]))
    old, lock = build.plan(build.declare(staff, listeners=fabric_only))
    new, _ = build.plan(build.declare(staff), lock)
    found = compare(old, new)
    assert ("internet", "service/edge", "8080") in keys(found, "opens")
    pair = next(pair for pair in found.opened if pair.source.ref == "internet")
    assert pair.declared is not None
    assert "by the listener 203.0.113.10, port 80" in shown.sentence(pair)
    assert not found.undeclared


def test_a_host_that_comes_is_administered_by_management() -> None:
    old, lock = build.plan(build.declare(TAX))
    hosts = {**build.HOSTS, "web-3": build.host("web", "data")}
    new, _ = build.plan(build.declare(TAX, hosts=hosts), lock)
    found = compare(old, new)
    assert keys(found, "opens") == {("host/core-1", "host/web-3", "22")}
    assert not found.undeclared
    assert keys(compare(new, old), "closes") == {("host/core-1", "host/web-3", "22")}


def test_names_are_told_one_by_one_with_the_methods_that_change() -> None:
    old, lock = build.plan(build.declare(PARKS))
    renamed = build.tenant("parks", build.site(names=["parks.town.example", "gardens.town.example"]))
    new, _ = build.plan(build.declare(renamed), lock)
    (name,) = compare(old, new).names
    assert (name.listener, name.name, name.opens) == ("internet", "gardens.town.example", True)
    assert not compare(old, new).pairs
    one_listener = replace(new, listeners=tuple(one for one in new.listeners if one.visibility.value == "fabric"))
    assert {(name.name, name.opens) for name in compare(new, one_listener).names} == {
        ("parks.town.example", False), ("gardens.town.example", False),
    }  # fmt: skip


def test_rules_that_are_not_understood_leave_it_unknown() -> None:
    old, new = before_and_after()
    found = compare(old, new, ({}, {"web-1": "table inet idc {\n\tnonsense\n}\n"}))
    assert found.unknown
    assert not found.empty
    assert any("not understood" in line[1] for line in shown.lines(found))


@pytest.mark.parametrize("department", ["**bold** [x](https://evil.example)", "a\n- `+` forged"])
def test_markdown_of_a_pull_request_takes_names_as_they_are(department: str) -> None:
    old, lock = build.plan(build.declare(TAX, HEALTH))
    museum = MUSEUM.model_copy(update={"department": department})
    new, _ = build.plan(build.declare(TAX, HEALTH, museum), lock)
    text = shown.markdown(compare(old, new))
    assert "**bold**" not in text
    assert "://" not in text
    assert "\n- `+` forged" not in text
