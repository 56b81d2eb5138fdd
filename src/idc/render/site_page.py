"""The page of a static site whose department has put up none of its own; the words for stages and audiences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from idc.model.types import Audience, Stage
from idc.plan.types import Plan, Site
from idc.render.env import render


@dataclass(frozen=True)
class StageWords:
    """How a stage is told to people."""

    title: str
    words: str
    promise: str


STAGES: Final[Mapping[Stage, StageWords]] = {
    Stage.PUBLICATION: StageWords(
        "Information",
        "Read what the department has published.",
        "Here the department publishes what it does and decides.",
    ),
    Stage.CONSULTATION: StageWords(
        "Consultation", "Ask, and get an answer.", "Here the department answers questions and hears opinions."
    ),
    Stage.TRANSACTION: StageWords(
        "Filing", "File, apply or pay, and get a receipt.", "Here you can settle your business with the department."
    ),
}

AUDIENCES: Final[Mapping[Audience, str]] = {
    Audience.CITIZEN: "citizens",
    Audience.BUSINESS: "businesses",
    Audience.GOVERNMENT: "other departments",
    Audience.EMPLOYEE: "employees",
}


def audience_words(audience: Sequence[str]) -> str:
    """``citizens and businesses``: in the order of the model, whatever the declaration's order."""
    named = [AUDIENCES[kind] for kind in Audience if kind.value in audience]
    return " and ".join([", ".join(named[:-1]), named[-1]] if len(named) > 1 else named)


def site_page(plan: Plan, site: Site) -> dict[str, str]:
    """A site's generated release: relative path -> text."""
    page = render(
        "site/index.html.j2",
        site=site,
        domain=plan.domain,
        stage=STAGES[Stage(site.stage)],
        audience=audience_words(site.audience),
    )
    return {"index.html": page, "style.css": render("site/style.css.j2")}
