"""Rule sets as ``nft -j list ruleset`` shows them, put into the words of ``nfttext``, so that both mean the same.

Whatever has no such words is kept as a rule that is not understood.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, Literal, cast

from idc.live import nft
from idc.proof.forwarding import Chain, Hook, NotUnderstood, Rule, Table
from idc.proof.matching import Names, StrangeError
from idc.proof.nfttext import rule
from idc.proof.sets import NamedSet

_FAMILIES: Final = ("inet", "ip", "ip6")
_HOOKS: Final = ("prerouting", "input", "forward", "output", "postrouting")
_PLAIN: Final = ("accept", "drop", "return")


def tables(ruleset: nft.Ruleset, names: Names) -> tuple[tuple[Table, ...], list[NotUnderstood]]:
    """The tables of a live rule set, and what about them the model has no words for."""
    found: list[Table] = []
    unknown: list[NotUnderstood] = []
    for place, table in ruleset.tables.items():
        family, _, name = place.partition(" ")
        others = [other for other in sorted(table.others) if not other.startswith('{"counter"')]
        unknown += [NotUnderstood(f"table {place}", other) for other in others]
        if family not in _FAMILIES:
            if table.chains:
                unknown.append(NotUnderstood(f"table {place}", f"a table of the family {family}"))
            continue
        sets: dict[str, NamedSet] = {}
        for key, entry in table.sets.items():
            try:
                sets[key] = _set(key, entry, names)
            except (StrangeError, ValueError, KeyError, TypeError) as error:
                unknown.append(NotUnderstood(f"table {place}, set {key}", str(error)))
        chains: dict[str, Chain] = {}
        for key, shown in table.chains.items():
            try:
                chains[key] = _chain(key, shown, names, sets)
            except (StrangeError, ValueError, KeyError, TypeError) as error:
                unknown.append(NotUnderstood(f"table {place}, chain {key}", str(error)))
        found.append(Table(cast("Literal['ip', 'ip6', 'inet']", family), name, chains))
    return tuple(found), unknown


def _chain(name: str, shown: nft.Chain, names: Names, sets: dict[str, NamedSet]) -> Chain:
    definition = json.loads(shown.definition)
    hook, kind = definition.get("hook"), definition.get("type", "filter")
    if hook is not None and (hook not in _HOOKS or kind not in ("filter", "nat") or "dev" in definition):
        raise StrangeError(f"a chain of type {kind} at hook {hook}")
    priority = int(definition.get("prio", 0))
    at = cast("Hook | None", hook)
    rules = tuple(_rule(text, names, sets, at, priority) for text in shown.rules)
    accepts = definition.get("policy", "accept") == "accept"
    return Chain(name, rules, at, cast("Literal['filter', 'nat']", kind), priority, accepts)


def _rule(text: str, names: Names, sets: dict[str, NamedSet], hook: Hook | None, priority: int) -> Rule:
    try:
        words = " ".join(_statement(entry) for entry in json.loads(text)["expr"])
    except (StrangeError, ValueError, KeyError, TypeError) as error:
        return Rule(text, (), None, "", str(error) or type(error).__name__)
    return rule(words, names, sets, hook, priority)


def _set(name: str, entry: nft.NftSet, names: Names) -> NamedSet:
    definition = json.loads(entry.definition)
    types = definition["type"]
    types = [types] if isinstance(types, str) else types
    elements = [_element(json.loads(element), mapped="map" in definition) for element in sorted(entry.elements)]
    made = NamedSet.of(name, types, elements, names)
    return NamedSet(name, made.types, made.low, made.high, dynamic=entry.dynamic)


def _element(element: Any, *, mapped: bool) -> list[str]:
    if mapped:
        element = element[0]
    if isinstance(element, Mapping) and "elem" in element:
        raise StrangeError(f"element {json.dumps(element)}")
    parts = element["concat"] if isinstance(element, Mapping) and "concat" in element else [element]
    return [_value(part) for part in parts]


def _statement(entry: Mapping[str, Any]) -> str:
    """One statement of a rule in nft's own words. Raises StrangeError."""
    ((kind, body),) = entry.items()
    if kind == "match":
        return _match(body)
    if kind in _PLAIN:
        return kind
    if kind in ("jump", "goto"):
        return f"{kind} {body['target']}"
    if kind == "counter":
        return "counter"
    if kind == "log" and set(body or {}) <= {"prefix"}:
        return 'log prefix "-"'
    if kind == "limit" and not body.get("inv") and body.get("rate_unit", "packets") == "packets":
        return f"limit rate {body['rate']}/{body['per']}"
    if kind == "dnat" and set(body) <= {"family", "addr", "port"} and isinstance(body["addr"], str):
        target = f"[{body['addr']}]" if ":" in body["addr"] else body["addr"]
        return f"dnat {body['family']} to {target}:{int(body['port'])}"
    if kind == "mangle":
        return _mangle(body)
    if kind == "set" and body["op"] == "add" and len(body.get("stmt", ())) == 1:
        count = body["stmt"][0]["ct count"]
        if count.get("inv"):
            counted, mask = body["elem"].get("&", (body["elem"], ""))
            masked = f" & {_value(mask)}" if mask else ""
            return f"add {body['set']} {{ {_left(counted)}{masked} ct count over {int(count['val'])} }}"
    raise StrangeError(json.dumps(entry, sort_keys=True))


