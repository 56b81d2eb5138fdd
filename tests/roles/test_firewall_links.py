"""Rules are bound to links and addresses, in a real kernel: what comes by the wrong one, or in another's name, is lost.

Each denial is believed only beside the one change of the rules with which the same packet does get through.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest

from idc.plan import hostrules
from idc.plan.types import Endpoint, Flow
from idc.render import firewall
from tests.roles.mutations import (
    ANSWER,
    BOUND_OFF,
    EDGE,
    MARK,
    OPEN_INPUT,
    TAX_DATA,
    TAX_WWW,
    Mutation,
    before,
    both,
    exchange,
    instead,
    load,
)
from tests.roles.namespaces import PATIENCE, Namespaces, arrives
from tests.roles.packets import icmp_error, neighbour_solicitation, tcp, tcp6
from tests.unit.render.small_plan import PLAN

pytestmark = pytest.mark.live

EDGE_BRIDGE, WWW_BRIDGE = "br-0a400000", "br-0a401000"
CORE, WEB_1 = "10.71.255.4", "10.71.255.2"
GATEWAY6, EDGE6, SLOT_B6 = (f"fd12:3456:789a:1::{number}" for number in (1, 2, 3))
CITIZEN6, LISTENER6 = "2001:db8:113::200", "2001:db8:113::10"
ERROR = "icmp type destination-unreachable icmp code frag-needed accept"
FEW = instead("ct count over 4096", "ct count over 3")


@pytest.fixture(scope="module")
def centre() -> Iterator[Namespaces]:
    namespaces = Namespaces(PLAN)
    try:
        namespaces.build()
        for host in PLAN.hosts:  # the rules alone must hold, not the kernel's reverse path filter
            for link in ("all", "default", *(interface.name for interface in host.interfaces)):
                namespaces.sysctl(host.name, f"net/ipv4/conf/{link}/rp_filter", 0)
        for name, bridge in (("web-1", WWW_BRIDGE), ("edge-1", EDGE_BRIDGE)):
            namespaces.sysctl(name, f"net/ipv4/conf/{bridge}/rp_filter", 0)
        yield namespaces
    finally:
        namespaces.destroy()


@pytest.fixture(autouse=True)
def sealed(centre: Namespaces) -> None:
    """Every test starts from the rendered rules."""
    load(centre)


def _answer(host: str, to: str) -> bytes:
    """How the host's answer from its SSH port to port 4000 begins, as the wire has it."""
    return IPv4Address(host).packed + IPv4Address(to).packed + struct.pack("!HH", 22, 4000)


# -- the host itself ---------------------------------------------------------------------------------------------------


def test_a_management_address_counts_only_behind_its_own_link(centre: Namespaces) -> None:
    """A container in the name of the management host, were it to get past the binding of sources."""
    bridge = centre.hardware("web-1", WWW_BRIDGE)
    forged = tcp(CORE, 4000, WEB_1, 22)
    element = f'"uplink" . {CORE}/32 . tcp . 22,'
    bridge_too = instead(element, f"{element}\n{element.replace('uplink', WWW_BRIDGE)}")
    with centre.listening("web-1", 22), centre.sniff("core-1", "uplink") as sniffer:
        load(centre, before("prerouting", "accept"))
        centre.send_frame("tax-www-web-a", "eth0", bridge, forged)
        assert not arrives(sniffer, _answer(WEB_1, CORE))
        load(centre, both(before("prerouting", "accept"), bridge_too))
        centre.send_frame("tax-www-web-a", "eth0", bridge, forged)
        assert arrives(sniffer, _answer(WEB_1, CORE)), "bound to the bridge as well it is answered"


def test_an_operator_outside_is_heard_only_by_the_way_that_he_comes(centre: Namespaces) -> None:
    """Who reaches the fabric by another edge is nobody who asks this one from the Internet."""
    operators = Endpoint("operators", "", None, (IPv4Network("192.0.2.0/24"),), "web-2")
    edge = Endpoint("host/edge-1", "", "edge-1", (IPv4Network("10.71.255.1/32"),))
    flows = (*PLAN.flows, Flow(operators, edge, "tcp", 22, "administration", "", "declared"))
    plan = replace(PLAN, flows=flows, host_rules=hostrules.derive(PLAN.host_by_name, flows))
    rules = firewall(plan, "edge-1")
    forged = tcp("192.0.2.5", 4000, "10.71.255.1", 22)
    centre.ip("edge-1", "route replace 192.0.2.0/24 via 10.71.255.3 dev uplink")
    try:
        with centre.listening("edge-1", 22), centre.sniff("web-2", "uplink") as sniffer:
            centre.load("edge-1", rules)
            centre.send_frame("citizen", "eth0", centre.hardware("edge-1", "internet"), forged)
            assert not arrives(sniffer, _answer("10.71.255.1", "192.0.2.5"))
            centre.send_frame("web-2", "uplink", centre.hardware("edge-1", "uplink"), forged)
            assert arrives(sniffer, _answer("10.71.255.1", "192.0.2.5")), "by the uplink it is heard"
    finally:
        centre.ip("edge-1", "route del 192.0.2.0/24")


