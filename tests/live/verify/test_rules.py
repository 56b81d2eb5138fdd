"""Packet rules and the settings that decide about packets."""

from __future__ import annotations

import json
import re

from idc.live import nft
from idc.live.redirects import strange
from idc.live.resolver import foreign_lines, without_resolver
from idc.live.snapshot import Snapshot
from idc.live.suite import Checks, control
from idc.plan.types import Plan

OURS = "inet idc"
HOOKED_AND_DROPPING = ("antispoof", "forward", "input", "output")
NAMES = re.compile(r"^(all|default|lo|uplink|internet|fabric|br-[0-9a-f]{8})$")

FOR_ALL = {
    "net/ipv4/conf/{}/route_localnet": "0",
    "net/ipv4/conf/{}/accept_source_route": "0",
    "net/ipv4/conf/{}/proxy_arp": "0",
    "net/ipv6/conf/{}/proxy_ndp": "0",
    "net/ipv6/conf/{}/accept_ra": "0",
}


@control("8.1.3.2 a")
def test_the_rules_in_the_kernel_are_the_plans(snapshot: Snapshot, plan: Plan, checks: Checks) -> None:
    """The rules in the kernel mean what the plan renders: every chain, rule, set and element, and no other table."""
    found, expected = snapshot.rules.value, snapshot.expected.value
    if plan.host_by_name[snapshot.host].is_lab:
        found = without_resolver(found)
    checks.looked += expected.rule_count + expected.element_count
    for words in nft.differences(found, expected):
        checks.that(False, "nftables", words)


@control("8.1.3.2 a")
def test_whatever_no_rule_accepts_is_dropped(snapshot: Snapshot, checks: Checks) -> None:
    """Our chains are hooked where packets pass, with policy drop, and each ends in a drop of its own."""
    table = snapshot.rules.value.tables.get(OURS)
    checks.that(table is not None, f"table {OURS}", "is missing")
    for name in HOOKED_AND_DROPPING:
        chain = table.chains.get(name) if table else None
        checks.that(chain is not None, f"chain {name}", "is missing")
        if chain is not None:
            definition = json.loads(chain.definition)
            checks.equal(f"chain {name}", "its policy", definition.get("policy"), "drop")
            checks.that(definition.get("hook"), f"chain {name}", "is not hooked")
            last = json.loads(chain.rules[-1])["expr"] if chain.rules else []
            drops = [statement for statement in last if "counter" not in statement] == [{"drop": None}]
            checks.that(drops, f"chain {name}", "does not end in a drop: its policy lapses while rules are swapped")


@control("8.1.3.2 d")
def test_no_reply_passes_without_its_flow(snapshot: Snapshot, checks: Checks) -> None:
    """No rule accepts established or related packets as such: a revoked flow must stop at once."""
    table = snapshot.rules.value.tables.get(OURS)
    checks.that(table is not None, f"table {OURS}", "is missing")
    for name, chain in table.chains.items() if table else ():
        for number, rule in enumerate(chain.rules, 1):
            if '"accept"' not in rule:
                continue
            checks.that('"related"' not in rule, f"chain {name}, rule {number}", "accepts related packets")
            blanket = '"established"' in rule and '"saddr"' not in rule and '"daddr"' not in rule
            checks.that(not blanket, f"chain {name}, rule {number}", "accepts every established packet")


@control("8.1.3.1 a")
def test_nobody_else_has_rules(snapshot: Snapshot, plan: Plan, checks: Checks) -> None:
    """No rule of iptables in either of its forms: the engine writes none, and nobody else does."""
    lab = plan.host_by_name[snapshot.host].is_lab
    for words, text in (
        ("iptables", snapshot.iptables.value),
        ("ip6tables", snapshot.ip6tables.value),
        *((f"legacy {family} tables", text) for family, text in snapshot.legacy.value.items()),
    ):
        lines = foreign_lines(text, lab=lab)
        checks.that(not lines, words, f"holds {len(lines)} rules and chains: {'; '.join(lines[:3])}")


@control("8.1.3.1 c")
def test_nothing_moves_packets_past_the_rules(snapshot: Snapshot, plan: Plan, checks: Checks) -> None:
    """No XDP program, tunnel policy, policy route, or tc filter but the plan's: the packet rules would not see them."""
    filters = strange(plan, snapshot.host, snapshot.traffic.value.filters)
    checks.that(not filters, "tc filters", f"that are not the plan's stand on {', '.join(filters)}")
    for link in snapshot.links.value:
        checks.that(not link.xdp, f"link {link.name}", "has an XDP program")
    checks.that(not snapshot.xfrm.value.strip(), "xfrm policies", "exist")
    extra = snapshot.policy_routes.value
    checks.that(not extra, "policy routes", f"exist: {'; '.join(extra)}")


@control("8.1.3.2 a")
def test_forwarding_is_on_only_where_the_rules_want_it(snapshot: Snapshot, plan: Plan, checks: Checks) -> None:
    """Forwarding is as the rule set says, and traffic inside a bridge meets the rules."""
    found = snapshot.sysctls.value
    checks.equal("IPv4 forwarding", "net/ipv4/ip_forward", found.get("net/ipv4/ip_forward"), "1")
    host = plan.host_by_name[snapshot.host]
    six = any(s.subnet6 for s in plan.segments if s.host == host.name) or any(i.address6 for i in host.interfaces)
    checks.equal(
        "IPv6 forwarding",
        "net/ipv6/conf/all/forwarding",
        found.get("net/ipv6/conf/all/forwarding"),
        "1" if six else "0",
    )
    for name in ("iptables", "ip6tables"):
        checks.equal("bridges", name, found.get(f"net/bridge/bridge-nf-call-{name}"), "1")


@control("8.1.3.1 c")
def test_interfaces_trust_nobody(snapshot: Snapshot, checks: Checks) -> None:
    """No interface routes to loopback, by the sender's choice, for others' addresses, or by advertisements."""
    found = snapshot.sysctls.value
    for link in snapshot.links.value:
        if not NAMES.match(link.name) or link.name == "lo":
            continue
        for pattern, good in FOR_ALL.items():
            path = pattern.format(link.name)
            value = found.get(path)
            if path.startswith("net/ipv6") and value is None:
                continue  # this link has no IPv6 at all
            if path.endswith("accept_ra") and found.get("net/ipv6/conf/all/forwarding") == "1" and value == "1":
                value = "0"  # 1 means "only while not forwarding"; 2 would mean always
            if path.endswith("accept_source_route") and found.get("net/ipv4/conf/all/accept_source_route") == "0":
                value = "0"  # the kernel asks for both: the link's own and that of all
            checks.equal(f"link {link.name}", path, value, good)
    for path in ("net/ipv4/conf/all/accept_redirects", "net/ipv6/conf/all/accept_redirects"):
        if path in found:
            checks.equal("all links", path, found[path], "0")
