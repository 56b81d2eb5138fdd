"""Random rule sets in the grammar of our template, for a router with three networks, and random packets for them.

n0 10.9.0.0/24, n1 10.9.1.0/24, n2 10.9.2.0/24: the router is .1 in each, and fd09:N::1 of IPv6 fd09:N::/64.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address
from random import Random

from idc.proof.fields import ICMP, TCP, UDP, Ct
from idc.proof.forwarding import HostForwarding, Link
from idc.proof.from_plan import special
from idc.proof.limits import unmodelled
from idc.proof.matching import Names, address
from idc.proof.nfttext import ruleset
from idc.proof.routing import Prefix, partition
from idc.proof.walk import Packet

LINKS = ("n0", "n1", "n2")
HOSTS = (2, 3, 18, 130)  # last bytes of those who live on each network
PORTS = (22, 80, 443, 5432, 8080)
STATES = ("new", "established", "related", "invalid", "new, established", "established, related")


def who(random: Random) -> str:
    """Somebody's address."""
    return f"10.9.{random.randrange(3)}.{random.choice(HOSTS)}"


def network(random: Random) -> str:
    """An address or a network of any size that fits."""
    length = random.choice((32, 32, 31, 28, 25, 24, 23, 16))
    number = int(IPv4Address(who(random))) >> (32 - length) << (32 - length)
    return str(IPv4Address(number)) + ("" if length == 32 else f"/{length}")


def one_match(random: Random, hook: str) -> str:
    """One condition that may stand at this hook."""
    side = random.randrange(13)
    no = random.choice(("", "", "!= "))
    if side == 0 and hook != "output":
        return f'iifname {no}"{random.choice(LINKS)}"'
    if side == 1 and hook in ("forward", "output"):
        names = random.sample(LINKS, 2)
        return f'oifname {{ "{names[0]}", "{names[1]}" }}'
    if side == 2:
        return f"ip {random.choice(('saddr', 'daddr'))} {no}{network(random)}"
    if side == 3:
        return f"ip {random.choice(('saddr', 'daddr'))} {no}@some"
    if side == 4:
        return f"{random.choice(('tcp', 'udp', 'th'))} {random.choice(('sport', 'dport'))} {no}{random.choice(PORTS)}"
    if side == 5:
        low = random.choice(PORTS)
        return f"{random.choice(('tcp', 'th'))} dport {{ {low}-{low + random.choice((0, 100, 4000))}, 9999 }}"
    if side == 6:
        return f"meta l4proto {no}{random.choice(('tcp', 'udp', 'icmp'))}"
    if side == 7:
        return random.choice(("icmp type destination-unreachable", "icmp type { echo-request, echo-reply }",
                              "icmp type destination-unreachable icmp code frag-needed", "icmp code 0"))  # fmt: skip
    if side == 8:
        return "tcp flags & (syn | rst) == syn"
    if side == 9 and hook == "prerouting":
        return "iifname . ip saddr @bound"
    if hook == "prerouting":
        return f"ip saddr {network(random)}"
    if side == 9:
        state = random.choice(STATES)
        return f"ct state {{ {state} }}" if "," in state else f"ct state {no}{state}"
    if side == 10:
        return f"ct direction {random.choice(('original', 'reply'))}"
    if side == 11:
        port = f"meta l4proto tcp ct original proto-dst {random.choice(PORTS)}"
        return random.choice((f"ct original ip daddr {network(random)}", port))
    return random.choice((
        "ct direction original ip saddr . ip daddr . meta l4proto . th dport @flows",
        "ct state established ct direction reply ip daddr . ip saddr . meta l4proto . th sport @flows",
    ))  # fmt: skip


def rule(random: Random, hook: str, verdicts: tuple[str, ...]) -> str:
    """One rule; most have a counter, as ours do."""
    while True:  # nft refuses two protocols in one rule
        matches = " ".join(one_match(random, hook) for _ in range(random.choice((1, 1, 2, 3))))
        if len(set(re.findall(r"\b(?:tcp|udp|icmp)\b", matches))) < 2 and "l4proto !=" not in matches[1:]:
            break
    return f"{matches} {random.choice(('', '', 'counter '))}{random.choice(verdicts)}"


def disjoint(random: Random, count: int) -> list[str]:
    """Elements of a concatenation that do not overlap."""
    found: dict[tuple[str, str, str, int], None] = {}
    for _ in range(count):
        found[f"10.9.{random.randrange(3)}.{random.choice((0, 16, 128))}/28",
              f"10.9.{random.randrange(3)}.{random.choice((0, 16, 128))}/28",
              random.choice(("tcp", "udp")), random.choice(PORTS)] = None  # fmt: skip
    return [" . ".join(map(str, element)) for element in found]


