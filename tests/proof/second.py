"""A second opinion that shares no code with the proof: from the raw text of a rule set to a formula for z3.

It reads only what ``dice`` writes, in its own way: by splitting words, with bit-vectors instead of intervals.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import z3

PROTOCOL = {"icmp": 1, "tcp": 6, "udp": 17}
LINK = {"n0": 1, "n1": 2, "n2": 3}
ICMP_TYPE = {"destination-unreachable": 3, "echo-request": 8, "echo-reply": 0}
NEW, ESTABLISHED, RELATED, INVALID, UNTRACKED = range(5)
STATE = {"new": NEW, "established": ESTABLISHED, "related": RELATED, "invalid": INVALID, "untracked": UNTRACKED}


@dataclass
class Unknowns:
    """The parts of one packet, as unknowns."""

    iif: Any = field(default_factory=lambda: z3.BitVec("iif", 8))
    oif: Any = field(default_factory=lambda: z3.BitVec("oif", 8))
    saddr: Any = field(default_factory=lambda: z3.BitVec("saddr", 32))
    daddr: Any = field(default_factory=lambda: z3.BitVec("daddr", 32))
    proto: Any = field(default_factory=lambda: z3.BitVec("proto", 8))
    sport: Any = field(default_factory=lambda: z3.BitVec("sport", 16))
    dport: Any = field(default_factory=lambda: z3.BitVec("dport", 16))
    state: Any = field(default_factory=lambda: z3.BitVec("state", 8))
    reply: Any = field(default_factory=lambda: z3.Bool("reply"))
    began: Any = field(default_factory=lambda: z3.BitVec("began", 32))
    began_port: Any = field(default_factory=lambda: z3.BitVec("began_port", 16))
    flags: Any = field(default_factory=lambda: z3.BitVec("flags", 8))

    @property
    def tracked(self) -> Any:
        """It belongs to a connection."""
        return z3.ULE(self.state, RELATED)

    @property
    def possible(self) -> Any:
        """What a packet can be at all: what begins a connection is no reply to it, and there are three links."""
        return z3.And(z3.ULE(self.state, UNTRACKED), z3.Implies(self.state == NEW, z3.Not(self.reply)),
                      z3.Implies(z3.Not(self.tracked), z3.Not(self.reply)),
                      z3.ULE(self.iif, 3), z3.ULE(self.oif, 3))  # fmt: skip


def dotted(text: str) -> tuple[int, int]:
    """Number and mask of ``10.9.0.0/24``."""
    base, _, length = text.partition("/")
    number = 0
    for part in base.split("."):
        number = number * 256 + int(part)
    bits = int(length or 32)
    return number, 0xFFFFFFFF ^ ((1 << (32 - bits)) - 1)


def in_network(variable: Any, text: str) -> Any:
    """Whether an address is in a network, by its mask."""
    number, mask = dotted(text)
    return variable & mask == number


def port(variable: Any, text: str) -> Any:
    """A port, or several between braces, or a range."""
    choices = []
    for part in text.strip("{ }").split(","):
        low, _, high = part.strip().partition("-")
        choices.append(z3.And(z3.UGE(variable, int(low)), z3.ULE(variable, int(high or low))))
    return z3.Or(choices)


class Opinion:
    """A rule set as text, read again."""

    def __init__(self, text: str) -> None:
        self.chains: dict[str, list[str]] = {}
        self.policy: dict[str, bool] = {}
        self.sets: dict[str, list[list[str]]] = {}
        for name, body in re.findall(r"chain (\w+) \{\n(.*?)\n\}", text, re.DOTALL):
            lines = body.split("\n")
            if lines[0].startswith("type "):
                self.policy[name] = lines.pop(0).endswith("policy accept;")
            self.chains[name] = [line for line in lines if line]
        for name, body in re.findall(r"set (\w+) \{(.*?)\n\}", text, re.DOTALL):
            inner = re.search(r"elements = \{(.*)", body, re.DOTALL)
            assert inner
            elements = inner[1].replace("}", "").replace("\n", " ").split(",")
            self.sets[name] = [[p.strip().strip('"') for p in e.split(" . ")] for e in elements if e.strip()]

    def accepts(self, chain: str, packet: Unknowns) -> Any:
        """Whether a base chain accepts a packet."""
        accepted, _ = self._run(chain, packet, z3.BoolVal(self.policy[chain]), z3.BoolVal(self.policy[chain]))
        return accepted

    def _run(self, chain: str, packet: Unknowns, end: Any, policy: Any) -> tuple[Any, None]:
        """From the last rule to the first: what a packet gets that comes to a rule."""
        found = end
        for line in reversed(self.chains[chain]):
            words = line.replace("counter ", "")
            target = re.search(r"(?:^| )(accept|drop|return|jump more|goto more)$", words)
            assert target, line
            condition = self.matches(words[: target.start()], packet)
            verdict = {"accept": z3.BoolVal(True), "drop": z3.BoolVal(False), "return": end}.get(target[1])
            if target[1] == "jump more":
                verdict, _ = self._run("more", packet, found, policy)
            elif target[1] == "goto more":
                verdict, _ = self._run("more", packet, policy, policy)
            found = z3.If(condition, verdict, found)
        return found, None

    def matches(self, text: str, packet: Unknowns) -> Any:
        """All conditions of a rule."""
        rest = text.strip()
        found = []
        while rest:
            for pattern, make in PATTERNS:
                if matched := re.match(pattern + r"(?: |$)", rest):
                    found.append(make(self, packet, matched))
                    rest = rest[matched.end() :]
                    break
            else:
                raise AssertionError(f"no opinion on {rest!r}")
        return z3.And(found)


def _not(matched: re.Match[str], condition: Any) -> Any:
    return z3.Not(condition) if matched.group("no") else condition


def _link(opinion: Opinion, packet: Unknowns, matched: re.Match[str]) -> Any:
    variable = packet.iif if matched["way"] == "i" else packet.oif
    names = re.findall(r'"(\w+)"', matched["names"])
    return _not(matched, z3.Or([variable == LINK[name] for name in names]))


def _address(opinion: Opinion, packet: Unknowns, matched: re.Match[str]) -> Any:
    variable = packet.saddr if matched["way"] == "s" else packet.daddr
    text = matched["value"]
    networks = [e[0] for e in opinion.sets[text[1:]]] if text.startswith("@") else [text]
    return _not(matched, z3.Or([in_network(variable, network) for network in networks]))


def _port(opinion: Opinion, packet: Unknowns, matched: re.Match[str]) -> Any:
    condition = _not(matched, port(packet.sport if matched["way"] == "s" else packet.dport, matched["value"]))
    kind = matched["kind"]
    return condition if kind == "th" else z3.And(packet.proto == PROTOCOL[kind], condition)


def _state(opinion: Opinion, packet: Unknowns, matched: re.Match[str]) -> Any:
    names = [name.strip() for name in matched["value"].strip("{ }").split(",")]
    return _not(matched, z3.Or([packet.state == STATE[name] for name in names]))


def _icmp(opinion: Opinion, packet: Unknowns, matched: re.Match[str]) -> Any:
    high, low = z3.Extract(15, 8, packet.sport), z3.Extract(7, 0, packet.sport)
    names = [name.strip() for name in matched["value"].strip("{ }").split(",")]
    if matched["what"] == "type":
        inner = z3.Or([high == ICMP_TYPE[name] for name in names])
    else:
        inner = z3.Or([low == {"frag-needed": 4, "0": 0}[name] for name in names])
    return z3.And(packet.proto == 1, inner)


def _flows(opinion: Opinion, packet: Unknowns, matched: re.Match[str]) -> Any:
    ends = [packet.saddr, packet.daddr] if matched["first"] == "s" else [packet.daddr, packet.saddr]
    service = packet.dport if matched["port"] == "d" else packet.sport
    return z3.Or([
        z3.And(in_network(ends[0], e[0]), in_network(ends[1], e[1]), packet.proto == PROTOCOL[e[2]],
               service == int(e[3])) for e in opinion.sets["flows"]
    ])  # fmt: skip


NO = r"(?P<no>!= )?"
PATTERNS: list[tuple[str, Any]] = [
    (rf'(?P<way>[io])ifname {NO}(?P<names>"\w+"|\{{[^}}]*\}})', _link),
    (r"ip (?P<first>[sd])addr \. ip [sd]addr \. meta l4proto \. th (?P<port>[sd])port @flows", _flows),
    (rf"ip (?P<way>[sd])addr {NO}(?P<value>\S+)", _address),
    (rf"(?P<kind>tcp|udp|th) (?P<way>[sd])port {NO}(?P<value>\d+|\{{[^}}]*\}})", _port),
    (rf"meta l4proto {NO}(?P<value>\w+)", lambda _o, p, m: _not(m, p.proto == PROTOCOL[m["value"]])),
    (r"icmp (?P<what>type|code) (?P<value>[\w-]+|\{[^}]*\})", _icmp),
    (r"tcp flags & \(syn \| rst\) == syn", lambda _o, p, _m: z3.And(p.proto == 6, p.flags & 6 == 2)),
    (rf"ct state {NO}(?P<value>\w+|\{{[^}}]*\}})", _state),
    (r"ct direction original", lambda _o, p, _m: z3.And(p.tracked, z3.Not(p.reply))),
    (r"ct direction reply", lambda _o, p, _m: z3.And(p.tracked, p.reply)),
    (r"ct original ip daddr (?P<value>\S+)", lambda _o, p, m: z3.And(p.tracked, in_network(p.began, m["value"]))),
    (r"ct original proto-dst (?P<value>\d+)", lambda _o, p, m: z3.And(p.tracked, p.began_port == int(m["value"]))),
]
