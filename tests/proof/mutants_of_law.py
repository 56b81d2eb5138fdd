"""Declarations that the law forbids, each with what the proof must say of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

from idc.model.types import Visibility
from idc.plan.types import Endpoint, HostRule, Plan
from tests.proof.spoil import Centre, Mutant, end

OUTSIDE = Endpoint("0.0.0.0/0", "", None, (IPv4Network("0.0.0.0/0"),), "edge-1")
NEIGHBOUR = Endpoint("192.0.2.0/24", "", None, (IPv4Network("192.0.2.0/24"),))
CORE = Endpoint("host/core-1", "", "core-1", (IPv4Network("10.71.255.1/32"),))


def _to(segment: str, source: str | Endpoint = "edge", **more: object) -> Callable[[Centre], None]:
    def spoil(c: Centre) -> None:
        who = end(c.plan, source) if isinstance(source, str) else source
        c.flow(source=who, destination=end(c.plan, segment), **more)

    return spoil


def _vhosts(change: Callable[[Plan], dict[str, object]], site: str) -> Callable[[Centre], None]:
    def spoil(c: Centre) -> None:
        kept = tuple(
            replace(v, **change(c.plan)) if v.site == site else v  # type: ignore[arg-type]
            for v in c.plan.vhosts
        )
        c.plan = replace(c.plan, vhosts=kept)

    return spoil


def _segments(**change: object) -> Callable[[Centre], None]:
    def spoil(c: Centre) -> None:
        segments = tuple(
            replace(s, **change) if s.name == "parks-staff-web" else s  # type: ignore[arg-type]
            for s in c.plan.segments
        )
        c.plan = replace(c.plan, segments=segments)

    return spoil


def _containers(**change: object) -> Callable[[Centre], None]:
    def spoil(c: Centre) -> None:
        changed = tuple(
            replace(k, **change) if k.name == "parks-www-web" else k  # type: ignore[arg-type]
            for k in c.plan.containers
        )
        c.plan = replace(c.plan, containers=changed)

    return spoil


def _pivot(c: Centre) -> None:
    """A service of the fabric that takes connections from one tenant and opens some to another."""
    edge, tax, parks = (end(c.plan, name) for name in ("edge", "tax-www-web", "parks-www-web"))
    model = next(flow for flow in c.plan.flows if flow.origin == "site")
    more = (replace(model, source=tax, destination=edge, port=8081), replace(model, source=edge, destination=parks))
    c.planned(replace(c.plan, flows=(*c.plan.flows, *more)))


def _isolated(c: Centre) -> None:
    tenants = tuple(replace(t, isolated=t.id == "tax") for t in c.plan.tenants)
    c.plan = replace(c.plan, tenants=tenants)


def _rule(c: Centre) -> None:
    more = HostRule("web-1", "in", (IPv4Network("10.64.0.2/31"),), "tcp", 22, "no reason")
    c.planned(replace(c.plan, host_rules=(*c.plan.host_rules, more)))


LAW = (
    Mutant("tenant to tenant", _to("parks-www-web", source=("tax-www-web")), "law", "tenant tax reaches tenant parks"),
    Mutant("the edge to a database", _to("tax-file-data", port=5432), "law", "the edge reaches"),
    Mutant("another site of the tenant to a database", _to("tax-file-data", source="tax-www-web"), "law", "data zone"),
    Mutant("the outside to a site", _to("tax-www-web", source=NEIGHBOUR), "law", "somebody outside reaches"),
    Mutant("out to everything", lambda c: c.flow(source=end(c.plan, "tax-www-web"), destination=OUTSIDE), "law",
           "more than one segment or host"),
    Mutant("data to the outside", lambda c: c.flow(source=end(c.plan, "tax-file-data"), destination=NEIGHBOUR), "law",
           "the data zone of"),
    Mutant("a tenant administers", lambda c: c.flow(source=end(c.plan, "tax-www-web"), destination=CORE, port=22),
           "law", "administers host core-1"),
    Mutant("a tenant into management", lambda c: c.flow(source=end(c.plan, "tax-www-web"), destination=CORE, port=9090),
           "law", "in management"),
    Mutant("a flow that lies", lambda c: c.flow(destination=replace(
        end(c.plan, "parks-www-web"), ref="tenant/tax/site/www", segment="tax-www-web")), "law", "says segment"),
    Mutant("no reason", lambda c: c.flow(reason=" ", port=8081), "law", "no reason"),
    Mutant("SSH from the edge's container", _rule, "law", "which no flow declares"),
    Mutant("an employees' site on the Internet's listener",
           _vhosts(lambda _: {"visibility": Visibility.INTERNET}, "tenant/parks/site/staff"),
           "law", "is for the fabric"),
    Mutant("a vhost that leads to another tenant",
           _vhosts(
           lambda p: {"upstream": p.container_by_name["tax-www-web"].address()}, "tenant/parks/site/www"), "law",
           "not to its site"),
    Mutant("two sites by one name", _vhosts(lambda _: {"names": ("tax.town.example",)}, "tenant/parks/site/www"), "law",
           "stands for two sites"),
    Mutant("a tenant that is shut", _isolated, "law", "is closed"),
    Mutant("two segments with one subnet", _segments(subnet=IPv4Network("10.64.16.16/28")), "law", "in common"),
    Mutant("a bridge that two segments share", _segments(bridge="br-0a402010"), "law", "carries two segments"),
    Mutant("a container in another's segment", _containers(segment="tax-www-web"), "law", "container parks-www-web"),
    Mutant("a container with another's address", _containers(address_b=IPv4Address("10.64.16.2")),
           "law", "outside its segment"),
    Mutant("a pivot between tenants", _pivot, "law", "by way of segment edge, which is no broker"),
    Mutant("the Internet in an intranet", lambda c: c.planned(replace(c.plan, fabric="office-intranet")), "law",
           "which is apart from it"),
    Mutant("a fabric nobody knows", lambda c: c.planned(replace(c.plan, fabric="somewhere")), "law", "no fabric of"),
)  # fmt: skip
