"""The city's portal page: every published site by department and by stage. Plain HTML, nothing runs behind it."""

from __future__ import annotations

from dataclasses import dataclass

from idc.model.types import Stage, Visibility
from idc.plan.types import Plan, Site
from idc.render.env import render
from idc.render.site_page import STAGES, audience_words


@dataclass(frozen=True)
class Entry:
    """A site on the page."""

    address: str
    department: str
    stage: str
    stage_title: str
    audience: str
    inside: bool  # only on a page that is itself for the fabric's users


def portal(plan: Plan, visibility: Visibility = Visibility.INTERNET) -> dict[str, str]:
    """The portal's release: relative path -> text.

    On the Internet's page no site shows that the Internet cannot ask for, not even its name; the fabric's users see
    theirs as well.
    """
    entries = [_entry(site, vhost_visibility) for site, vhost_visibility in _published(plan, visibility)]
    departments = [
        {"name": name, "sites": [entry for entry in entries if entry.department == name]}
        for name in sorted({entry.department for entry in entries})
    ]
    stages = [
        {
            "key": stage.value,
            "title": words.title,
            "words": words.words,
            "sites": [entry for entry in entries if entry.stage == stage.value],
        }
        for stage, words in STAGES.items()
    ]
    page = render(
        "portal/index.html.j2", domain=plan.domain, total=len(entries), departments=departments, stages=stages
    )
    return {"index.html": page, "style.css": render("site/style.css.j2")}


def _published(plan: Plan, visibility: Visibility) -> list[tuple[Site, Visibility]]:
    """Sites that answer on a listener which the page's readers reach, but for portals."""
    sites = {site.ref: site for site in plan.sites if site.kind != "portal"}
    shown = {
        vhost.site: vhost.visibility
        for vhost in plan.vhosts
        if vhost.site in sites and visibility in (vhost.visibility, Visibility.FABRIC)
    }
    return sorted(((sites[ref], seen) for ref, seen in shown.items()), key=lambda pair: pair[0].names[0])


def _entry(site: Site, visibility: Visibility) -> Entry:
    return Entry(
        address=site.names[0],
        department=site.department,
        stage=site.stage,
        stage_title=STAGES[Stage(site.stage)].title,
        audience=audience_words(site.audience),
        inside=visibility is Visibility.FABRIC,
    )
