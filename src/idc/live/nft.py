"""nft's JSON listing in a form in which two rule sets can be compared by meaning. Pure.

Handles, counters' values and the elements of dynamic sets are the kernel's own and say nothing of what was asked for.
The order of rules counts, the order of a set's elements does not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

_KERNELS_OWN: Final = frozenset({"handle", "index", "packets", "bytes", "expires", "used"})


@dataclass(frozen=True)
class NftSet:
    """A set or map with its elements as canonical JSON."""

    definition: str
    elements: frozenset[str]
    dynamic: bool


@dataclass(frozen=True)
class Chain:
    """A chain with its rules as canonical JSON, in order."""

    definition: str
    rules: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """One table."""

    chains: Mapping[str, Chain]
    sets: Mapping[str, NftSet]
    others: frozenset[str]  # counters, flowtables, helpers …


@dataclass(frozen=True)
class Ruleset:
    """All tables, by "family name"."""

    tables: Mapping[str, Table]

    @property
    def rule_count(self) -> int:
        """Number of rules."""
        return sum(len(chain.rules) for table in self.tables.values() for chain in table.chains.values())

    @property
    def element_count(self) -> int:
        """Number of elements of sets and maps that are not dynamic."""
        return sum(len(s.elements) for table in self.tables.values() for s in table.sets.values() if not s.dynamic)


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _clean(inner) for key, inner in value.items() if key not in _KERNELS_OWN}
    if isinstance(value, list):
        return [_clean(inner) for inner in value]
    return value


def _canonical(value: Any) -> str:
    return json.dumps(_clean(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def parse(text: str) -> Ruleset:
    """``nft -j list ruleset`` as tables. Raises ValueError for what is no such listing."""
    chains: dict[str, dict[str, tuple[str, list[str]]]] = {}
    sets: dict[str, dict[str, NftSet]] = {}
    others: dict[str, set[str]] = {}
    for entry in json.loads(text)["nftables"]:
        (kind, body), *_ = entry.items()
        if kind == "metainfo":
            continue
        if kind == "table":
            place = f"{body['family']} {body['name']}"
            chains.setdefault(place, {})
            sets.setdefault(place, {})
            others.setdefault(place, set())
            if flags := body.get("flags"):
                others[place].add(_canonical({"flags": flags}))
            continue
        place = f"{body['family']} {body['table']}"
        plain = {key: inner for key, inner in body.items() if key not in ("family", "table")}
        if kind == "chain":
            chains[place][body["name"]] = (_canonical(plain), [])
        elif kind == "rule":
            plain.pop("chain")
            chains[place][body["chain"]][1].append(_canonical(plain))
        elif kind in ("set", "map"):
            elements = plain.pop("elem", [])
            # nft 1.0.6 does not print the flag "dynamic" as JSON; only sets that packets fill have a size.
            dynamic = bool({"dynamic", "timeout"} & set(_flags(body))) or "size" in body
            kept = frozenset() if dynamic else frozenset(_canonical(element) for element in elements)
            sets[place][body["name"]] = NftSet(_canonical(plain), kept, dynamic)
        else:
            others[place].add(_canonical({kind: plain}))
    return Ruleset(
        {
            place: Table(
                {name: Chain(definition, tuple(rules)) for name, (definition, rules) in chains[place].items()},
                sets[place],
                frozenset(others[place]),
            )
            for place in chains
        }
    )


def _flags(body: Mapping[str, Any]) -> list[str]:
    flags = body.get("flags", [])
    return [flags] if isinstance(flags, str) else list(flags)


def differences(found: Ruleset, expected: Ruleset) -> Iterator[str]:
    """What is there and should not be, or is missing, each in words with its place. Nothing when they mean the same."""
    for place in sorted(found.tables.keys() - expected.tables.keys()):
        table = found.tables[place]
        hooks = [name for name, chain in table.chains.items() if '"hook"' in chain.definition]
        yield f"table {place} is nobody's: {len(table.chains)} chains, hooked: {', '.join(sorted(hooks)) or 'none'}"
    for place in sorted(expected.tables.keys() - found.tables.keys()):
        yield f"table {place} is missing"
    for place in sorted(expected.tables.keys() & found.tables.keys()):
        one, other = found.tables[place], expected.tables[place]
        for name in sorted(one.chains.keys() | other.chains.keys()):
            yield from _chain(f"{place}, chain {name}", one.chains.get(name), other.chains.get(name))
        for name in sorted(one.sets.keys() | other.sets.keys()):
            yield from _set(f"{place}, set {name}", one.sets.get(name), other.sets.get(name))
        for extra in sorted(one.others - other.others):
            yield f"{place}: {extra} is nobody's"
        for extra in sorted(other.others - one.others):
            yield f"{place}: {extra} is missing"


def _chain(place: str, one: Chain | None, other: Chain | None) -> Iterator[str]:
    if one is None or other is None:
        yield f"{place} {'is missing' if one is None else 'is nobody’s'}"
        return
    if one.definition != other.definition:
        yield f"{place} is {one.definition}, planned {other.definition}"
    if one.rules == other.rules:
        return
    extra = [rule for rule in one.rules if rule not in other.rules]
    missing = [rule for rule in other.rules if rule not in one.rules]
    for rule in extra:
        yield f"{place}: rule {one.rules.index(rule) + 1} is nobody's: {rule}"
    for rule in missing:
        yield f"{place}: rule {other.rules.index(rule) + 1} is missing: {rule}"
    if not extra and not missing:
        yield f"{place}: its rules stand in another order, or more than once"


def _set(place: str, one: NftSet | None, other: NftSet | None) -> Iterator[str]:
    if one is None or other is None:
        yield f"{place} {'is missing' if one is None else 'is nobody’s'}"
        return
    if one.definition != other.definition:
        yield f"{place} is {one.definition}, planned {other.definition}"
    for words, elements in (
        ("is nobody's", one.elements - other.elements),
        ("is missing", other.elements - one.elements),
    ):
        for element in sorted(elements)[:20]:
            yield f"{place}: element {element} {words}"
        if len(elements) > 20:
            yield f"{place}: {len(elements) - 20} more elements, each {words}"
