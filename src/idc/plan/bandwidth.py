"""A tenant's share of each uplink it uses: guaranteed and limited to its quota by one HTB class.

The class id is the tenant's number plus an offset; the ids below it are the root's and the platform's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from idc.plan.types import Bandwidth, Reservation, Segment

FIRST_CLASS: Final = 0x10  # number 1 is class 1:11


def shares(
    reservations: Iterable[Reservation], segments: Iterable[Segment], numbers: Mapping[str, int]
) -> tuple[Bandwidth, ...]:
    """One entry a tenant and host on which it has segments, by host and tenant.

    What a host's reservations guarantee never exceeds its uplink (``capacity.check``), so that rate and limit are the
    same: nobody's idle share is another's habit.
    """
    held: dict[tuple[str, str], list[Segment]] = {}
    for segment in segments:
        if segment.tenant:
            held.setdefault((segment.tenant, segment.host), []).append(segment)
    found = []
    for entry in reservations:
        tenant = entry.owner.removeprefix("tenant/")
        mine = held.get((tenant, entry.host))
        if mine and entry.bandwidth:
            mine = sorted(mine, key=lambda segment: segment.subnet)
            found.append(
                Bandwidth(
                    tenant=tenant,
                    host=entry.host,
                    class_id=FIRST_CLASS + numbers[tenant],
                    rate=entry.bandwidth,
                    ceil=entry.bandwidth,
                    networks=tuple(segment.subnet for segment in mine),
                    bridges=tuple(segment.bridge for segment in mine),
                )
            )
    return tuple(sorted(found, key=lambda share: (share.host, share.tenant)))
