"""The outer engine's name server rules are known by their exact form, and nothing hides among them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from idc.live import nft
from idc.live.resolver import foreign_lines, without_resolver

DATA = Path(__file__).parent / "data"
LISTING = (DATA / "lab-resolver.json").read_text()
SAVED = (DATA / "lab-iptables-save.txt").read_text()


def test_the_resolvers_table_is_left_out() -> None:
    assert "ip nat" in nft.parse(LISTING).tables
    assert not without_resolver(nft.parse(LISTING)).tables


def test_a_rule_among_them_keeps_the_whole_table_in_sight() -> None:
    document = json.loads(LISTING)
    rule = {"family": "ip", "table": "nat", "chain": "POSTROUTING", "handle": 99, "expr": [{"masquerade": None}]}
    document["nftables"].append({"rule": rule})
    assert "ip nat" in without_resolver(nft.parse(json.dumps(document))).tables


def test_in_a_lab_host_its_lines_are_nobodys_fault_elsewhere_they_are() -> None:
    assert foreign_lines(SAVED, lab=True) == []
    assert len(foreign_lines(SAVED, lab=False)) == 8


@pytest.mark.parametrize(
    "line",
    [
        "-A POSTROUTING -s 10.64.0.0/13 -j MASQUERADE",
        "-A DOCKER_OUTPUT -d 127.0.0.11/32 -p tcp -m tcp --dport 53 -j DNAT --to-destination 10.0.0.1:53",
        "-A OUTPUT -j DOCKER_OUTPUT",
        ":DOCKER-USER - [0:0]",
    ],
)
def test_whatever_is_otherwise_is_foreign(line: str) -> None:
    assert foreign_lines(f"{SAVED}\n{line}\n", lab=True) == [line]
