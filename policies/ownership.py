"""Family ``ownership``: everything says whose it is, and says it truly. Other rules and the operator rely on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from idc.policy import CONTAINER, NETWORK, VOLUME, Resource, View, policy

OURS: Final = (CONTAINER, NETWORK, VOLUME)
_REQUIRED: Final = ("idc.centre", "idc.digest", "idc.owner")


@policy(
    "ownership.kinds", "A stack makes containers, networks and volumes, and nothing else",
    severity="critical", controls=["8.1.4.4 a", "8.2.4.3 b"], over=(),
)  # fmt: skip
def known_kinds(resource: Resource, view: View) -> Iterator[str]:
    """By allow-list: a service of a swarm, an image, a command on this machine has no rule that judges it."""
    grouping = resource.type.startswith(("idc:", "pulumi:pulumi:", "pulumi:providers:docker"))
    if resource.type not in OURS and not grouping:
        yield f"is a {resource.type}, which no policy knows"


@policy(
    "ownership.labels", "Everything carries the labels of its stack, tenant and owner, and no other's",
    severity="high", controls=["8.2.4.3 b", "8.2.2.1 b"], over=OURS,
)  # fmt: skip
def says_whose_it_is(resource: Resource, view: View) -> Iterator[str]:
    """The stack's name is the engine's word; labels must fit it, or one tenant could name itself as another."""
    labels = resource.labels
    for name in _REQUIRED:
        if not labels.get(name):
            yield f"has no label {name}"
    for name, wanted in (("idc.stack", resource.stack), ("idc.resource", resource.name)):
        if labels.get(name) != wanted:
            yield f"says {name} {labels.get(name)!r} and is {wanted!r}"
    if labels.get("idc.tenant", "") != resource.tenant:
        yield f"says tenant {labels.get('idc.tenant')!r} in stack {resource.stack}"
    expected = f"tenant/{resource.tenant}/" if resource.tenant else "service/"
    if not resource.owner.startswith(expected):
        yield f"says owner {resource.owner!r} in stack {resource.stack}"
    if resource.text("name") != resource.name:
        yield f"is called {resource.text('name')!r} on its engine"
