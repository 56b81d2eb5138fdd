"""tc's words for the filters that a plan gathers packets by."""

from __future__ import annotations

from collections.abc import Iterable

from idc.render.bandwidth import Redirect


def shown(entries: Iterable[Redirect]) -> str:
    """As `tc filter show` lists them (iproute2 6.1)."""
    lines = ["filter protocol ip pref 1 u32 chain 0 ", "filter protocol ip pref 1 u32 chain 0 fh 800: ht divisor 1 "]
    for number, entry in enumerate(entries, 0x800):
        stays = "terminal flowid" if entry.device else "*flowid 1:1"
        words = f"fh 800::{number:x} order {number} key ht 800 bkt 0 {stays} not_in_hw "
        lines.append(f"filter protocol ip pref 1 u32 chain 0 {words}")
        lines.append(f"  match {int(entry.source[0]):08x}/{int(entry.source.netmask):08x} at 12")
        if entry.device:
            lines.append(f"\taction order 1: mirred (Egress Redirect to device {entry.device}) stolen")
            lines += [f"\tindex {number} ref 1 bind 1", ""]
    return "\n".join(lines) + "\n"
