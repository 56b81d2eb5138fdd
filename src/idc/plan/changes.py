"""What applying a plan would do, as data: made by ``diff.compare``, read by ``show`` and by machines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

from idc.plan.capacity import Amount
from idc.plan.types import Flow, HostRule, Vhost

T = TypeVar("T")

Action = Literal["create", "change", "replace", "destroy"]
ACTIONS: tuple[Action, ...] = ("create", "change", "replace", "destroy")
Kind = Literal["lab host", "network", "volume", "container", "person"]


@dataclass(frozen=True)
class ResourceChange:
    """One thing of a Pulumi stack."""

    stack: str
    kind: Kind
    name: str
    host: str
    action: Action
    detail: str = ""  # what of it differs, and how it is done


@dataclass(frozen=True)
class SettingChange:
    """Something that roles and rendered folders change in place: a host, a listener, a tenant's bandwidth.

    ``recorded``: nothing is done for it on any host; it is written down with the plan.
    """

    what: Literal["host", "listener", "bandwidth", "tenant", "site", "flow", "service", "centre"]
    name: str
    action: Action
    detail: str = ""
    recorded: bool = False


@dataclass(frozen=True)
class Outage:
    """A site that does not answer for a while. ``seconds`` is an estimate; None: until someone opens it again."""

    site: str
    seconds: int | None
    reason: str


@dataclass(frozen=True)
class CapacityChange:
    """A host's capacity before and after. ``before`` is None for a new host."""

    host: str
    offered: Amount
    before: Amount | None
    after: Amount


@dataclass(frozen=True)
class Changes:
    """All of it. ``first`` when nothing was applied before."""

    centre: str
    first: bool
    resources: tuple[ResourceChange, ...]
    settings: tuple[SettingChange, ...]
    flows_opened: tuple[Flow, ...]
    flows_closed: tuple[Flow, ...]
    rules_opened: tuple[HostRule, ...]
    rules_closed: tuple[HostRule, ...]
    vhosts_opened: tuple[Vhost, ...]
    vhosts_closed: tuple[Vhost, ...]
    outages: tuple[Outage, ...]
    capacity: tuple[CapacityChange, ...]
    hosts: int  # in the new plan
    sites: int
    flows: int

    @property
    def empty(self) -> bool:
        """True when applying the plan changes nothing."""
        return not (
            self.resources
            or self.settings
            or self.flows_opened
            or self.flows_closed
            or self.rules_opened
            or self.rules_closed
            or self.vhosts_opened
            or self.vhosts_closed
        )

    @property
    def in_place(self) -> tuple[SettingChange, ...]:
        """Settings for which something is done on hosts."""
        return tuple(change for change in self.settings if not change.recorded)

    @property
    def recorded(self) -> tuple[SettingChange, ...]:
        """Settings that are only written down."""
        return tuple(change for change in self.settings if change.recorded)

    @property
    def outage_seconds(self) -> int:
        """The longest expected outage of a site, without those that are shut on purpose."""
        return max((outage.seconds or 0 for outage in self.outages), default=0)

    def count(self, action: Action) -> int:
        """Number of resources with an action."""
        return sum(1 for change in self.resources if change.action == action)


def actions(old: Mapping[str, T], new: Mapping[str, T], same: Callable[[T, T], bool]) -> Iterator[tuple[str, Action]]:
    """Names of what comes, goes and differs, sorted, with what is done about each."""
    for name in sorted({*old, *new}):
        if name not in old:
            yield name, "create"
        elif name not in new:
            yield name, "destroy"
        elif not same(old[name], new[name]):
            yield name, "replace"


def equal(old: object, new: object) -> bool:
    """By value."""
    return old == new


def by_stack(changes: Iterable[ResourceChange]) -> dict[str, list[ResourceChange]]:
    """Resource changes by stack, in their order."""
    found: dict[str, list[ResourceChange]] = {}
    for change in changes:
        found.setdefault(change.stack, []).append(change)
    return found
