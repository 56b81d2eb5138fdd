"""A centre that can be spoiled, and what a way to be wrong is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from idc.plan.types import Endpoint, Plan
from idc.proof.from_plan import rendered, routed
from tests.proof import centres

Outcome = Literal["passes", "stopped", "promise", "law", "unknown"]


@dataclass
class Centre:
    """A plan with its rendered rule sets and routes, to be spoiled."""

    plan: Plan
    rules: dict[str, str] = field(default_factory=dict)
    routes: dict[str, str] = field(default_factory=dict)

    def swap(self, host: str, old: str, new: str, count: int = 1) -> None:
        """Replaces text in a rule set; it must be there."""
        assert old in self.rules[host], f"{old!r} is not in the rules of {host}"
        self.rules[host] = self.rules[host].replace(old, new, count)

    def append(self, host: str, text: str) -> None:
        """Another table."""
        self.rules[host] += text

    def insert(self, host: str, chain: str, rule: str) -> None:
        """A rule at the beginning of a base chain."""
        text = self.rules[host]
        at = text.index("\n", text.index("policy", text.index(f"chain {chain} {{"))) + 1
        self.rules[host] = f"{text[:at]}\t\t{rule}\n{text[at:]}"

    def end(self, host: str, chain: str, rule: str = "") -> None:
        """Another last rule of a base chain; by default none, so that only its policy is left."""
        begin = self.rules[host].index(f"chain {chain} {{")
        lines = self.rules[host][begin : self.rules[host].index("\n\t}", begin)].splitlines()
        assert lines[-1].endswith(" drop"), lines[-1]
        self.swap(host, "\n".join(lines), "\n".join([*lines[:-1], *([f"\t\t{rule}"] if rule else [])]))

    def open(self, host: str, chain: str) -> None:
        """A base chain that accepts whatever none of its rules stops."""
        self.end(host, chain)
        at = self.rules[host].index("policy drop", self.rules[host].index(f"chain {chain} {{"))
        self.rules[host] = f"{self.rules[host][:at]}policy accept{self.rules[host][at + len('policy drop') :]}"

    def element(self, host: str, name: str, element: str) -> None:
        """An element more in a set."""
        at = self.rules[host].index("elements = {\n", self.rules[host].index(f"set {name} {{")) + len("elements = {\n")
        self.rules[host] = f"{self.rules[host][:at]}\t\t\t{element},\n{self.rules[host][at:]}"

    def flow(self, **change: object) -> None:
        """A flow more, which is some flow of the plan with something changed; everything is rendered anew."""
        model = next(flow for flow in self.plan.flows if flow.origin == "site")
        self.planned(replace(self.plan, flows=(*self.plan.flows, replace(model, **change))))  # type: ignore[arg-type]

    def planned(self, plan: Plan) -> None:
        """Another plan, rendered anew."""
        self.plan, self.rules, self.routes = plan, rendered(plan), routed(plan)


@dataclass(frozen=True)
class Mutant:
    """One way to be wrong."""

    name: str
    spoil: Callable[[Centre], None]
    outcome: Outcome  # "passes": a packet that must not pass does; "stopped": it is found, and something else stops it
    says: str  # a part of what the proof must say


def centre(plan: Plan | None = None) -> Centre:
    """The town, fresh."""
    found = Centre(plan or centres.town())
    found.planned(found.plan)
    return found


def end(plan: Plan, segment: str) -> Endpoint:
    """The end of a flow that is a segment."""
    return next(e for f in plan.flows for e in (f.source, f.destination) if e.segment == segment)


def steps(*spoils: Callable[[Centre], None]) -> Callable[[Centre], None]:
    """Several in turn."""

    def spoil(c: Centre) -> None:
        for one in spoils:
            one(c)

    return spoil
