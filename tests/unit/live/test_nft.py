"""Two rule sets are compared by what they mean: the kernel's own numbers do not count, an extra rule does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from idc.live.nft import differences, parse

DROP = {"drop": None}
ACCEPT = {"accept": None}


def listing(*rules: dict[str, Any], elements: list[Any] | None = None, handle: int = 1, **more: Any) -> str:
    entries: list[dict[str, Any]] = [
        {"metainfo": {"version": "1.0.6"}},
        {"table": {"family": "inet", "name": "idc", "handle": handle}},
        {"counter": {"family": "inet", "table": "idc", "name": "deny", "handle": 2, "packets": handle, "bytes": 9}},
        {
            "chain": {
                "family": "inet", "table": "idc", "name": "forward", "handle": handle, "type": "filter",
                "hook": "forward", "prio": 0, "policy": more.get("policy", "drop"),
            }
        },
        {
            "set": {
                "family": "inet", "table": "idc", "name": "flows", "type": "ipv4_addr", "handle": 4,
                "flags": ["interval"], **({"elem": elements} if elements is not None else {}),
            }
        },
        {
            "set": {
                "family": "inet", "table": "idc", "name": "sources", "type": "ipv4_addr", "handle": 5,
                "flags": ["dynamic"], "elem": [f"192.0.2.{handle}"],
            }
        },
    ]  # fmt: skip
    entries += [
        {"rule": {"family": "inet", "table": "idc", "chain": "forward", "handle": handle + n, "expr": [rule]}}
        for n, rule in enumerate(rules)
    ]
    return json.dumps({"nftables": entries})


def compare(one: str, other: str) -> list[str]:
    return list(differences(parse(one), parse(other)))


def test_handles_counters_and_dynamic_elements_do_not_count() -> None:
    assert not compare(listing(DROP, handle=1, elements=["10.0.0.1"]), listing(DROP, handle=70, elements=["10.0.0.1"]))


def test_the_order_of_elements_does_not_count_the_order_of_rules_does() -> None:
    assert not compare(listing(elements=["10.0.0.1", "10.0.0.2"]), listing(elements=["10.0.0.2", "10.0.0.1"]))
    assert compare(listing(ACCEPT, DROP), listing(DROP, ACCEPT)) == [
        "inet idc, chain forward: its rules stand in another order, or more than once"
    ]


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (listing(ACCEPT, DROP), 'rule 1 is nobody\'s: {"expr":[{"accept":null}]}'),
        (listing(), 'rule 1 is missing: {"expr":[{"drop":null}]}'),
        (listing(DROP, elements=["10.0.0.9"]), 'element "10.0.0.9" is nobody\'s'),
        (listing(DROP, policy="accept"), '"policy":"accept"'),
    ],
)
def test_each_difference_is_named(found: str, words: str) -> None:
    assert any(words in line for line in compare(found, listing(DROP)))


def test_a_table_of_somebody_else_is_named_with_its_hooks() -> None:
    extra = json.loads(listing(DROP))
    extra["nftables"] += [
        {"table": {"family": "ip", "name": "nat", "handle": 9}},
        {"chain": {"family": "ip", "table": "nat", "name": "pre", "handle": 9, "type": "nat", "hook": "prerouting"}},
    ]
    assert compare(json.dumps(extra), listing(DROP)) == ["table ip nat is nobody's: 1 chains, hooked: pre"]
    assert compare(listing(DROP), json.dumps(extra)) == ["table ip nat is missing"]


def test_a_flushed_table_is_missing() -> None:
    assert compare('{"nftables": [{"metainfo": {}}]}', listing(DROP)) == ["table inet idc is missing"]
