"""The normal form that planned policies judge: resources as the provider gets them, whoever they come from.

From a plan they come through the shapes that the Pulumi programs use (``stacks/shapes.py``), from a preview as the
engine reports them. So the same rule judges both, and a test holds the two side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from idc.model import Declaration
    from idc.model.profiles import Profile
    from idc.plan.types import Plan

T = TypeVar("T")

CONTAINER: Final = "docker:index/container:Container"
NETWORK: Final = "docker:index/network:Network"
VOLUME: Final = "docker:index/volume:Volume"


class Unknown:
    """A value that only the engine will know. It equals nothing that a rule asks for, so that it breaks the rule."""

    def __repr__(self) -> str:
        return "unknown in a preview"


UNKNOWN: Final = Unknown()


@dataclass(frozen=True)
class Resource:
    """A resource of a stack: its Pulumi type, its logical name, its properties under the provider's own names."""

    type: str
    name: str
    stack: str  # "platform", "tenant-tax"; from the URN, never from what the resource says of itself
    props: Mapping[str, Any]

    @cached_property
    def labels(self) -> Mapping[str, str]:
        """Its labels; what is no label and value counts as none."""
        pairs = self.entries("labels")
        return {str(pair["label"]): str(pair["value"]) for pair in pairs if {"label", "value"} <= set(pair)}

    @property
    def owner(self) -> str:
        """Whose it is: ``tenant/tax/site/file``, ``service/edge``; "" where it does not say."""
        return self.labels.get("idc.owner", "")

    @property
    def tenant(self) -> str:
        """The tenant by the name of the stack; "" for the platform."""
        return self.stack.removeprefix("tenant-") if self.stack.startswith("tenant-") else ""

    @property
    def scope(self) -> str:
        """Who has to mend what is wrong with it."""
        return f"tenant/{self.tenant}" if self.tenant else "platform"

    @property
    def kind(self) -> str:
        """``container``, ``network``: its type in a word."""
        return self.type.rpartition(":")[2].lower()

    def items(self, name: str) -> list[Any]:
        """A property that is a list; what is missing is empty, what is no list is one item."""
        value = self.props.get(name)
        if value is None:
            return []
        return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]

    def entries(self, name: str) -> list[Mapping[str, Any]]:
        """A property that is a list of objects; an item that is none counts as an empty one, which no rule accepts."""
        return [item if isinstance(item, Mapping) else {} for item in self.items(name)]

    def text(self, name: str) -> str:
        """A property as words; what is missing is ""."""
        value = self.props.get(name)
        return "" if value is None else str(value)


@dataclass(frozen=True)
class View:
    """All that planned policies may look at."""

    resources: tuple[Resource, ...]
    prefix: IPv4Network | None  # of the centre; None where it is not known, and then no address is inside
    plan: Plan | None = None
    declaration: Declaration | None = None
    today: date | None = None
    profile: Profile | None = None  # the law of the plan's profile
    recipes: frozenset[str] = frozenset()  # short names of the images that idc knows how to build
    document: Mapping[str, Any] = field(default_factory=dict)  # of a centre's own policies: "plan", "files" as data

    @property
    def planned(self) -> Plan:
        """The plan. Raises LookupError where only a preview is judged: a rule that needs it has not been kept."""
        if self.plan is None:
            raise LookupError("there is no plan to look at")
        return self.plan

    @property
    def declared(self) -> Declaration:
        """The declaration. Raises LookupError where there is none."""
        if self.declaration is None:
            raise LookupError("there is no declaration to look at")
        return self.declaration

    @property
    def law(self) -> Profile:
        """The profile. Raises LookupError where it is not known."""
        if self.profile is None:
            raise LookupError("there is no profile to look at")
        return self.profile

    @property
    def day(self) -> date:
        """The day by which it is judged. Raises LookupError where none was given."""
        if self.today is None:
            raise LookupError("there is no day to judge by")
        return self.today

    @cached_property
    def _by_kind(self) -> Mapping[str, list[Resource]]:
        found: dict[str, list[Resource]] = {}
        for resource in self.resources:
            found.setdefault(resource.type, []).append(resource)
        return found

    @cached_property
    def _by_name(self) -> Mapping[tuple[str, str, str], list[Resource]]:
        found: dict[tuple[str, str, str], list[Resource]] = {}
        for resource in self.resources:
            found.setdefault((resource.type, resource.stack, resource.name), []).append(resource)
        return found

    @cached_property
    def _derived(self) -> dict[object, Any]:
        return {}

    def of(self, kind: str) -> Sequence[Resource]:
        """Resources of one type."""
        return self._by_kind.get(kind, ())

    def named(self, kind: str, stack: str, name: str) -> Sequence[Resource]:
        """Resources of one type, stack and name: one where all is well."""
        return self._by_name.get((kind, stack, name), ())

    def derive(self, make: Callable[[View], T]) -> T:
        """What a rule needs of the whole, made once and not for each resource."""
        if make not in self._derived:
            self._derived[make] = make(self)
        made: T = self._derived[make]
        return made
