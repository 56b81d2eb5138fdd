"""What a policy is: an id, a title, controls, and a pure function from resources to findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

CONTAINER: Final = "docker:index/container:Container"
NETWORK: Final = "docker:index/network:Network"


@dataclass(frozen=True)
class Resource:
    """A resource of a preview: its Pulumi type, its name, its properties as the provider will get them."""

    type: str
    name: str
    props: Mapping[str, Any]


@dataclass(frozen=True)
class Finding:
    """A broken policy and what shows it: the resource, and the property that is wrong."""

    policy: str
    resource: str
    words: str


Judge = Callable[[Resource], Iterator[str]]


@dataclass(frozen=True)
class Policy:
    """One rule over each resource of one type. ``controls`` are clauses of GB/T 22239-2019, unverified."""

    id: str
    title: str
    controls: tuple[str, ...]
    type: str
    judge: Judge


REGISTRY: Final[list[Policy]] = []


def policy(rule: str, title: str, *controls: str, over: str = CONTAINER) -> Callable[[Judge], Judge]:
    """Register a rule. It yields what is wrong in plain words, once for each thing, and nothing when all is well."""

    def register(judge: Judge) -> Judge:
        REGISTRY.append(Policy(rule, title, controls, over, judge))
        return judge

    return register


def judge(resources: Sequence[Resource]) -> list[Finding]:
    """All findings of all policies over these resources, in a stable order."""
    return sorted(
        (
            Finding(rule.id, resource.name, words)
            for rule in REGISTRY
            for resource in resources
            if resource.type == rule.type
            for words in rule.judge(resource)
        ),
        key=lambda finding: (finding.policy, finding.resource, finding.words),
    )
