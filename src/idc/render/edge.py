"""The edge's sites: one nginx file a vhost and listener, and error pages in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address
from typing import Final

from idc.model.types import Visibility
from idc.plan.types import Plan, Vhost
from idc.render.env import render

DRAINING: Final = "/etc/idc-edge/draining"  # is there while the edge is about to reload (idc.engine.host_folders)

# What the edge itself answers, per page: status codes, title, sentences. What a site answers is passed on as it is.
ERROR_PAGES: Final[Mapping[str, tuple[tuple[int, ...], str, tuple[str, ...]]]] = {
    "refused": (
        (403,),
        "This request was not let through",
        ("Something in it looks like an attack on the site.", "If you did nothing unusual, tell the site's owner."),
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
    files: dict[str, str] = {}
    ports = {listener.visibility: listener.target_port for listener in plan.listeners}
    for vhost in plan.vhosts if vhosts is None else vhosts:
        if vhost.visibility in ports:
            files[_path(vhost)] = _vhost(plan, vhost, ports[vhost.visibility])
    for page, (_, title, lines) in ERROR_PAGES.items():
        files[f"errors/{page}.html"] = render("nginx/error.html.j2", title=title, lines=lines)
    return dict(sorted(files.items()))


def _short(vhost: Vhost) -> str:
    """``tenant/tax/site/file`` -> ``tax_file``; names have hyphens of their own, so a hyphen could join two to one."""
    return "_".join(vhost.site.split("/")[1::2])


def _path(vhost: Vhost) -> str:
    return f"{vhost.visibility.value}/{_short(vhost)}.conf"


def _vhost(plan: Plan, vhost: Vhost, port: int) -> str:
    return render(
        "nginx/vhost.conf.j2",
        vhost=vhost,
        upstream=f"{_short(vhost)}_{vhost.visibility.value}",
        other_slot=_other_slot(plan, vhost),
        port=port,
        draining=DRAINING,
        listener="Internet" if vhost.visibility is Visibility.INTERNET else "fabric",
        error_pages={page: codes for page, (codes, _, _) in ERROR_PAGES.items()},
    )


def _other_slot(plan: Plan, vhost: Vhost) -> IPv4Address | None:
    """The address that the site's container takes over from or to; None for one that is replaced in place."""
    for container in plan.containers:
        pair = (container.address_a, container.address_b)
        if container.blue_green and vhost.upstream in pair:
            return pair[1] if vhost.upstream == pair[0] else pair[0]
    return None
