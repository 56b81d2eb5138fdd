"""Ways to spoil one thing of a good snapshot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

from idc.live.nft import Chain, Ruleset, Table
from idc.live.snapshot import Part, Snapshot

Spoil = Callable[[Snapshot], Snapshot]


def parts(**values: Any) -> Spoil:
    """Whole parts: their values, or functions from the good value to the spoiled one."""

    def spoil(snapshot: Snapshot) -> Snapshot:
        spoiled: dict[str, Any] = {
            name: Part(value(getattr(snapshot, name).value) if callable(value) else value)
            for name, value in values.items()
        }
        return replace(snapshot, **spoiled)

    return spoil


def entry(part: str, key: str, value: Any) -> Spoil:
    """One entry of a part that is a map."""
    return parts(**{part: lambda good: {**good, key: value}})


def first(kind: str, **changes: Any) -> Spoil:
    """Something about the first of the engine's containers, networks or volumes."""

    def change(engine: Any) -> Any:
        one, *others = getattr(engine, kind)
        values = {name: value(one) if callable(value) else value for name, value in changes.items()}
        return replace(engine, **{kind: (replace(one, **values), *others)})

    return parts(engine=change)


def more(kind: str, thing: Any) -> Spoil:
    """One more container, network or volume on the engine."""
    return parts(engine=lambda engine: replace(engine, **{kind: (*getattr(engine, kind), thing)}))


def less(kind: str) -> Spoil:
    """One container, network or volume less."""
    return parts(engine=lambda engine: replace(engine, **{kind: getattr(engine, kind)[1:]}))


def chain(name: str, *rules: str, definition: str = "") -> Spoil:
    """A chain of our table with more rules or another definition, in the kernel only."""

    def change(ruleset: Ruleset) -> Ruleset:
        table = ruleset.tables["inet idc"]
        old = table.chains[name]
        changed = Chain(definition or old.definition, (*old.rules, *rules))
        return Ruleset({"inet idc": Table({**table.chains, name: changed}, table.sets, table.others)})

    return parts(rules=change)


def unread(snapshot: Snapshot) -> Snapshot:
    """A host of which no part could be read."""
    names = [field.name for field in fields(snapshot) if isinstance(getattr(snapshot, field.name), Part)]
    lost: dict[str, Any] = dict.fromkeys(names, Part[Any](None, "not read"))
    return replace(snapshot, **lost)