def test_what_a_host_sends_leaves_by_its_own_link(centre: Namespaces) -> None:
    """A route that somebody added leads an administrator's connection to a container in place of the host."""
    centre.ip("web-1", f"route replace {CORE}/32 dev {WWW_BRIDGE}")
    neighbour = centre.hardware("tax-www-web-a", "eth0").hex(":")
    centre.ip("web-1", f"neigh replace {CORE} lladdr {neighbour} dev {WWW_BRIDGE} nud permanent")
    try:
        with centre.listening("web-1", 22), centre.sniff("tax-www-web-a") as sniffer:
            request = tcp(CORE, 4000, WEB_1, 22)
            centre.send_frame("core-1", "uplink", centre.hardware("web-1", "uplink"), request)
            assert not arrives(sniffer, _answer(WEB_1, CORE))
            load(centre, ANSWER)
            centre.send_frame("core-1", "uplink", centre.hardware("web-1", "uplink"), request)
            assert arrives(sniffer, _answer(WEB_1, CORE))
    finally:
        centre.ip("web-1", f"route del {CORE}/32 dev {WWW_BRIDGE}", f"neigh del {CORE} dev {WWW_BRIDGE}")


def test_a_host_says_errors_only_as_itself(centre: Namespaces) -> None:
    with centre.listening("tax-www-web-a", 8080) as server, centre.sniff("tax-www-web-a") as sniffer:
        client = centre.connect("edge-a", TAX_WWW, 8080)
        assert client is not None
        with client, server.accept()[0]:
            quoted = tcp(TAX_WWW, 8080, EDGE, client.getsockname()[1], MARK, flags=0x10)
            centre.send_raw("web-1", icmp_error(CORE, TAX_WWW, 4, quoted))
            assert not arrives(sniffer, MARK), "in another host's name"
            centre.send_raw("web-1", icmp_error("10.64.16.3", TAX_WWW, 4, quoted))
            assert not arrives(sniffer, MARK), "in a container's name"
            centre.send_raw("web-1", icmp_error("10.64.16.1", TAX_WWW, 4, quoted))
            assert arrives(sniffer, MARK), "as its gateway"
            load(centre, instead(f"ip saddr @own {ERROR}", ERROR))
            centre.send_raw("web-1", icmp_error(CORE, TAX_WWW, 4, quoted))
            assert arrives(sniffer, MARK), "without the binding it leaves"


# -- IPv6 --------------------------------------------------------------------------------------------------------------

# Sources of the link, mapped ones and the destination itself the kernel refuses without any rule.
FORGED6: list[tuple[str, str, bytes, str]] = [
    # name, sender, packet, the host's link where it comes in
    ("the Internet with the edge's address", "citizen", tcp6(SLOT_B6, 4000, LISTENER6, 80, MARK), "internet"),
    ("the Internet with the gateway's address", "citizen", tcp6(GATEWAY6, 4000, LISTENER6, 80, MARK), "internet"),
    ("a fabric user by IPv6", "employee", tcp6(CITIZEN6, 4000, LISTENER6, 80, MARK), "fabric"),
    ("a fabric user with the edge's address", "employee", tcp6(SLOT_B6, 4000, EDGE6, 8080, MARK), "fabric"),
]


@pytest.mark.parametrize("case", FORGED6, ids=[case[0] for case in FORGED6])
def test_a_forged_source_of_ipv6_goes_nowhere(centre: Namespaces, case: tuple[str, str, bytes, str]) -> None:
    _, sender, packet, link = case
    to = centre.hardware("edge-1", link)
    with centre.sniff("edge-a") as sniffer:
        centre.send_frame(sender, "eth0", to, packet)
        assert not arrives(sniffer, MARK)
        mutation: Mutation = BOUND_OFF
        if sender == "employee":
            mutation = both(BOUND_OFF, lambda text: text.replace('iifname "internet" ip6 daddr', "ip6 daddr"))
        load(centre, mutation)
        centre.send_frame(sender, "eth0", to, packet)
        assert arrives(sniffer, MARK), "without the binding it should arrive"


