"""Denied packets as kernels log them: the lines are from namespaces with the rendered rules."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from idc.live.denials import from_journal, from_kernel

LINES = (Path(__file__).parent / "data" / "deny-kernel.txt").read_text()
BEGIN = datetime(2026, 11, 26, 15, 0, tzinfo=UTC)


def test_lines_of_the_kernel_are_read_with_their_times_and_ends() -> None:
    found, oldest = from_kernel(LINES, "this machine", BEGIN)
    assert oldest == datetime(2026, 11, 26, 15, 58, 58, 293847, tzinfo=UTC)
    assert [denial.chain for denial in found] == ["spoofed", *["forward"] * 3, "input", "output", "forward"]
    first = found[1]
    assert (first.source, first.destination) == (IPv4Address("10.64.16.18"), IPv4Address("10.64.16.50"))
    assert (first.protocol, first.source_port, first.port, first.begins) == ("tcp", 37376, 8080, True)
    assert (first.link_in, first.link_out, first.log) == ("br-0a401010", "br-0a401030", "this machine")
    assert isinstance(found[0].source, IPv6Address)


def test_an_icmp_error_is_not_taken_for_the_packet_that_it_is_about() -> None:
    (error,) = [denial for denial in from_kernel(LINES, "x", BEGIN)[0] if denial.chain == "output"]
    assert (error.protocol, error.port, error.destination) == ("icmp", 0, IPv4Address("10.64.16.2"))


def test_what_is_older_than_asked_for_is_left_out_and_the_log_says_how_far_back_it_goes() -> None:
    found, oldest = from_kernel(LINES, "x", datetime(2026, 11, 26, 15, 59, 1, tzinfo=UTC))
    assert len(found) == 4
    assert oldest is not None
    assert from_kernel("", "x", BEGIN) == ([], None)


def test_a_reply_and_a_packet_in_the_middle_begin_nothing() -> None:
    line = next(line for line in LINES.splitlines() if "DPT=8080" in line)
    for flags in ("ACK SYN", "ACK PSH", "RST"):
        (denial,) = from_kernel(line.replace("SYN", flags), "x", BEGIN)[0]
        assert not denial.begins


def journal(*messages: object) -> str:
    return "".join(
        json.dumps({"__REALTIME_TIMESTAMP": "1795708740866700", "MESSAGE": message}) + "\n" for message in messages
    )


def test_a_journal_gives_the_same_and_what_is_cut_short_gives_nothing() -> None:
    message = next(line.partition(" ")[2] for line in LINES.splitlines() if "DPT=8080" in line)
    (denial,) = from_journal("-- No entries --\n" + journal(message, message[:60], "idc-deny forward", [1, 2]), "web-1")
    assert (denial.log, denial.port) == ("web-1", 8080)
    assert denial.at == datetime.fromtimestamp(1795708740.8667, UTC)
