"""Whether the outgoing containers of a stack may go: only when the edge has turned to the new ones everywhere. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from idc.plan.types import Plan


def hosts_before(plan: Plan, stack: str) -> frozenset[str]:
    """Hosts that must have taken over the new vhosts and rules before anything of a stack may go.

    Its own, and those where its sites' visitors enter; for the platform every entrance, since the edge is its own.
    """
    own = frozenset(plan.stack_by_name[stack].hosts)
    tenant = stack.removeprefix("tenant-") if plan.stack_by_name[stack].kind == "tenant" else ""
    seen = {vhost.visibility for vhost in plan.vhosts if not tenant or vhost.tenant == tenant}
    return own | {listener.host for listener in plan.listeners if listener.visibility in seen or not tenant}


def held_back(
    plan: Plan, stacks: Sequence[str], *, switched: Collection[str], opened: Collection[str], failed: Collection[str]
) -> dict[str, str]:
    """Stacks whose outgoing containers must stay, each with the reason; those that have failed themselves too.

    ``switched`` are the hosts whose folders, ``opened`` those whose rules are known to be the new plan's.
    """
    found = {}
    for stack in stacks:
        needed = hosts_before(plan, stack)
        behind = sorted(host for host in needed if host in failed or host not in switched or host not in opened)
        if stack in failed:
            found[stack] = ""  # its own words say why
        elif behind:
            found[stack] = f"its outgoing containers stay: {', '.join(behind)} did not take over the new ones"
    return found