def rules(random: Random) -> str:
    """A whole rule set: every hook that ours has, a chain that is jumped to, sets, translation."""
    terminal = ("accept", "accept", "drop")
    lines: dict[str, list[str]] = {}
    for name, hook in (("antispoof", "prerouting"), ("forward", "forward"), ("input", "input"), ("output", "output")):
        jumps = ("jump more", "goto more") if hook == "forward" and random.random() < 0.4 else ()
        lines[name] = [rule(random, hook, (*terminal, *jumps)) for _ in range(random.randrange(2, 7))]
    lines["more"] = [rule(random, "forward", ("accept", "drop", "return")) for _ in range(3)]
    lines["listeners"] = [
        f'iifname "{random.choice(LINKS)}" ip daddr {random.choice((who(random), f"10.9.{random.randrange(3)}.1"))} '
        f"tcp dport {random.choice(PORTS)} dnat ip to {who(random)}:{random.choice(PORTS)}"
        for _ in range(random.randrange(3))
    ]
    policy = {name: random.choice(("accept", "drop", "drop")) for name in lines}
    policy["antispoof"] = random.choice(("accept", "accept", "drop"))
    some = sorted({f"10.9.{random.randrange(3)}.{random.choice((0, 16, 128))}/28" for _ in range(3)})
    bound = sorted({f'"{link}" . 10.9.{random.randrange(3)}.0/25' for link in LINKS for _ in range(2)})
    flows = disjoint(random, 6)
    priorities = {"antispoof": ("prerouting", "raw"), "forward": ("forward", "filter"), "input": ("input", "filter"),
                  "output": ("output", "filter")}  # fmt: skip
    text = ["table inet t", "delete table inet t", "table inet t {"]
    text += ["set some {", "type ipv4_addr", "flags interval", f"elements = {{ {', '.join(some)} }}", "}"]
    text += ["set bound {", "typeof iifname . ip saddr", "flags interval", "elements = {",
             *(f"{element}," for element in bound), "}", "}"]  # fmt: skip
    text += ["set flows {", "type ipv4_addr . ipv4_addr . inet_proto . inet_service", "flags interval", "elements = {",
             *(f"{element}," for element in flows), "}", "}"]  # fmt: skip
    text += ["chain more {", *lines["more"], "}"]
    text += ["chain listeners {", "type nat hook prerouting priority dstnat; policy accept;", *lines["listeners"], "}"]
    for name, (hook, priority) in priorities.items():
        text += [f"chain {name} {{", f"type filter hook {hook} priority {priority}; policy {policy[name]};"]
        # A policy of drop alone would be unknown: while rules are swapped it lapses.
        text += [*lines[name], *(["drop"] if policy[name] == "drop" or random.random() < 0.2 else []), "}"]
    return "\n".join([*text, "}"]) + "\n"


def router(text: str) -> HostForwarding:
    """The normal form of the router with a rule set."""
    names = Names(("lo", *LINKS))
    tables = ruleset(text, names)
    prefixes = special()
    for number, link in enumerate(LINKS):
        low, high = address(f"10.9.{number}.0/24", 4)
        prefixes += [Prefix(4, (end, end), "local", text="own", rank=0) for end in (low, low + 1, high)]
        prefixes.append(Prefix(4, (low, high), "forward", (link,), text=f"10.9.{number}.0/24 dev {link}"))
    links = {"lo": Link("lo", "loopback"), **{name: Link(name, "outside") for name in LINKS}}
    unknown = tuple(unmodelled("router", tables))
    return HostForwarding("router", tuple(names.all), links, tables,
                          (*partition(4, prefixes), *partition(6, prefixes)), unknown)  # fmt: skip


def packet(random: Random, port: int, protocol: int = 0) -> Packet:
    """A packet of any kind; ``port`` is one that no other packet has."""
    protocol = protocol or random.choice((TCP, TCP, UDP, UDP, ICMP))
    source, entry = somebody(random)
    destination = random.choice((somebody(random)[0], int(IPv4Address(f"10.9.{random.randrange(3)}.1"))))
    service = random.choice(PORTS)
    if protocol == ICMP:
        return Packet(4, source, destination, ICMP, 8 << 8, 0, entry)
    ct = random.choice((Ct.NEW, Ct.NEW, Ct.ESTABLISHED, Ct.ESTABLISHED_REPLY, Ct.INVALID))
    if ct is Ct.INVALID and protocol != TCP:
        ct = Ct.NEW
    if ct is Ct.ESTABLISHED_REPLY:
        return Packet(4, source, destination, protocol, service, port, entry, ct, source, service, tcp_flags=16)
    flags = 2 if ct is Ct.NEW else 16
    to, at = (destination, service) if ct is Ct.ESTABLISHED else (None, None)
    return Packet(4, source, destination, protocol, port, service, entry, ct, to, at, tcp_flags=flags)


def somebody(random: Random) -> tuple[int, str]:
    """Who sends, and by which link it comes in; one in five lies about who it is."""
    network_ = random.randrange(3)
    link = LINKS[network_] if random.random() < 0.8 else random.choice(LINKS)
    return int(IPv4Address(f"10.9.{network_}.{random.choice(HOSTS)}")), link
