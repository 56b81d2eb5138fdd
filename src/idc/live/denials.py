"""What hosts denied, from their kernel logs: lines of nftables' `log prefix "idc-deny <chain> "`. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

MARK: Final = "idc-deny"
_LINE: Final = re.compile(rf"\b{MARK} (?P<chain>\w+) (?P<fields>IN=.*)")
_KERNEL: Final = re.compile(r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d,\d+[+-]\d\d:\d\d) (?P<message>.*)")


@dataclass(frozen=True)
class Denial:
    """One packet that a chain dropped and logged. Ports are 0 where the protocol has none."""

    at: datetime
    log: str  # whose log holds it: a host's name
    chain: str  # "forward", "input", "output", "spoofed"
    protocol: str  # "tcp", "udp", "icmp", or as the kernel writes it
    source: IPv4Address | IPv6Address
    destination: IPv4Address | IPv6Address
    source_port: int
    port: int
    link_in: str
    link_out: str
    begins: bool  # False: a packet of a connection that had begun, as a reply after its flow was taken away


def from_journal(text: str, log: str) -> Iterator[Denial]:
    """The denials in what ``journalctl -k -o json`` prints: one JSON object a line, times in microseconds."""
    for line in text.splitlines():
        if not line.startswith("{"):  # "-- No entries --"
            continue
        entry = json.loads(line)
        message = entry.get("MESSAGE")
        if isinstance(message, str):
            at = datetime.fromtimestamp(int(entry["__REALTIME_TIMESTAMP"]) / 1e6, UTC)
            yield from _denial(message, at, log)


def from_kernel(text: str, log: str, since: datetime) -> tuple[list[Denial], datetime | None]:
    """The denials in what ``dmesg --time-format iso`` prints, and the time of the oldest line that there is."""
    found: list[Denial] = []
    oldest: datetime | None = None
    for line in text.splitlines():
        if (match := _KERNEL.match(line)) is None:
            continue
        at = datetime.fromisoformat(match["time"].replace(",", "."))
        oldest = oldest or at
        if at >= since:
            found += _denial(match["message"], at, log)
    return found, oldest


def _denial(message: str, at: datetime, log: str) -> Iterator[Denial]:
    """The packet of a line; nothing where the line is cut short or none of ours."""
    match = _LINE.search(message)
    if match is None:
        return
    own = match["fields"].partition(" [")[0]  # an ICMP error carries the packet that it is about in brackets
    words = own.split()
    fields = dict(word.split("=", 1) for word in words if "=" in word)
    try:
        source, destination = ip_address(fields["SRC"]), ip_address(fields["DST"])
        source_port, port = int(fields.get("SPT", 0)), int(fields.get("DPT", 0))
        protocol = fields["PROTO"].lower()
    except (KeyError, ValueError):
        return
    flags = {word for word in words if "=" not in word}
    begins = protocol != "tcp" or ("SYN" in flags and "ACK" not in flags)
    yield Denial(at, log, match["chain"], protocol, source, destination, source_port, port, fields.get("IN", ""),
                 fields.get("OUT", ""), begins)  # fmt: skip
