"""`why` shows a packet's whole way, the rules that decide, and the flow that declares it."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from idc.proof import Answer, why
from idc.proof.from_plan import fabric
from tests.proof import centres

EDGE, SITE, DATABASE, OTHER = (
    IPv4Address(text) for text in ("10.64.0.2", "10.64.16.34", "10.64.16.50", "10.64.16.2")
)  # fmt: skip


def asked(source: IPv4Address, destination: IPv4Address, port: int, protocol: str = "tcp") -> Answer:
    """The answer for the town."""
    return why(centres.town(), fabric(centres.town()), source, destination, protocol, port)


def test_a_declared_packet_passes_both_hosts_and_names_its_flow() -> None:
    answer = asked(EDGE, SITE, 8080)
    assert answer.allowed
    assert [walk.host for walk in answer.walks] == ["edge-1", "web-1"]
    assert [flow.id for flow in answer.flows] == ["service/edge -> tenant/tax/site/file : tcp/8080"]
    assert "@flows accept" in "\n".join(answer.lines)


def test_a_request_to_a_listener_shows_its_translation() -> None:
    answer = asked(IPv4Address("198.18.64.77"), IPv4Address("198.18.64.10"), 80)
    assert answer.allowed
    assert any("dnat ip to 10.64.0.2:8081" in line for line in answer.lines)


@pytest.mark.parametrize(
    ("source", "destination", "port", "place"),
    [
        (SITE, OTHER, 8080, "forward"),
        (OTHER, DATABASE, 5432, "forward"),
        (SITE, IPv4Address("10.64.16.33"), 22, "input"),
        (SITE, IPv4Address("10.64.99.1"), 80, "route"),
    ],
)
def test_an_undeclared_packet_is_dropped_and_the_place_is_named(
    source: IPv4Address, destination: IPv4Address, port: int, place: str
) -> None:
    answer = asked(source, destination, port)
    assert answer.allowed is False
    assert place in answer.walks[-1].hops[-1].place
    assert answer.lines[-1] == "no flow declares it"


def test_a_word_that_is_no_protocol_is_refused() -> None:
    with pytest.raises(ValueError, match="none of tcp, udp, icmp"):
        asked(EDGE, SITE, 1, "carrier-pigeon")
