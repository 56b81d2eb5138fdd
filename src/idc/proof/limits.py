"""What the grammar can say and the model cannot: found once for each host, so that it makes its proof unknown."""

from __future__ import annotations

from collections.abc import Iterator

from idc.proof.fields import Field
from idc.proof.forwarding import Chain, NotUnderstood, Table

_TRANSLATION = -100  # priority of dstnat: later chains see other addresses than earlier ones


def unmodelled(host: str, tables: tuple[Table, ...]) -> Iterator[NotUnderstood]:
    """Rules that were not understood, and chains in places that the model does not distinguish."""
    for table in tables:
        for chain in table.chains.values():
            where = f"{host}, {table.family} {table.name}, {chain.name}"
            for rule in chain.rules:
                if rule.unknown:
                    yield NotUnderstood(where, f"{rule.unknown}: {rule.text}")
                elif rule.verdict is not None and rule.verdict.kind in ("jump", "goto"):
                    if rule.verdict.chain not in table.chains:
                        yield NotUnderstood(where, f"there is no chain {rule.verdict.chain}")
                    elif _loops(table, chain):
                        yield NotUnderstood(where, "chains that jump in a circle")
                    elif rule.sometimes:
                        yield NotUnderstood(where, f"a jump that depends on a rate or a count: {rule.text}")
            if chain.hook is None:
                continue
            if chain.kind == "filter" and not chain.accepts and not chain.closes:
                yield NotUnderstood(
                    where, "it does not end in a drop of its own, and its policy lapses while rules are swapped"
                )
            if chain.kind == "nat" and chain.hook != "prerouting" and chain.rules:
                yield NotUnderstood(where, f"translation in {chain.hook}")
            if chain.kind == "filter" and chain.hook == "prerouting":
                if chain.priority > _TRANSLATION:
                    yield NotUnderstood(where, "a filter after the translation of addresses")
                fields = (Field.ORIG_DADDR, Field.ORIG_DPORT)
                if any(f in fields for rule in chain.rules for match in rule.matches for f in match.values.fields):
                    yield NotUnderstood(where, "the connection's own addresses before their translation")
            if chain.kind == "nat" and any(rule.sometimes for rule in chain.rules):
                yield NotUnderstood(where, "a translation that depends on a rate or a count")


def _loops(table: Table, chain: Chain, above: tuple[str, ...] = ()) -> bool:
    if chain.name in above:
        return True
    return any(
        _loops(table, table.chains[rule.verdict.chain], (*above, chain.name))
        for rule in chain.rules
        if rule.verdict is not None and rule.verdict.chain in table.chains
    )
