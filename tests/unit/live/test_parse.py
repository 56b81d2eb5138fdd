"""Each program's output, as Debian 12 prints it, becomes typed facts; what was not read stays unread."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from idc.live import inspected, parse
from idc.live.snapshot import UnreadError

DATA = Path(__file__).parent / "data"


def test_tc_classes_with_their_rates() -> None:
    text = (DATA / "tc-class.txt").read_text()
    found = parse.traffic({"uplink class": text, "br-0a401000 filter": "filter parent 1: u32"}, "[]")
    first = found.classes[0]
    assert (first.interface, first.id, first.parent, first.rate, first.ceil) == (
        "uplink", "1:ffff", "root", 1_000_000_000, 1_000_000_000,
    )  # fmt: skip
    assert [entry.id for entry in found.classes] == ["1:ffff", "1:fffe", "1:b"]
    assert found.classes[2].parent == "1:ffff"
    assert found.classes[2].rate == 50_000_000
    assert found.filters == {"br-0a401000 filter": "filter parent 1: u32"}


@pytest.mark.parametrize(
    ("text", "bits"), [("10Mbit", 10_000_000), ("12345Kbit", 12_345_000), ("1Gbit", 10**9), ("800bit", 800)]
)
def test_rates(text: str, bits: int) -> None:
    assert parse.rate(text) == bits


def test_links_with_addresses_masters_and_xdp() -> None:
    links = {link.name: link for link in parse.links((DATA / "ip-addr.json").read_text())}
    assert links["uplink"].addresses == ("10.71.255.2/24",)
    assert links["br-0a401000"].kind == "bridge"
    assert links["veth1"].master == "br-0a401000"
    assert links["veth1"].xdp
    assert not links["uplink"].xdp


def test_the_kernels_own_policy_routes_are_left_out() -> None:
    own = '[{"priority":0,"src":"all","table":"local"},{"priority":32766,"src":"all","table":"main"}]'
    assert parse.policy_routes(own) == ()
    extra = '[{"priority":100,"src":"10.64.16.2","table":"100"},{"priority":32766,"src":"all","table":"main"}]'
    assert len(parse.policy_routes(extra)) == 1
    taken = '[{"priority":32766,"src":"all","iif":"br-0a401000","table":"main"}]'
    assert len(parse.policy_routes(taken)) == 1


def test_units_and_what_is_stale() -> None:
    found = parse.units((DATA / "systemctl-show.txt").read_text())
    assert found["idc-firewall.service"].active == "active"
    assert found["idc-firewall.service"].enabled == "enabled"
    assert found["docker.service"].stale
    assert found["nftables.service"].load == "masked"


def test_listening_sockets_with_their_programs() -> None:
    found = parse.listeners((DATA / "ss.txt").read_text())
    assert [(entry.protocol, entry.address, entry.port, entry.program) for entry in found] == [
        ("tcp", "0.0.0.0", 22, "sshd"),
        ("tcp", "::", 22, "sshd"),
        ("udp", "127.0.0.1", 323, "chronyd"),
        ("udp", "fe80::1", 546, ""),
    ]


def test_sshd_settings_keep_all_values_of_a_keyword() -> None:
    found = parse.sshd("port 22\npasswordauthentication no\nlistenaddress 0.0.0.0:22\nlistenaddress [::]:22\n")
    assert found["passwordauthentication"] == "no"
    assert found["listenaddress"] == "0.0.0.0:22,[::]:22"


def test_what_could_not_be_read_is_unread_not_empty() -> None:
    document = {
        "began": 1.0, "ended": 2.0, "kernel": "6.1", "expected": {"error": "no rule set was given"},
        "parts": {"iptables": {"error": "iptables-save: not found"}, "links": {"out": "no json"}, "xfrm": {"out": ""}},
    }  # fmt: skip
    snapshot = parse.snapshot("web-1", document)
    assert snapshot.xfrm.value == ""
    with pytest.raises(UnreadError, match="iptables-save: not found"):
        _ = snapshot.iptables.value
    with pytest.raises(UnreadError, match="not understood"):
        _ = snapshot.links.value
    with pytest.raises(UnreadError, match="was not asked for"):
        _ = snapshot.engine.value


def test_an_inspected_container() -> None:
    raw = json.loads((DATA / "docker.json").read_text())
    engine = inspected.engine(raw)
    found = engine.container("tax-www-a")
    assert found is not None
    assert found.read_only
    assert found.capabilities_dropped == ("ALL",)
    assert found.capabilities_added == ("CAP_NET_BIND_SERVICE",)
    assert found.memory == found.memory_swap == 128 << 20
    assert found.published == ("8080/tcp",)
    assert {(mount.kind, mount.source, mount.target, mount.read_only) for mount in found.mounts} == {
        ("volume", "tax-www-content", "/srv/site", True),
        ("bind", "/var/lib/idc/secrets/tax-www", "/run/secrets/idc", True),
    }
    assert [(entry.network, entry.address) for entry in found.networks] == [("tax-www-web", "10.64.16.2")]
    network = next(entry for entry in engine.networks if entry.name == "tax-www-web")
    assert network.subnets == (("10.64.16.0/28", "10.64.16.1"),)
    assert network.containers == ("tax-www-a",)
