"""Family ``provenance``: what runs is what was built here from a recipe that lies in ``images/``.

``hardening.image`` asks for an id of a content; these rules ask whose content it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from idc.policy import CONTAINER, Broken, Level, Looked, Remark, View, rule
from policies.isolation import scope

_CONTENT: Final = re.compile(r"sha256:")


@rule(
    "provenance.recipe", "Every image is built from a recipe of idc",
    severity="high", controls=["8.1.10.6", "8.1.4.7"], level=Level.PLANNED,
)  # fmt: skip
def known_recipe(view: View) -> Iterator[Remark]:
    """An image that nobody here knows how to build is one that nobody here can patch."""
    plan = view.planned
    if not view.recipes:
        raise LookupError("no recipes are known")
    yield Looked(len(plan.containers), "containers' images")
    for container in plan.containers:
        if container.image not in view.recipes:
            words = f"runs image {container.image!r}, which has no recipe in images/"
            yield Broken(scope(container.tenant), f"container {container.name}", words, "", container.owner)


@rule(
    "provenance.image", "What a stack makes runs the image that was planned for it",
    severity="critical", controls=["8.1.4.7", "8.2.4.3 b"], level=Level.PLANNED,
)  # fmt: skip
def planned_image(view: View) -> Iterator[Remark]:
    """Another tenant's image, or last year's, is pinned by content as well; what is not pinned is ``hardening``'s."""
    plan, made = view.planned, view.of(CONTAINER)
    wanted = {container.docker_name(): container for container in plan.containers}
    yield Looked(len(made), "containers")
    for resource in made:
        planned = wanted.get(resource.name)
        if planned is None or planned.stack != resource.stack:
            yield Broken(resource.scope, f"container {resource.name}", "is in no plan", f"stack {resource.stack}")
        elif _CONTENT.match(resource.text("image")) and resource.text("image") != planned.image_id:
            words = f"runs {resource.text('image')}, and not {planned.image} ({planned.image_id})"
            yield Broken(resource.scope, f"container {resource.name}", words, f"stack {resource.stack}", planned.owner)


@rule(
    "provenance.one-content", "One name of an image means one content everywhere, and two names two",
    severity="high", controls=["8.1.10.6"], level=Level.PLANNED,
)  # fmt: skip
def one_content(view: View) -> Iterator[Remark]:
    """Else some tenants run what was mended and others what was not, and nobody sees it by the name."""
    by_name: dict[str, str] = {}
    by_content: dict[str, str] = {}
    yield Looked(len(view.planned.containers), "containers' images")
    for container in view.planned.containers:
        first = by_name.setdefault(container.image, container.image_id)
        name = by_content.setdefault(container.image_id, container.image)
        subject, owner = f"container {container.name}", container.owner
        if first != container.image_id:
            words = f"runs {container.image} as {container.image_id}, others as {first}"
            yield Broken(scope(container.tenant), subject, words, "", owner)
        if name != container.image and container.image_id:
            words = f"runs {container.image} with the content of {name}"
            yield Broken(scope(container.tenant), subject, words, "", owner)
