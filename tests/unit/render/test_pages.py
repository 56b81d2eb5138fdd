"""The portal and the generated site page: what is listed, what never shows, and that it can be read by everybody."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from ipaddress import IPv4Address

import pytest

from idc.model.types import Visibility
from idc.plan.types import Plan, Site, Vhost
from idc.render import portal, site_page
from idc.render.site_page import audience_words
from tests.unit.render.small_plan import PLAN

INTERNET, FABRIC = Visibility.INTERNET, Visibility.FABRIC


def _site(tenant: str, name: str, visibility: Visibility, stage: str, department: str, kind: str = "static") -> Site:
    return Site(
        ref=f"tenant/{tenant}/site/{name}", tenant=tenant, department=department, name=name, kind=kind,
        names=(f"{name}.{tenant}.small.example",), visibility=visibility, audience=("citizen", "business"), stage=stage,
        host="web-1", container=f"{tenant}-{name}-web", content="", content_volume="", database="",
    )  # fmt: skip


SITES = (
    _site("portal", "www", INTERNET, "publication", "City Office", "portal"),
    _site("tax", "file", INTERNET, "transaction", "Tax <Service> & Co"),
    _site("tax", "www", INTERNET, "publication", "Tax <Service> & Co"),
    _site("parks", "ask", INTERNET, "consultation", "Parks"),
    _site("parks", "staff", FABRIC, "publication", "Parks"),
)


def _plan(sites: tuple[Site, ...] = SITES) -> Plan:
    vhosts = tuple(
        Vhost(site.visibility, site.names, site.ref, site.tenant, IPv4Address("10.64.16.2"), 8080, ("GET",))
        for site in sites
    )
    return replace(PLAN, sites=sites, vhosts=vhosts)


class Page(HTMLParser):
    """As much of a page as the tests ask for; fails where a tag is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.headings: list[int] = []
        self.open: list[str] = []
        self.lang = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "html":
            self.lang = values.get("lang") or ""
        if tag == "a":
            self.links.append(values.get("href") or "")
        if "id" in values:
            self.ids.append(values["id"] or "")
        if tag in {"h1", "h2", "h3"}:
            self.headings.append(int(tag[1]))
        if tag not in {"meta", "link", "br", "img"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_internet_s_portal_lists_what_the_internet_may_ask_for() -> None:
    page = Page(portal(_plan(), INTERNET)["index.html"])
    outside = {link for link in page.links if link.startswith("http")}
    assert outside == {
        "http://file.tax.small.example/", "http://www.tax.small.example/", "http://ask.parks.small.example/",
    }  # fmt: skip


def test_the_employees_site_leaves_no_trace_on_the_internet_s_page() -> None:
    with_staff = portal(_plan(), INTERNET)
    without = portal(_plan(tuple(site for site in SITES if site.visibility is INTERNET)), INTERNET)
    assert with_staff == without


def test_the_fabric_s_users_see_theirs_as_well() -> None:
    text = portal(_plan(), FABRIC)["index.html"]
    assert "http://staff.parks.small.example/" in text
    assert "http://www.tax.small.example/" in text
    assert "inside only" in text


def test_a_site_that_is_shut_is_not_listed() -> None:
    plan = _plan()
    shut = replace(plan, vhosts=tuple(vhost for vhost in plan.vhosts if vhost.tenant != "tax"))
    assert "tax" not in portal(shut, INTERNET)["index.html"]


def test_every_site_is_listed_by_department_and_by_stage() -> None:
    page = Page(portal(_plan(), INTERNET)["index.html"])
    assert all(page.links.count(link) == 2 for link in page.links if link.startswith("http"))
    assert {"publication", "consultation", "transaction"} <= set(page.ids)


@pytest.mark.parametrize("sites", [SITES, ()])
def test_pages_are_whole_and_lead_screen_readers(sites: tuple[Site, ...]) -> None:
    texts = [portal(_plan(sites), INTERNET)["index.html"]]
    texts += [site_page(_plan(sites), site)["index.html"] for site in sites]
    for text in texts:
        page = Page(text)
        assert page.lang == "en"
        assert page.headings[0] == 1
        assert page.headings.count(1) == 1
        assert all(after - before <= 1 for before, after in zip(page.headings, page.headings[1:], strict=False))
        inside = [link[1:] for link in page.links if link.startswith("#")]
        assert set(inside) <= set(page.ids)
        assert len(page.ids) == len(set(page.ids))
        assert "<script" not in text


def test_a_department_s_name_is_text_never_markup() -> None:
    for text in (portal(_plan(), INTERNET)["index.html"], site_page(_plan(), SITES[1])["index.html"]):
        assert "Tax &lt;Service&gt; &amp; Co" in text


@pytest.mark.parametrize(
    ("audience", "words"),
    [
        (("business", "citizen"), "citizens and businesses"),
        (("employee",), "employees"),
        (("employee", "government", "citizen"), "citizens, other departments and employees"),
    ],
)
def test_audiences_are_told_in_words(audience: tuple[str, ...], words: str) -> None:
    assert audience_words(audience) == words
