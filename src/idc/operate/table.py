"""Whether a host's packet rules are loaded: by what its kernel lists. That a unit is active says nothing of it."""

from __future__ import annotations

import json
from typing import Any, Final

from idc.plan.types import Plan
from idc.render.firewall import flow_boxes

STANDS: Final = "stands"
HOOKS: Final = frozenset({"input", "forward", "output"})


def state(plan: Plan, host: str, listing: str) -> str:
    """``stands``, or what is wrong with the table that ``nft -j list table inet idc`` has listed. Pure.

    A quick look: that every rule is the rendered one is for `idc verify`.
    """
    try:
        entries: list[dict[str, Any]] = json.loads(listing)["nftables"]
    except ValueError:  # nft 1.0.6 ends in the middle of a table that is dormant
        return "not sealed: nft cannot list it to its end, as where it is dormant"
    chains = [entry["chain"] for entry in entries if "chain" in entry]
    sealed = {chain.get("hook") for chain in chains if chain.get("policy") == "drop"}
    if not sealed >= HOOKS:
        return f"not sealed: no chain drops in {', '.join(sorted(HOOKS - sealed))}"
    ends = {entry["rule"]["chain"]: entry["rule"]["expr"][-1] for entry in entries if "rule" in entry}
    empty = sorted(chain["name"] for chain in chains if chain.get("hook") in HOOKS and chain["name"] not in ends)
    if empty:
        return f"emptied: no rule in {', '.join(empty)}"
    leaky = sorted(c["name"] for c in chains if c.get("hook") in HOOKS and "drop" not in ends[c["name"]])
    if leaky:
        return f"not sealed: no drop at the end of {', '.join(leaky)}"
    loaded = sum(len(e["set"].get("elem", ())) for e in entries if e.get("set", {}).get("name") == "flows")
    planned = len(flow_boxes(host, plan.flows))
    return STANDS if loaded == planned else f"not as applied: {loaded} elements loaded, not {planned}"
