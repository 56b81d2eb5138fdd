"""How a prefix is cut."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

from hypothesis import given, settings
from hypothesis import strategies as st

from idc.plan import addresses
from idc.plan.addresses import Addresses, Layout


def layout(prefix: str) -> Layout:
    found = Layout.of(IPv4Network(prefix))
    assert found is not None
    return found


def test_a_13_has_blocks_of_20_and_keeps_the_last_for_the_uplink() -> None:
    cut = layout("10.64.0.0/13")
    assert cut.block_length == 20
    assert len(cut.blocks) == 127
    assert addresses.uplink(IPv4Network("10.64.0.0/13")) == IPv4Network("10.71.255.0/24")
    assert not cut.is_block(IPv4Network("10.71.240.0/20"))


def test_blocks_are_never_smaller_than_a_24() -> None:
    assert layout("10.80.0.0/20").block_length == 24
    assert Layout.of(IPv4Network("10.80.0.0/24")) is None


def test_segments_fill_a_block_before_the_next_is_taken() -> None:
    give = Addresses(layout("10.80.0.0/22"), {}, ())
    first = [give.segment("web-1") for _ in range(16)]
    assert first[0] == IPv4Network("10.80.0.0/28")
    assert give.blocks("web-1") == (IPv4Network("10.80.0.0/24"),)
    assert give.segment("web-2") == IPv4Network("10.80.1.0/28")
    assert give.segment("web-1") == IPv4Network("10.80.2.0/28")
    assert give.blocks("web-1") == (IPv4Network("10.80.0.0/24"), IPv4Network("10.80.2.0/24"))


def test_a_full_prefix_has_no_segment_left() -> None:
    give = Addresses(layout("10.80.0.0/23"), {}, ())
    assert all(give.segment("web-1") for _ in range(16))
    assert give.segment("web-1") is None


def test_freed_segments_are_given_again_lowest_first() -> None:
    held = {"web-1": (IPv4Network("10.80.0.0/24"),)}
    taken = [IPv4Network("10.80.0.0/28"), IPv4Network("10.80.0.32/28")]
    give = Addresses(layout("10.80.0.0/22"), held, taken)
    assert [str(give.segment("web-1")) for _ in range(2)] == ["10.80.0.16/28", "10.80.0.48/28"]


def test_both_slots_of_a_container_are_one_network() -> None:
    subnet = IPv4Network("10.64.16.32/28")
    for index in range(6):
        first, second = addresses.slots(subnet, index)
        assert addresses.slots_network(subnet, index) == IPv4Network(f"{first}/31")
        assert second == first + 1


def test_unique_local_networks_hang_on_prefix_and_name_alone() -> None:
    network = addresses.unique_local(IPv4Network("10.64.0.0/13"), "edge")
    assert network == addresses.unique_local(IPv4Network("10.64.0.0/13"), "edge")
    assert network.prefixlen == 64
    assert str(network).startswith("fd")
    assert network != addresses.unique_local(IPv4Network("10.72.0.0/13"), "edge")


networks = st.builds(
    lambda address, length: IPv4Network((address >> (32 - length) << (32 - length), length)),
    st.integers(0, 2**32 - 1),
    st.integers(1, 32),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(networks, max_size=6), st.integers(0, 2**32 - 1))
def test_the_complement_holds_exactly_what_is_not_excluded(excluded: list[IPv4Network], number: int) -> None:
    rest = addresses.without(excluded)
    total = sum(network.num_addresses for network in rest)
    union = sum(net.num_addresses for net in _disjoint(excluded))
    assert total + union == 2**32
    address = IPv4Address(number)
    assert any(address in network for network in rest) != any(address in network for network in excluded)


def _disjoint(networks: list[IPv4Network]) -> list[IPv4Network]:
    return [one for one in set(networks) if not any(one != other and one.subnet_of(other) for other in networks)]
