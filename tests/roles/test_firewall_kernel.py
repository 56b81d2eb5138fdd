"""The rendered rules in a real kernel: what is declared passes, everything else does not, and each denial has teeth.

A denial is believed only beside its mutation: the one change of the rules with which the same packet does arrive.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from idc.render import firewall
from tests.roles.mutations import (
    ANSWER,
    BOUND_OFF,
    EDGE,
    MARK,
    OPEN_ALL,
    OPEN_INPUT,
    PARKS_BLOG,
    PARKS_WWW,
    TAX_DATA,
    TAX_FILE,
    TAX_WWW,
    Mutation,
    before,
    both,
    exchange,
    instead,
    load,
)
from tests.roles.namespaces import PATIENCE, Namespaces, arrives
from tests.roles.packets import icmp_error, tcp, udp
from tests.unit.render.small_plan import PLAN

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def centre() -> Iterator[Namespaces]:
    namespaces = Namespaces(PLAN)
    try:
        namespaces.build()
        yield namespaces
    finally:
        namespaces.destroy()


@pytest.fixture(autouse=True)
def sealed(centre: Namespaces) -> None:
    """Every test starts from the rendered rules."""
    load(centre)


# -- what is declared passes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "listener", "address", "port"),
    [
        ("edge-a", "tax-www-web-a", TAX_WWW, 8080),
        ("edge-b", "tax-www-web-b", "10.64.16.3", 8080),
        ("edge-a", "parks-blog-web-a", PARKS_BLOG, 8080),
        ("tax-file-web-a", "tax-file-data-a", TAX_DATA, 5432),
        ("core-1", "web-1", "10.71.255.2", 22),
    ],
)
def test_a_declared_flow_passes_with_its_original_source(
    centre: Namespaces, source: str, listener: str, address: str, port: int
) -> None:
    seen = exchange(centre, source, listener, address, port)
    addresses = {"edge-a": EDGE, "edge-b": "10.64.0.3", "tax-file-web-a": TAX_FILE, "core-1": "10.71.255.4"}
    assert seen == addresses[source]


@pytest.mark.parametrize(
    ("client", "address", "target_port", "source"),
    [
        ("citizen", "203.0.113.10", 8080, "203.0.113.200"),
        ("citizen", "2001:db8:113::10", 8080, "2001:db8:113::200"),
        ("employee", "198.51.100.10", 8081, "198.51.100.200"),
    ],
)
def test_a_listener_is_reached_from_its_own_side(
    centre: Namespaces, client: str, address: str, target_port: int, source: str
) -> None:
    assert exchange(centre, client, "edge-a", address, 80, listen=target_port) == source


# -- nothing else does ---------------------------------------------------------------------------------------------

DENIED: list[tuple[str, str, str, str, int, int, Mutation]] = [
    # name, source, listener, address, port, listening port, the change that lets it through
    ("another tenant, same host", "parks-www-web-a", "tax-file-data-a", TAX_DATA, 5432, 5432, OPEN_ALL),
    ("another tenant, other host", "parks-blog-web-a", "tax-www-web-a", TAX_WWW, 8080, 8080, OPEN_ALL),
    ("another site of the tenant", "tax-www-web-a", "tax-file-data-a", TAX_DATA, 5432, 5432, OPEN_ALL),
    ("reverse direction, same host", "tax-file-data-a", "tax-file-web-a", TAX_FILE, 5432, 5432, OPEN_ALL),
    ("reverse direction, other host", "tax-www-web-a", "edge-a", EDGE, 8080, 8080, OPEN_ALL),
    ("wrong port", "edge-a", "tax-www-web-a", TAX_WWW, 8081, 8081, OPEN_ALL),
    ("a sibling in the segment", "tax-www-web-a", "tax-www-web-b", "10.64.16.3", 8080, 8080, OPEN_ALL),
    ("its host by the gateway", "tax-www-web-a", "web-1", "10.64.16.1", 22, 22, both(OPEN_INPUT, ANSWER)),
    ("its host by the uplink address", "tax-www-web-a", "web-1", "10.71.255.2", 22, 22, both(OPEN_INPUT, ANSWER)),
    ("another host", "tax-www-web-a", "web-2", "10.71.255.3", 22, 22, both(OPEN_ALL, OPEN_INPUT, ANSWER)),
    ("host to host, not management", "web-2", "web-1", "10.71.255.2", 22, 22, both(OPEN_INPUT, ANSWER)),
    ("a host to a container", "web-1", "tax-www-web-a", TAX_WWW, 8080, 8080, both(OPEN_INPUT, ANSWER)),
    ("internet to the edge's own address", "citizen", "edge-a", EDGE, 8080, 8080, OPEN_ALL),
    ("internet to the fabric's vhosts", "citizen", "edge-a", EDGE, 8081, 8081, OPEN_ALL),
    ("fabric user to the Internet's vhosts", "employee", "edge-a", EDGE, 8080, 8080, OPEN_ALL),
    ("internet to a host", "citizen", "edge-1", "203.0.113.10", 22, 22, both(OPEN_INPUT, ANSWER)),
    (
        "internet to the fabric's listener", "citizen", "edge-a", "198.51.100.10", 80, 8081,
        both(instead('iifname "fabric" ip daddr 198.51.100.10 tcp dport 80 dnat', "tcp dport 80 dnat"), OPEN_ALL),
    ),
    ("the edge to the Internet", "edge-a", "citizen", "203.0.113.200", 80, 80, OPEN_ALL),
    ("IPv6 to the edge's own address", "citizen", "edge-a", "fd12:3456:789a:1::2", 8080, 8080, OPEN_ALL),
    ("IPv6 to a host", "citizen", "edge-1", "2001:db8:113::10", 22, 22, both(OPEN_INPUT, ANSWER)),
    ("IPv6 of the edge to the Internet", "edge-a", "citizen", "2001:db8:113::200", 80, 80, OPEN_ALL),
]  # fmt: skip


@pytest.mark.parametrize("case", DENIED, ids=[case[0] for case in DENIED])
def test_nothing_undeclared_passes_and_the_test_would_see_it(
    centre: Namespaces, case: tuple[str, str, str, str, int, int, Mutation]
) -> None:
    _, source, listener, address, port, listen, mutation = case
    assert not exchange(centre, source, listener, address, port, listen, PATIENCE)
    load(centre, mutation)
    assert exchange(centre, source, listener, address, port, listen), "the mutated rules should let it through"


SPOOFED: list[tuple[str, str, str, str, bytes]] = [
    # name, sender, observer, observer's link, packet
    (
        "a container with the edge's address", "parks-blog-web-a", "tax-www-web-a", "eth0",
        tcp(EDGE, 4000, TAX_WWW, 8080, MARK),
    ),
    (
        "a container with its own tenant's other address", "tax-www-web-a", "tax-file-data-a", "eth0",
        tcp(TAX_FILE, 4000, TAX_DATA, 5432, MARK),
    ),
    ("the Internet with the edge's address", "citizen", "tax-www-web-a", "eth0", tcp(EDGE, 4000, TAX_WWW, 8080, MARK)),
    (
        "the Internet, past the edge", "citizen", "tax-www-web-a", "eth0",
        tcp("203.0.113.200", 4000, TAX_WWW, 8080, MARK),
    ),
    (
        "the Internet with a fabric user's address", "citizen", "edge-a", "eth0",
        tcp("198.51.100.77", 4000, "203.0.113.10", 80, MARK),
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", SPOOFED, ids=[case[0] for case in SPOOFED])
def test_a_forged_source_goes_nowhere(centre: Namespaces, case: tuple[str, str, str, str, bytes]) -> None:
    _, sender, observer, link, packet = case
    for host in PLAN.hosts:  # the rules alone must hold, not the kernel's reverse path filter
        centre.sysctl(host.name, "net/ipv4/conf/all/rp_filter", 0)
        for interface in ("default", host.uplink_interface.name):
            centre.sysctl(host.name, f"net/ipv4/conf/{interface}/rp_filter", 0)
    with centre.sniff(observer, link) as sniffer:
        centre.send_raw(sender, packet)
        assert not arrives(sniffer, MARK)
        load(centre, BOUND_OFF)
        centre.send_raw(sender, packet)
        assert arrives(sniffer, MARK), "without the binding it should arrive"


def test_a_forged_icmp_error_delivers_nothing(centre: Namespaces) -> None:
    with centre.listening("tax-www-web-a", 8080) as server, centre.sniff("tax-www-web-a") as sniffer:
        client = centre.connect("edge-a", TAX_WWW, 8080)
        assert client is not None
        with client, server.accept()[0]:
            port = client.getsockname()[1]
            quoted = tcp(TAX_WWW, 8080, EDGE, port, MARK, flags=0x10)
            for code in (3, 4):  # another tenant on the same host, whose connection table knows the connection
                centre.send_raw("parks-www-web-a", icmp_error(PARKS_WWW, TAX_WWW, code, quoted))
                assert not arrives(sniffer, MARK), f"code {code}"
            # The one error that path MTU discovery needs, from a host.
            centre.send_raw("edge-1", icmp_error("10.71.255.1", TAX_WWW, 4, quoted))
            assert arrives(sniffer, MARK)
            centre.send_raw("edge-1", icmp_error("10.71.255.1", TAX_WWW, 3, quoted))
            assert not arrives(sniffer, MARK)
            load(centre, before("forward", "ct state related accept"))
            centre.send_raw("parks-www-web-a", icmp_error(PARKS_WWW, TAX_WWW, 3, quoted))
            assert arrives(sniffer, MARK), "a rule set that accepts `related` would deliver it"


def test_a_revoked_flow_stops_in_an_open_connection(centre: Namespaces) -> None:
    kept = tuple(flow for flow in PLAN.flows if flow.destination.segment != "tax-www-web")
    with centre.listening("tax-www-web-a", 8080) as server:
        client = centre.connect("edge-a", TAX_WWW, 8080)
        assert client is not None
        with client, server.accept()[0] as connection:
            client.sendall(MARK)
            assert connection.recv(64) == MARK
            for host in PLAN.hosts:
                centre.load(host.name, firewall(PLAN, host.name, flows=kept))
            client.settimeout(1)
            connection.settimeout(1)
            client.sendall(MARK)
            connection.sendall(MARK)
            for end in (client, connection):
                with pytest.raises(TimeoutError):
                    end.recv(64)
            # Teeth: under a blanket `established` the same connection lives on (TCP sends again what was lost).
            for host in PLAN.hosts:
                text = before("forward", "ct state established accept")(firewall(PLAN, host.name, flows=kept))
                centre.load(host.name, text)
            connection.settimeout(5)
            assert connection.recv(64) == MARK
    # The other flows never stopped.
    assert exchange(centre, "edge-a", "parks-blog-web-a", PARKS_BLOG, 8080) == EDGE


def test_loopback_addresses_stay_on_lo(centre: Namespaces) -> None:
    centre.sysctl("web-1", "net/ipv4/conf/all/route_localnet", 1)  # the rules alone must hold
    try:
        for interface in ("br-0a401000",):
            centre.sysctl("web-1", f"net/ipv4/conf/{interface}/rp_filter", 0)
        centre.ip("tax-www-web-a", "route replace 127.9.9.9/32 via 10.64.16.1")
        centre.run("tax-www-web-a", "ip", "route", "del", "table", "local", "local", "127.0.0.0/8")
        centre.sysctl("tax-www-web-a", "net/ipv4/conf/all/route_localnet", 1)
        with centre.inside("web-1", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as listener:
            listener.bind(("127.9.9.9", 9999))
            listener.settimeout(0.4)
            packet = udp(TAX_WWW, 4000, "127.9.9.9", 9999, MARK)
            centre.send_raw("tax-www-web-a", packet)
            with pytest.raises(TimeoutError):
                listener.recv(64)
            load(centre, both(before("prerouting", "accept"), OPEN_INPUT))
            centre.send_raw("tax-www-web-a", packet)
            assert listener.recv(64) == MARK
    finally:
        centre.sysctl("web-1", "net/ipv4/conf/all/route_localnet", 0)


def test_an_unknown_interface_carries_nothing(centre: Namespaces) -> None:
    centre.ip("web-1", "link add surprise type veth peer name far netns " + centre.prefix + "web-2")
    try:
        centre.ip("web-1", "addr add 192.0.2.1/24 dev surprise", "link set surprise up")
        centre.ip("web-2", "addr add 192.0.2.2/24 dev far", "link set far up", "route add 10.64.16.2/32 via 192.0.2.1")
        packet = tcp("192.0.2.2", 4000, TAX_WWW, 8080, MARK)
        with centre.sniff("tax-www-web-a") as sniffer:
            centre.send_raw("web-2", packet)  # its own output lets no raw packet out either
            assert not arrives(sniffer, MARK)
            centre.load("web-2", ANSWER(firewall(PLAN, "web-2")))
            centre.send_raw("web-2", packet)
            assert not arrives(sniffer, MARK)
            load(centre, both(BOUND_OFF, ANSWER))
            centre.send_raw("web-2", packet)
            assert arrives(sniffer, MARK)
    finally:
        centre.ip("web-1", "link del surprise")


def test_closed_lets_nothing_in_or_out(centre: Namespaces) -> None:
    for host in PLAN.hosts:
        centre.load(host.name, firewall(PLAN, host.name, closed=True))
    assert not exchange(centre, "edge-a", "tax-www-web-a", TAX_WWW, 8080, patience=PATIENCE)
    assert not exchange(centre, "core-1", "web-1", "10.71.255.2", 22, patience=PATIENCE)
    assert not exchange(centre, "citizen", "edge-a", "203.0.113.10", 80, 8080, PATIENCE)
    assert exchange(centre, "web-1", "web-1", "127.0.0.1", 7777), "lo stays open"
    load(centre)
    assert exchange(centre, "edge-a", "tax-www-web-a", TAX_WWW, 8080)
