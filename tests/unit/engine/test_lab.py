"""A lab's leftovers and surroundings, by what engine and machine say."""

from __future__ import annotations

from ipaddress import IPv4Network

from idc.engine import lab, machine_networks
from idc.engine.lab import Thing


def test_leftovers_are_counted_in_words() -> None:
    found = [Thing("containers", "a", "s"), Thing("containers", "b", "s"), Thing("networks", "n", "s")]
    assert lab.count(found) == "2 containers, 1 network"
    assert lab.count([]) == "nothing"


def test_the_machine_s_own_networks_are_read_from_ip() -> None:
    text = """[
      {"ifname": "lo", "addr_info": [{"family": "inet", "local": "127.0.0.1", "prefixlen": 8}]},
      {"ifname": "eth0", "addr_info": [
        {"family": "inet", "local": "192.0.2.7", "prefixlen": 24},
        {"family": "inet", "local": "10.1.2.3", "prefixlen": 32}
      ]},
      {"ifname": "eth1"}
    ]"""
    assert list(machine_networks.parse(text)) == [
        ("lo", IPv4Network("127.0.0.0/8")),
        ("eth0", IPv4Network("192.0.2.0/24")),
        ("eth0", IPv4Network("10.1.2.3/32")),
    ]
    assert list(machine_networks.parse("")) == []
