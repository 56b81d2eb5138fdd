"""Rule sets as templates/nftables/host.nft.j2 writes them, read back word by word: just its grammar, and strictly.

Reading the text, and not the data that it was made of, is what makes the proof one of the template too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, cast

from idc.proof.forwarding import Chain, Hook, Match, Rule, Table, Verdict
from idc.proof.matching import (
    TCP_FLAGS,
    Names,
    StrangeError,
    address,
    conditions,
    flags_match,
    selector,
    values,
)  # fmt: skip
from idc.proof.sets import NamedSet, type_of

_WORD: Final = re.compile(r'"[^"]*"|[{}();,|&]|!=|==|[^\s{}();,|&"=!]+')
_PRIORITIES: Final = {"raw": -300, "mangle": -150, "dstnat": -100, "filter": 0, "security": 50, "srcnat": 100}
_BASE: Final = re.compile(r"type (filter|nat) hook (\w+) priority (-?\w+); policy (accept|drop);")
_HOOKS: Final = ("prerouting", "input", "forward", "output", "postrouting")
_CONNTRACK: Final = -200  # priority at which a packet gets its connection
_RATE: Final = re.compile(r"limit rate \d+/\w+ burst \d+ packets$")
_SELECTOR_WORDS: Final = {
    "iifname": 1, "oifname": 1, "ip": 2, "ip6": 2, "meta": 2, "th": 2, "tcp": 2, "udp": 2, "icmp": 2, "icmpv6": 2,
}  # fmt: skip


@dataclass
class Words:
    """The words of one line, taken from the left."""

    words: list[str]
    at: int = 0

    def peek(self, ahead: int = 0) -> str:
        """A word ahead, or nothing at the end."""
        return self.words[self.at + ahead] if self.at + ahead < len(self.words) else ""

    def take(self) -> str:
        """The next word. Raises StrangeError at the end."""
        if self.at >= len(self.words):
            raise StrangeError("the line ends too early")
        self.at += 1
        return self.words[self.at - 1]

    def expect(self, *expected: str) -> None:
        """These words and no others."""
        for word in expected:
            if (found := self.take()) != word:
                raise StrangeError(f"{found!r} where {word!r} belongs")


@dataclass
class _RuleReader:
    """One line of a chain."""

    names: Names
    sets: dict[str, NamedSet]
    matches: list[Match] = field(default_factory=list)
    verdict: Verdict | None = None
    sometimes: Literal["", "rate", "count"] = ""
    selectors: set[str] = field(default_factory=set)

    def read(self, words: Words) -> None:
        """The whole line. Raises StrangeError."""
        while words.peek():
            if self.verdict is not None:
                raise StrangeError(f"{words.peek()!r} after the verdict")
            self._statement(words)

    def _statement(self, words: Words) -> None:
        word = words.peek()
        if word in ("accept", "drop", "return"):
            words.take()
            self.verdict = Verdict(cast('Literal["accept", "drop", "return"]', word))
        elif word in ("jump", "goto"):
            words.take()
            self.verdict = Verdict(cast('Literal["jump", "goto"]', word), words.take())
        elif word == "dnat":
            self._dnat(words)
        elif word == "counter":
            words.take()
            if words.peek() == "name":
                words.take(), words.take()
        elif word == "log":
            words.expect("log", "prefix")
            words.take()
        elif word == "limit":
            words.expect("limit", "rate")
            words.take()
            if words.peek() == "burst":
                words.expect("burst")
                words.take()
                words.expect("packets")
            self.sometimes = "rate"
        elif word == "add":
            self._add(words)
        elif word == "meta" and words.peek(1) == "priority":
            self._priority(words)
        elif word == "tcp" and words.peek(1) == "option":
            words.expect("tcp", "option", "maxseg", "size", "set")
            int(words.take())
        elif word == "tcp" and words.peek(1) == "flags":
            self._flags(words)
        else:
            self._match(words)

    def _dnat(self, words: Words) -> None:
        words.expect("dnat")
        kind = words.take()
        words.expect("to")
        target = words.take()
        if kind not in ("ip", "ip6"):
            raise StrangeError(f"dnat {kind}")
        text, _, port = target.rpartition(":")
        (low, high) = address(text.strip("[]"), 4 if kind == "ip" else 6)
        if low != high:
            raise StrangeError(f"translation to {target}")
        self.verdict = Verdict("dnat", address=low, port=int(port))

    def _add(self, words: Words) -> None:
        """``add @sources6 { ip6 saddr & ffff:: ct count over 9 }``: matches when a source has too many connections."""
        words.expect("add")
        name = words.take()
        words.expect("{")
        keys = self._selectors(words)
        if words.peek() == "&":  # counted by network
            words.expect("&")
            values([selector(key) for key in keys], [[words.take()]], self.names)
        words.expect("ct", "count", "over")
        int(words.take())
        words.expect("}")
        target = self.sets.get(name.removeprefix("@"))
        if target is None or not target.dynamic or target.types != tuple(map(type_of, keys)):
            raise StrangeError(f"add {name}")
        # It is a match of the family, since other packets have no such address.
        for key in keys:
            self.matches.extend(_anything(key, self.names))
        self.sometimes = "count"

    def _priority(self, words: Words) -> None:
        """``meta priority set ip saddr map @classes``: the class of bandwidth; decides nothing here."""
        words.expect("meta", "priority", "set")
        keys = self._selectors(words)
        words.expect("map")
        name = words.take()
        target = self.sets.get(name.removeprefix("@"))
        if target is None or target.types != tuple(map(type_of, keys)):
            raise StrangeError(f"map {name}")

    def _flags(self, words: Words) -> None:
        words.expect("tcp", "flags", "&", "(")
        mask, word = 0, "|"
        while word == "|":
            mask |= _flag(words.take())
            word = words.take()
        if word != ")":
            raise StrangeError(f"{word!r} among flags")
        words.expect("==")
        self.matches.extend(flags_match(mask, _flag(words.take())))

    def _selectors(self, words: Words) -> list[str]:
        found = [self._selector(words)]
        while words.peek() == ".":
            words.take()
            found.append(self._selector(words))
        return found

    def _selector(self, words: Words) -> str:
        word = words.take()
        if word == "ct":
            parts = ["ct", words.take()]
            if parts[1] == "original":
                parts.append(words.take())
                if parts[2] in ("ip", "ip6"):
                    parts.append(words.take())
            name = " ".join(parts)
        else:
            name = " ".join([word, *(words.take() for _ in range(_SELECTOR_WORDS.get(word, 1) - 1))])
        selector(name)
        self.selectors.add(name)
        return name

    def _match(self, words: Words) -> None:
        keys = self._selectors(words)
        negated = words.peek() == "!="
        if words.peek() in ("!=", "=="):
            words.take()
        if words.peek().startswith("@"):
            name = words.take()[1:]
            if name not in self.sets:
                raise StrangeError(f"there is no set {name}")
            self.matches.extend(self.sets[name].lookup(keys, negated=negated))
            return
        chosen = [selector(key) for key in keys]
        found = values(chosen, list(_elements(words, len(keys))), self.names)
        self.matches.extend(conditions(chosen, found, negated=negated))


def _anything(name: str, names: Names) -> Sequence[Match]:
    chosen = selector(name)
    text = {4: "0.0.0.0/0", 6: "::/0"}.get(chosen.family or 0)
    return conditions([chosen], values([chosen], [[text]], names)) if text else ()


def _flag(word: str) -> int:
    if word not in TCP_FLAGS:
        raise StrangeError(f"TCP flag {word!r}")
    return TCP_FLAGS[word]


def _elements(words: Words, width: int) -> Iterator[list[str]]:
    """One value, or several between braces; a value of a concatenation has points between its parts."""
    several = words.peek() == "{"
    if several:
        words.take()
    while True:
        element = [words.take().strip('"')]
        for _ in range(width - 1):
            words.expect(".")
            element.append(words.take().strip('"'))
        yield element
        if not several:
            return
        word = words.take()
        if word == "}":
            return
        if word != ",":
            raise StrangeError(f"{word!r} in a set")
        if words.peek() == "}":
            words.take()
            return


def rule(text: str, names: Names, sets: dict[str, NamedSet], hook: Hook | None, priority: int) -> Rule:
    """One rule; what is not understood of it is noted in it."""
    reader = _RuleReader(names, sets)
    try:
        found = _WORD.findall(text)
        if "".join(found) != re.sub(r"\s+", "", text) and not any('"' in word for word in found):
            raise StrangeError(f"characters in {text!r}")
        reader.read(Words(found))
        check_place(reader.selectors, reader.verdict, hook, priority)
    except (StrangeError, ValueError) as error:
        return Rule(text, (), None, "", str(error) or type(error).__name__)
    return Rule(text, tuple(reader.matches), reader.verdict, reader.sometimes)


def check_place(selectors: set[str], verdict: Verdict | None, hook: Hook | None, priority: int) -> None:
    """Refuse what means something else, or nothing, at this hook. Raises StrangeError."""
    if hook in ("prerouting", "input") and "oifname" in selectors:
        raise StrangeError(f"no outgoing interface is known in {hook}")
    if hook == "output" and "iifname" in selectors:
        raise StrangeError("what the host sends has no incoming interface")
    if hook in ("prerouting", "output") and priority <= _CONNTRACK and any(n.startswith("ct ") for n in selectors):
        raise StrangeError("no connection is known yet at this priority")
    if verdict is not None and verdict.kind == "dnat" and hook != "prerouting":
        raise StrangeError(f"translation in {hook or 'a chain without a hook'}")


@dataclass
class _SetReader:
    types: list[str] = field(default_factory=list)
    elements: list[list[str]] = field(default_factory=list)
    dynamic: bool = False


def ruleset(text: str, names: Names) -> tuple[Table, ...]:
    """The tables of a rendered rule set. Raises StrangeError with the line for what is no line of the template."""
    lines = [line.strip() for line in text.splitlines()]
    at = 0
    tables: dict[str, Table] = {}
    while at < len(lines):
        line = lines[at]
        at += 1
        if not line or line.startswith("#") or re.fullmatch(r"(delete )?table inet \w+", line):
            continue
        opened = re.fullmatch(r"table (inet) (\w+) \{", line)
        if opened is None:
            raise StrangeError(f"line {at}: {line!r}")
        chains, at = _table(lines, at, names)
        tables[opened[2]] = Table("inet", opened[2], chains)
    return tuple(tables.values())


def _table(lines: list[str], at: int, names: Names) -> tuple[dict[str, Chain], int]:
    sets: dict[str, NamedSet] = {}
    chains: dict[str, Chain] = {}
    while True:
        if at >= len(lines):
            raise StrangeError("a table does not end")
        line = lines[at]
        at += 1
        if line == "}":
            return chains, at
        if not line or line.startswith("#") or re.fullmatch(r"counter \w+ \{\}", line):
            continue
        if opened := re.fullmatch(r"(set|map) (\w+) \{", line):
            sets[opened[2]], at = _set(opened[2], lines, at, names)
        elif opened := re.fullmatch(r"chain (\w+) \{", line):
            chains[opened[1]], at = _chain(opened[1], lines, at, names, sets)
        else:
            raise StrangeError(f"line {at}: {line!r}")


def _set(name: str, lines: list[str], at: int, names: Names) -> tuple[NamedSet, int]:
    found = _SetReader()
    while True:
        line = lines[at]
        at += 1
        if line == "}":
            return _finish(name, found, names), at
        if line.startswith(("type ", "typeof ")):
            kind, _, rest = line.partition(" ")
            types = [part.strip() for part in rest.partition(" : ")[0].split(" . ")]
            found.types = [type_of(part) for part in types] if kind == "typeof" else types
        elif line == "elements = {":
            while (line := lines[at]) != "}":
                found.elements.append([part.strip('"') for part in line.rstrip(",").partition(" : ")[0].split(" . ")])
                at += 1
            at += 1
        elif line.startswith("elements = { ") and line.endswith(" }"):
            found.elements += [[part.strip('"') for part in e.split(" . ")] for e in line[13:-2].split(", ")]
        elif line in ("flags interval", "flags dynamic") or re.fullmatch(r"size \d+", line):
            found.dynamic |= line == "flags dynamic"
        else:
            raise StrangeError(f"line {at}: {line!r} in set {name}")


def _finish(name: str, found: _SetReader, names: Names) -> NamedSet:
    made = NamedSet.of(name, found.types, found.elements, names)
    return NamedSet(name, made.types, made.low, made.high, dynamic=True) if found.dynamic else made


def _chain(name: str, lines: list[str], at: int, names: Names, sets: dict[str, NamedSet]) -> tuple[Chain, int]:
    base = _BASE.fullmatch(lines[at])
    hook: Hook | None = None
    priority = 0
    if base:
        at += 1
        if base[2] not in _HOOKS:
            raise StrangeError(f"hook {base[2]}")
        hook = cast("Hook", base[2])
        priority = _PRIORITIES[base[3]] if base[3] in _PRIORITIES else int(base[3])
    rules: list[Rule] = []
    while (line := lines[at]) != "}":
        at += 1
        if line and not line.startswith("#"):
            rules.append(rule(line, names, sets, hook, priority))
    kind = cast('Literal["filter", "nat"]', base[1]) if base else "filter"
    return Chain(name, tuple(rules), hook, kind, priority, base is None or base[4] == "accept"), at + 1
