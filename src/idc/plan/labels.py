"""Labels of everything that is made on an engine: what it belongs to, and the hash of what was planned.

They are what makes the Pulumi state a cache that can be built again, and what tells drift and leftovers apart.
"""

from __future__ import annotations

from typing import Any

from idc.plan.codec import digest
from idc.plan.types import Plan

Entry = dict[str, Any]


def label(plan: Plan, stack: str, resource: str, entry: Entry, **more: str) -> Entry:
    """The entry with its labels; its digest is over all the rest of it."""
    labels = {
        "idc.centre": plan.id,
        "idc.stack": stack,
        "idc.resource": resource,
        "idc.digest": more.pop("digest", "") or digest(entry)[:16],
        **{f"idc.{key}": value for key, value in more.items() if value},
    }
    return {**entry, "labels": dict(sorted(labels.items()))}
