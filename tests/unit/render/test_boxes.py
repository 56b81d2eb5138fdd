"""Flows as disjoint boxes: exactly the same packets, no overlap, whatever is declared twice."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from itertools import combinations, product

from hypothesis import given, settings
from hypothesis import strategies as st

from idc.render.boxes import Box, collapse, disjoint

FIRST = int(IPv4Address("10.0.0.0"))


def small_networks() -> st.SearchStrategy[IPv4Network]:
    """Networks within eight addresses, so that every address can be tried."""
    return st.tuples(st.integers(29, 32), st.integers(0, 7)).map(
        lambda pair: IPv4Network((FIRST + (pair[1] & ~(2 ** (32 - pair[0]) - 1)), pair[0]))
    )


def packets(boxes: list[Box]) -> set[tuple[int, int, str, int]]:
    return {
        (int(source), int(destination), box.protocol, box.port)
        for box in boxes
        for source, destination in product(box.source, box.destination)
    }


@settings(max_examples=150, deadline=None)
@given(st.lists(st.builds(Box, small_networks(), small_networks(), st.just("tcp"), st.sampled_from([80, 443]))))
def test_the_same_packets_in_boxes_that_do_not_overlap(boxes: list[Box]) -> None:
    found = disjoint(boxes)
    assert packets(found) == packets(boxes)
    for one, other in combinations(found, 2):
        same_port = (one.protocol, one.port) == (other.protocol, other.port)
        overlap = one.source.overlaps(other.source) and one.destination.overlaps(other.destination)
        assert not (same_port and overlap), f"{one} and {other}"


def test_order_does_not_show() -> None:
    net = IPv4Network
    boxes = [
        Box(net("10.0.0.0/28"), net("10.1.0.0/28"), "tcp", 80),
        Box(net("10.0.0.0/28"), net("10.1.0.16/28"), "tcp", 80),
        Box(net("10.0.0.0/30"), net("10.1.0.0/24"), "tcp", 80),
        Box(net("10.0.0.0/28"), net("10.1.0.0/28"), "udp", 80),
    ]
    assert disjoint(boxes) == disjoint(reversed(boxes))


def test_collapse_keeps_the_addresses() -> None:
    assert collapse([IPv4Network("10.0.0.0/25"), IPv4Network("10.0.0.128/25"), IPv4Network("10.0.0.0/30")]) == [
        IPv4Network("10.0.0.0/24")
    ]
