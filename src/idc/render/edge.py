"""The edge's sites: one nginx file a vhost and listener, and error pages in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address
from typing import Final

from idc.model.types import Visibility
from idc.plan import catalogue
from idc.plan.edge import BODIES, REF
from idc.plan.types import Plan, Vhost
from idc.render.env import render

DRAINING: Final = "/etc/idc-edge/draining"  # is there while the edge is about to reload (idc.engine.host_folders)

JUDGED: Final = "refused"  # the page of a request that ModSecurity has refused; it answers 403 and nothing else

# What the edge itself answers, per page: status codes, title, sentences. What a site answers is passed on as it is.
ERROR_PAGES: Final[Mapping[str, tuple[tuple[int, ...], str, tuple[str, ...]]]] = {
    JUDGED: (
        (403,),
        "This request was not let through",
        ("Something in it looks like an attack on the site.", "If you did nothing unusual, tell the site's owner."),
    ),
    "unreadable": (
        (400,),
        "This request cannot be read",
        ("It is broken, or larger in one of its parts than is looked at.",),
    ),
    "method": (
        (405,),
        "This site does not take that kind of request",
        ("It shows information, and what was sent asks it to take something.",),
    ),
    "too-large": (
        (413, 414),
        "What was sent is too large",
        ("Send a smaller file, or several one after another.",),
    ),
    "too-many": (
        (429,),
        "Too many requests at once",
        ("They all come from where you are.", "Try again in a few seconds."),
    ),
    "failure": (
        (500,),
        "The request could not be handled",
        ("This is not your fault. Nothing that you sent was taken.", "Try again in a few minutes."),
    ),
    "unavailable": (
        (502, 503, 504),
        "The site does not answer at the moment",
        ("Try again in a few minutes.", "If you had just sent something, look first whether it has arrived."),
    ),
}


def edge(plan: Plan, vhosts: Sequence[Vhost] | None = None) -> dict[str, str]:
    """The edge's release folder: relative path -> text. ``vhosts`` are the plan's own unless others are to stand.

    A name that is in no file is answered with 421 by the image's own default server.
    """
    files: dict[str, str] = {"http/limits.conf": _limits(plan)}
    ports = {listener.visibility: listener.target_port for listener in plan.listeners}
    other_slots = _other_slots(plan)
    for vhost in plan.vhosts if vhosts is None else vhosts:
        if vhost.visibility in ports:
            files[_path(vhost)] = _vhost(vhost, ports[vhost.visibility], other_slots.get(vhost.upstream))
    for page, (_, title, lines) in ERROR_PAGES.items():
        files[f"errors/{page}.html"] = render("nginx/error.html.j2", title=title, lines=lines)
    return dict(sorted(files.items()))


def _short(vhost: Vhost) -> str:
    """``tenant/tax/site/file`` -> ``tax_file``; names have hyphens of their own, so a hyphen could join two to one."""
    return "_".join(vhost.site.split("/")[1::2])


def _path(vhost: Vhost) -> str:
    return f"{vhost.visibility.value}/{_short(vhost)}.conf"


def _limits(plan: Plan) -> str:
    """How many large bodies there may be at once, by what the edge's container has room for."""
    least = catalogue.IMAGES[catalogue.EDGE_IMAGE].least_memory
    memory = next((container.memory for container in plan.containers if container.owner == REF), least)
    bodies = catalogue.edge_bodies(memory, max(BODIES.values()))
    return render(
        "nginx/limits.conf.j2", bodies=bodies, site_bodies=max(4, bodies // 4), source_bodies=max(3, bodies // 8)
    )


def _vhost(vhost: Vhost, port: int, other_slot: IPv4Address | None) -> str:
    return render(
        "nginx/vhost.conf.j2",
        vhost=vhost,
        upstream=f"{_short(vhost)}_{vhost.visibility.value}",
        other_slot=other_slot,
        port=port,
        largest_body=BODIES[vhost.stage],
        draining=DRAINING,
        listener="Internet" if vhost.visibility is Visibility.INTERNET else "fabric",
        judged=JUDGED,
        error_pages={page: codes for page, (codes, _, _) in ERROR_PAGES.items()},
    )


def _other_slots(plan: Plan) -> dict[IPv4Address, IPv4Address]:
    """Address -> the one that its container takes over from or to; containers that are replaced in place have none."""
    found: dict[IPv4Address, IPv4Address] = {}
    for container in plan.containers:
        if container.blue_green:
            found[container.address_a] = container.address_b
            found[container.address_b] = container.address_a
    return found
