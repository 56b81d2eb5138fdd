"""Changes that build nothing: what is only recorded with the plan, and what shows on pages. Never called no change."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from idc.model import load
from idc.plan import diff, make, show
from idc.plan.changes import Changes
from idc.plan.lock import Lock
from tests.bad_input import cases
from tests.unit.plan import build
from tests.unit.plan.build import Declared
from tests.unit.plan.test_diff import DECLARATION, LOCK, MADE, changes, text


def recorded(found: Changes) -> list[tuple[str, str, str]]:
    """What is only recorded, when that is all there is; it must stand in every form."""
    assert not found.empty
    assert (found.resources, found.in_place, found.flows_opened, found.flows_closed) == ((), (), (), ())
    assert "nothing to change" not in text(found)
    for change in found.recorded:
        assert change.detail in text(found)
        assert show.escape(change.detail) in show.markdown(found)
        assert {"name": change.name, "detail": change.detail, "recorded": True}.items() <= next(
            entry for entry in show.document(found)["settings"] if entry["name"] == change.name
        ).items()
    return [(change.what, change.name, change.detail) for change in found.recorded]


def parks(**more: Any) -> Declared:
    return build.with_tenant(DECLARATION, build.tenant("parks", *more.pop("sites", ()), **more))


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("contacts", [{"name": "X", "email": "x@town.example"}],
         "contacts Desk <desk@town.example> -> X <x@town.example>"),
        ("protection_level", 3, "protection level 2 -> 3"),
        ("backup", {"rpo": "1h", "keep": "7d"}, "backup rpo 1d -> 1h, backup keep 30d -> 7d"),
        ("backup", {"rto": "1h", "drill_every": "30d"}, "backup rto 4h -> 1h, backup drill_every 90d -> 30d"),
        ("quota", {"disk": "6GiB"}, "quota of disk 5GiB -> 6GiB"),
    ],
)  # fmt: skip
def test_what_is_declared_of_a_tenant_is_recorded_in_words(key: str, value: Any, words: str) -> None:
    assert recorded(changes(parks(**{key: value}))) == [("tenant", "parks", words)]


def test_a_tenant_that_an_older_idc_recorded_without_contacts_is_no_change() -> None:
    older = replace(MADE, tenants=tuple(replace(t, contacts=(), backup=None) for t in MADE.tenants))
    assert diff.compare(older, MADE).empty


def with_content(content: str, **more: Any) -> Declared:
    return parks(sites=[build.site(names=["parks.town.example"], content=content, **more)])


def test_audience_and_stage_of_a_site_with_pages_of_its_own_are_recorded() -> None:
    before, lock = build.plan(with_content("content/parks"), LOCK)
    after, _ = build.plan(with_content("content/parks", audience=["citizen", "business"]), lock)
    assert recorded(diff.compare(before, after)) == [
        ("site", "tenant/parks/site/www", "audience citizen -> citizen and business")
    ]
    after, _ = build.plan(with_content("content/parks", stage="consultation"), lock)
    found = diff.compare(before, after)  # other methods are let through as well, which is no mere record
    assert [change.detail for change in found.recorded] == ["stage publication -> consultation"]
    assert found.vhosts_opened


def test_another_content_folder_is_put_on_the_host() -> None:
    before, lock = build.plan(with_content("content/parks"), LOCK)
    after, _ = build.plan(with_content("content/gardens"), lock)
    (change,) = diff.compare(before, after).settings
    assert (change.name, change.detail) == ("tenant/parks/site/www", "content content/parks -> content/gardens")
    assert not change.recorded


def test_a_page_that_is_made_from_the_declaration_is_made_anew() -> None:
    found = changes(parks(department="Parks and Gardens"))
    assert [change.detail for change in found.in_place] == ["its page is made anew"]
    assert [change.detail for change in found.recorded] == ["department Department of parks -> Parks and Gardens"]


def test_the_portal_is_made_anew_when_it_lists_another_site() -> None:
    portal = build.tenant("portal", build.site(kind="portal", names=["town.example"]))
    before, lock = build.plan(build.with_tenant(with_content("content/parks"), portal), LOCK)
    same, _ = build.plan(build.with_tenant(with_content("content/gardens"), portal), lock)
    assert [change.name for change in diff.compare(before, same).settings] == ["tenant/parks/site/www"]
    other, _ = build.plan(build.with_tenant(with_content("content/parks", audience=["business"]), portal), lock)
    assert [(change.name, change.detail) for change in diff.compare(before, other).in_place] == [
        ("tenant/portal/site/www", "its page is made anew")
    ]


FLOW = {"from": "tenant/parks/site/www", "to": "tenant/tax/site/file", "port": "8080/tcp", "why": "fees are filed"}


@pytest.mark.parametrize(
    ("new", "words"),
    [
        ({"until": "2027-01-01"}, "until no end -> 2027-01-01"),
        ({"why": "fines are filed there"}, "reason fees are filed -> fines are filed there"),
        ({"control": "8.1.3.1 a"}, "control 8.1.3.2 b -> 8.1.3.1 a"),
    ],
)
def test_a_flow_that_stays_with_other_words_is_recorded(new: dict[str, str], words: str) -> None:
    before, lock = build.plan(build.declare(*DECLARATION.tenants, flows=[FLOW]), LOCK)
    after, _ = build.plan(build.declare(*DECLARATION.tenants, flows=[FLOW | new]), lock)
    name = "tenant/parks/site/www -> tenant/tax/site/file : tcp/8080"
    assert recorded(diff.compare(before, after)) == [("flow", name, f"{words} (centre.yaml:3)")]


def test_one_line_that_stands_for_two_flows_is_one_change() -> None:
    egress = {"to": "tenant/parks/site/www", "port": "8080/tcp", "why": "reads the hours"}
    plans = [
        build.plan(build.declare(DECLARATION.tenants[0], build.tenant(
            "tax", build.site(), build.app(), egress=[egress | more])), LOCK)[0]
        for more in ({}, {"until": "2027-01-01"})
    ]  # fmt: skip
    ((_, name, _),) = recorded(diff.compare(*plans))
    assert name.endswith(" and 1 more")


def test_services_domain_and_profile_are_recorded() -> None:
    after, _ = build.plan(build.declare(*DECLARATION.tenants, services={"edge": ["edge-1"], "dns": ["core-1"]}), LOCK)
    assert recorded(diff.compare(MADE, after)) == [("service", "dns", "nowhere -> core-1")]
    assert recorded(diff.compare(replace(MADE, profile="three-nets"), MADE)) == [
        ("centre", "profile", "three-nets -> local-government")
    ]


def test_a_declaration_that_was_changed_is_never_called_unchanged() -> None:
    ((what, _, words),) = recorded(changes(replace(DECLARATION, digest="1" * 64)))
    assert (what, words) == ("centre", "something that stands on no host, as where Pulumi keeps its state")
    assert len(changes(replace(parks(protection_level=3), digest="1" * 64)).settings) == 1


def test_people_waivers_and_domains_are_recorded_in_words() -> None:
    """By the declaration's own words, whatever else changes beside them."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "centre"
        shutil.copytree(cases.BASE, folder)
        tax = folder / "tenants" / "tax.yaml"
        tax.write_text(tax.read_text().replace("172.16.4.0/24", "198.18.64.128/25"))
        before, lock = make(load(folder, today=cases.TODAY), Lock(), {}, today=cases.TODAY)
        for file, old, new in (
            ("people.yaml", "until: 2998-12-31", "until: 2027-12-31"),
            ("people.yaml", "  zhao-lei:", "  zhao-min:"),
            ("centre.yaml", "prefix:", "domains: [town.example]\nprefix:"),
            ("tenants/parks.yaml", "name: Office", "name: Desk"),
        ):
            text = (folder / file).read_text()
            assert text.count(old) == 1
            (folder / file).write_text(text.replace(old, new))
        waiver = (
            "{policy: hardening.filesystem, scope: tenant/tax, reason: a new image, approver: li-na, until: 2026-03-31}"
        )
        (folder / "waivers.yaml").write_text(f"format: 1\nwaivers:\n  - {waiver}\n")
        after, _ = make(load(folder, today=cases.TODAY), lock, {}, today=cases.TODAY)
    found = {name: detail for _, name, detail in recorded(diff.compare(before, after))}
    key = "SHA256:"
    assert found["domains"] == "city.example -> city.example, town.example"
    assert found["waiver of hardening.filesystem for tenant/tax"] == "until 2026-03-31 by li-na: a new image"
    assert f"until 2998-12-31, {key}" in found["person li-na"].partition(" -> ")[0]
    assert f"Li Na, security administrator until 2027-12-31, {key}" in found["person li-na"].partition(" -> ")[2]
    assert set(found) == {"domains", "waiver of hardening.filesystem for tenant/tax", "person li-na", "person zhao-lei",
                          "person zhao-min", "parks"}  # fmt: skip
    assert diff.compare(replace(before, beside={}), before).empty  # recorded by an idc that kept none of it
