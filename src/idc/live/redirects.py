"""tc's filters as a host lists them, in the words of the plan's redirects: only exactly those are no finding.

A redirect moves packets past the packet rules, so whatever is not read here word by word is not one of ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv4Network
from typing import Final

from idc.plan.types import Plan
from idc.render.bandwidth import Redirect, redirects

_TABLE: Final = re.compile(r"filter protocol ip pref 1 u32 chain 0( fh 800: ht divisor 1)?")
_RULE: Final = re.compile(
    r"filter protocol ip pref 1 u32 chain 0 fh 800::[0-9a-f]+ order \d+ key ht 800 bkt 0 "
    r"(?P<stays>\*flowid 1:1|terminal flowid(?: \?\?\?)?)(?: not_in_hw)?"
)
_SOURCE: Final = re.compile(r"match (?P<value>[0-9a-f]{8})/(?P<mask>[0-9a-f]{8}) at 12")
_ACTION: Final = re.compile(r"action order 1: mirred \(Egress Redirect to device (?P<device>[\w.-]+)\) stolen")
_INDEX: Final = re.compile(r"index \d+ ref 1 bind 1")


def read(text: str) -> tuple[Redirect, ...] | None:
    """What ``tc filter show dev LINK egress`` says, in its order; None when any of it is of another kind."""
    found: list[Redirect] = []
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    while lines and _TABLE.fullmatch(lines[0]):
        lines.pop(0)
    while lines:
        rule, source = _RULE.fullmatch(lines[0]), _SOURCE.fullmatch(lines[1]) if len(lines) > 1 else None
        if rule is None or source is None:
            return None
        network = _network(source["value"], source["mask"])
        if network is None:
            return None
        if rule["stays"].startswith("*"):
            found.append(Redirect(network, ""))
            lines = lines[2:]
            continue
        action = _ACTION.fullmatch(lines[2]) if len(lines) > 3 else None
        if action is None or not _INDEX.fullmatch(lines[3]):
            return None
        found.append(Redirect(network, action["device"]))
        lines = lines[4:]
    return tuple(found)


def strange(plan: Plan, host: str, filters: Mapping[str, str]) -> list[str]:
    """Places (``"uplink egress"``) on a host where filters stand that are not exactly the plan's."""
    planned = {f"{link} egress": entries for link, entries in redirects(plan, host).items()}
    return sorted(place for place, text in filters.items() if place not in planned or read(text) != planned[place])


def _network(value: str, mask: str) -> IPv4Network | None:
    """Of hexadecimal numbers; None where the mask has holes or the address has bits beside it."""
    length = int(mask, 16).bit_count()
    if int(mask, 16) != 0xFFFFFFFF ^ (0xFFFFFFFF >> length):
        return None
    try:
        return IPv4Network((int(value, 16), length))
    except ValueError:
        return None