@pytest.mark.parametrize("address", [GATEWAY6, LISTENER6])
def test_a_container_reaches_its_host_by_no_address_of_ipv6(centre: Namespaces, address: str) -> None:
    assert not exchange(centre, "edge-a", "edge-1", address, 22, patience=PATIENCE)
    load(centre, both(OPEN_INPUT, ANSWER))
    assert exchange(centre, "edge-a", "edge-1", address, 22) == EDGE6


NEIGHBOURS: list[tuple[str, str, str, str, str]] = [
    # name, sender, the host's link, the source that it claims, whom it asks for
    ("a citizen's address behind the edge's bridge", "edge-a", EDGE_BRIDGE, CITIZEN6, GATEWAY6),
    ("the container's address from the Internet", "citizen", "internet", EDGE6, LISTENER6),
    ("the gateway's address from the Internet", "citizen", "internet", "fd12:3456:789a:1::9", LISTENER6),
    ("an address of the link where there is no IPv6", "employee", "fabric", "fe80::77", ""),
]


@pytest.mark.parametrize("case", NEIGHBOURS, ids=[case[0] for case in NEIGHBOURS])
def test_a_neighbour_is_believed_only_on_its_own_link(centre: Namespaces, case: tuple[str, str, str, str, str]) -> None:
    _, sender, link, claimed, target = case
    own = centre.hardware(sender, "eth0")
    shown = centre.run("edge-1", "ip", "-6", "-o", "addr", "show", "dev", link, "scope", "link").split()
    wanted = target or shown[shown.index("inet6") + 1].partition("/")[0]
    packet = neighbour_solicitation(claimed, wanted, wanted, own)

    def known() -> bool:
        centre.send_frame(sender, "eth0", centre.hardware("edge-1", link), packet)
        time.sleep(0.1)
        return f"{claimed} " in centre.run("edge-1", "ip", "-6", "neigh", "show", "dev", link)

    assert not known()
    load(centre, both(before("prerouting", "accept"), OPEN_INPUT, ANSWER))
    assert known(), "without the binding the host believes it"
    centre.ip("edge-1", f"neigh flush {claimed} dev {link}")


# -- connections by source ---------------------------------------------------------------------------------------------


def _opened(centre: Namespaces, name: str, sources: list[str], address: str, port: int) -> int:
    """How many connections stand at once, one from each of the sources in turn."""

    def connect(source: str) -> socket.socket | None:
        client = socket.socket(socket.AF_INET6 if ":" in source else socket.AF_INET, socket.SOCK_STREAM)
        client.settimeout(PATIENCE)
        try:
            client.bind((source, 0))
            client.connect((address, port))
        except TimeoutError:
            client.close()
            return None
        return client

    with ExitStack() as stack:
        clients = [centre.inside(name, lambda source=source: connect(source)) for source in sources]  # type: ignore[misc]
        standing = [stack.enter_context(client) for client in clients if client is not None]
        return len(standing)


def test_no_source_has_too_many_connections_and_no_other_suffers(centre: Namespaces) -> None:
    load(centre, FEW)
    own = "10.64.16.18"
    with centre.listening("tax-file-data-a", 5432), centre.listening("tax-www-web-a", 8080):
        assert _opened(centre, "tax-file-web-a", [own] * 6, TAX_DATA, 5432) == 3
        assert _opened(centre, "edge-a", [EDGE], TAX_WWW, 8080) == 1


def test_an_edges_connections_are_not_counted_on_the_hosts_behind_it(centre: Namespaces) -> None:
    """They are those of all clients of all tenants: one tenant's slow visitors would shut out the others'."""
    load(centre, FEW)
    with centre.listening("tax-www-web-a", 8080):
        assert _opened(centre, "edge-a", [EDGE] * 8, TAX_WWW, 8080) == 8


def test_a_source_of_ipv6_is_its_network(centre: Namespaces) -> None:
    """Whoever has one address of IPv6 has 2^64 of them."""
    near = [f"2001:db8:113::{number:x}" for number in range(0x300, 0x306)]
    far = "2001:db8:114::1"
    centre.ip("citizen", *(f"addr add {address}/64 dev eth0 nodad" for address in [*near, far]))
    centre.ip("edge-1", "route add 2001:db8:114::/64 dev internet")
    load(centre, FEW)
    try:
        with centre.listening("edge-a", 8080):
            assert _opened(centre, "citizen", [*near, far], LISTENER6, 80) == 3 + 1
    finally:
        centre.ip("edge-1", "route del 2001:db8:114::/64 dev internet")
        centre.ip("citizen", *(f"addr del {address}/64 dev eth0" for address in [*near, far]))