def _mangle(body: Mapping[str, Any]) -> str:
    key, value = body["key"], body["value"]
    if key == {"tcp option": {"name": "maxseg", "field": "size"}} and isinstance(value, int):
        return f"tcp option maxseg size set {value}"
    if key == {"meta": {"key": "priority"}} and isinstance(value, Mapping) and "map" in value:
        return f"meta priority set {_left(value['map']['key'])} map {value['map']['data']}"
    raise StrangeError(json.dumps({"mangle": body}, sort_keys=True))


def _match(body: Mapping[str, Any]) -> str:
    op, left, right = body["op"], body["left"], body["right"]
    if "&" in left:
        inner, mask = left["&"]
        if _left(inner) != "tcp flags" or op != "==" or not isinstance(right, str):
            raise StrangeError(json.dumps({"match": body}, sort_keys=True))
        return f"tcp flags & ({' | '.join([mask] if isinstance(mask, str) else mask)}) == {right}"
    words = {"==": "", "in": "", "!=": "!= "}.get(op)
    if words is None:
        raise StrangeError(f"operator {op}")
    name = _left(left)
    if isinstance(right, list):  # any of several flags
        if name != "ct state" or words:
            raise StrangeError(json.dumps({"match": body}, sort_keys=True))
        right = {"set": right}
    if isinstance(right, Mapping) and "set" in right:
        several = right["set"] if isinstance(right["set"], list) else [right["set"]]
        elements = [_element(part, mapped=False) for part in several]
        return f"{name} {words}{{ {', '.join(' . '.join(map(_quoted, element)) for element in elements)} }}"
    if isinstance(right, str) and right.startswith("@"):
        return f"{name} {words}{right}"
    return f"{name} {words}{' . '.join(map(_quoted, _element(right, mapped=False)))}"


def _quoted(word: str) -> str:
    """Names of links may hold anything but quotes; the others are bare words."""
    return f'"{word}"'


def _left(left: Mapping[str, Any]) -> str:
    """A selector, or several with points between them."""
    ((kind, body),) = left.items()
    if kind == "concat":
        return " . ".join(_left(part) for part in body)
    if kind == "payload" and set(body) == {"protocol", "field"}:
        return f"{body['protocol']} {body['field']}"
    if kind == "meta":
        return body["key"] if body["key"] in ("iifname", "oifname") else f"meta {body['key']}"
    if kind == "ct":
        way = f"{body['dir']} " if "dir" in body else ""
        return f"ct {way}{body['key']}"
    raise StrangeError(json.dumps(left, sort_keys=True))


def _value(value: Any) -> str:
    """A value in nft's own words."""
    if isinstance(value, bool) or value is None:
        raise StrangeError(f"value {value}")
    if isinstance(value, (str, int)):
        return str(value)
    if "prefix" in value:
        return f"{value['prefix']['addr']}/{value['prefix']['len']}"
    if "range" in value:
        low, high = value["range"]
        return f"{_value(low)}-{_value(high)}"
    raise StrangeError(f"value {json.dumps(value, sort_keys=True)}")
