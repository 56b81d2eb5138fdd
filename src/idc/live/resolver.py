"""The one thing that the outer engine puts into a lab host's namespace: rules for its name server at 127.0.0.11.

A lab host is a container itself, so its engine translates what it asks of 127.0.0.11 port 53. These rules are known by
their exact form; a rule more, or one for another address, is nobody's and is reported.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Final

from idc.live.nft import Ruleset, Table

_TABLE: Final = "ip nat"
_ADDRESS: Final = "127.0.0.11"
_CHAINS: Final = {"OUTPUT", "POSTROUTING", "DOCKER_OUTPUT", "DOCKER_POSTROUTING"}
_LINE: Final = re.compile(
    r"-A OUTPUT -d 127\.0\.0\.11/32 -j DOCKER_OUTPUT"
    r"|-A POSTROUTING -d 127\.0\.0\.11/32 -j DOCKER_POSTROUTING"
    r"|-A DOCKER_OUTPUT -d 127\.0\.0\.11/32 -p (tcp|udp) -m \1 --dport 53 -j DNAT --to-destination 127\.0\.0\.11:\d+"
    r"|-A DOCKER_POSTROUTING -s 127\.0\.0\.11/32 -p (tcp|udp) -m \2 --sport \d+ -j SNAT --to-source :53"
)


def without_resolver(ruleset: Ruleset) -> Ruleset:
    """The rule set without that table, if it is exactly that; as it is, if anything about it is otherwise."""
    table = ruleset.tables.get(_TABLE)
    if table is None or not _is_resolver(table):
        return ruleset
    return replace(ruleset, tables={name: other for name, other in ruleset.tables.items() if name != _TABLE})


def _is_resolver(table: Table) -> bool:
    if table.sets or table.others or not table.chains.keys() <= _CHAINS:
        return False
    return all(_for_resolver(rule) for chain in table.chains.values() for rule in chain.rules)


def _for_resolver(rule: str) -> bool:
    """Whether a rule begins by asking for 127.0.0.11."""
    first = json.loads(rule)["expr"][0].get("match", {})
    field = first.get("left", {}).get("payload", {})
    return (
        first.get("op") == "=="
        and first.get("right") == _ADDRESS
        and field.get("protocol") == "ip"
        and field.get("field") in ("daddr", "saddr")
    )


def foreign_lines(text: str, *, lab: bool) -> list[str]:
    """Rules and chains of an ``iptables-save`` listing that are nobody's: all, in a lab host all but the resolver's."""
    found = []
    for line in map(str.strip, text.splitlines()):
        rule = line.startswith("-A")
        chain = line.startswith(":") and line.split()[1] == "-"
        if lab and ((rule and _LINE.fullmatch(line)) or (chain and line[1:].split()[0] in _CHAINS)):
            continue
        if rule or chain:
            found.append(line)
    return found
