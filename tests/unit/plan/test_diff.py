"""What applying a plan would do, said before it is done."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from idc.plan import diff, show
from idc.plan.changes import Changes, Outage, ResourceChange
from idc.plan.types import Plan
from tests.unit.plan import build
from tests.unit.plan.build import Declared

DECLARATION = build.declare(build.tenant("parks"), build.tenant("tax", build.site(), build.app()))
MADE, LOCK = build.plan(DECLARATION)


def changes(declaration: Declared, **more: Any) -> Changes:
    """From the plan above to the one of another declaration, its lock known."""
    return diff.compare(MADE, build.plan(declaration, LOCK, **more)[0])


def text(found: Changes, width: int = 80) -> str:
    stream = io.StringIO()
    show.text(found, Console(file=stream, width=width, soft_wrap=True, highlight=False))
    return stream.getvalue()


def actions(found: Changes) -> list[tuple[str, str, str]]:
    return [(change.action, change.kind, change.name) for change in found.resources]


# -- nothing to change ----------------------------------------------------------------------------------------------


def test_an_unchanged_plan_says_so_plainly() -> None:
    found = changes(DECLARATION)
    assert found.empty
    assert text(found) == (
        "town.government-extranet: nothing to change: 4 hosts, 3 sites, 6 flows as they were applied\n"
    )
    assert "nothing to change" in show.markdown(found)
    assert show.document(found)["nothing_to_change"] is True


# -- the first plan -------------------------------------------------------------------------------------------------


def test_the_first_plan_creates_everything_and_no_site_goes_out() -> None:
    found = diff.compare(None, MADE)
    assert found.first
    assert {change.action for change in found.resources} == {"create"}
    assert found.count("create") == 4 * 2 + 3 + 2 + len(MADE.segments) + len(MADE.containers) + len(MADE.volumes)
    assert found.flows_opened == MADE.flows
    assert found.outages == ()
    assert found.outage_seconds == 0


# -- one change at a time -------------------------------------------------------------------------------------------


def test_one_more_tenant_touches_nothing_else() -> None:
    found = changes(build.with_tenant(DECLARATION, build.tenant("roads")))
    assert {change.stack for change in found.resources} == {"tenant-roads"}
    assert actions(found) == [
        ("create", "container", "roads-www-web"),
        ("create", "network", "roads-www-web"),
        ("create", "volume", "roads-www-content"),
    ]
    assert [flow.id for flow in found.flows_opened] == ["service/edge -> tenant/roads/site/www : tcp/8080"]
    assert not found.flows_closed
    assert not found.rules_opened
    assert not found.outages
    assert [vhost.names for vhost in found.vhosts_opened] == [("roads.town.example",)]


def test_a_new_image_is_replaced_beside_itself_without_an_outage() -> None:
    found = changes(DECLARATION, images=build.IMAGES | {"nginx-static": "sha256:new"})
    assert {change.action for change in found.resources} == {"replace"}
    assert "image nginx-static; beside itself, slot a -> b" in text(found)
    assert not found.flows_opened
    assert not found.flows_closed
    assert not found.vhosts_opened
    assert found.outage_seconds == 0


def test_a_new_database_image_is_an_outage_with_its_reason() -> None:
    found = changes(DECLARATION, images=build.IMAGES | {"postgresql": "sha256:new"})
    (outage,) = found.outages
    assert outage.site == "tenant/tax/site/file"
    assert outage.seconds == found.outage_seconds == 10
    assert outage.reason == "tax-file-database is replaced (image postgresql; in place)"
    assert "expected outage 10 s for 1 site" in text(found)


def test_a_new_lab_host_image_is_an_outage_of_all_sites() -> None:
    found = changes(DECLARATION, images=build.IMAGES | {"lab-host": "sha256:new"})
    assert len(found.outages) == 3
    assert {outage.seconds for outage in found.outages} == {60}


def test_isolating_closes_flows_and_replaces_nothing() -> None:
    found = changes(DECLARATION, isolated=frozenset({"tax"}))
    assert not found.resources
    assert len(found.flows_closed) == 3
    assert not found.flows_opened
    assert {outage.seconds for outage in found.outages} == {None}
    assert "2 sites no longer reached" in text(found)
    assert "tenant tax: shut by idc isolate" in text(found)


def test_opening_an_isolated_tenant_again_is_no_outage() -> None:
    shut, _ = build.plan(DECLARATION, LOCK, isolated=frozenset({"tax"}))
    found = diff.compare(shut, MADE)
    assert len(found.flows_opened) == 3
    assert not found.outages


def test_retiring_destroys_containers_and_keeps_volumes() -> None:
    retiring = build.tenant("tax", build.site(), build.app(), state="retiring")
    found = changes(build.with_tenant(DECLARATION, retiring))
    assert {change.kind for change in found.resources if change.action == "destroy"} == {"container", "network"}
    assert not [change for change in found.resources if change.kind == "volume"]
    assert not found.flows_opened
    assert {outage.reason for outage in found.outages} == {"it goes away, as declared"}


def test_a_freed_tenants_volumes_are_destroyed_and_it_says_with_their_data() -> None:
    later, _ = build.plan(build.without(DECLARATION, "tax"), LOCK.free("tax"))
    volumes = [change for change in diff.compare(MADE, later).resources if change.kind == "volume"]
    assert volumes
    assert all(change.detail.endswith("with all its data") for change in volumes)


def test_a_larger_quota_replaces_the_tenants_containers_and_its_bandwidth_in_place() -> None:
    quota = {"cpus": 1, "memory": "512MiB", "disk": "5GiB", "bandwidth": "40Mbit/s"}
    grown = build.tenant("tax", build.site(), build.app(), quota=quota)
    found = changes(build.with_tenant(DECLARATION, grown))
    assert not found.resources
    assert "bandwidth of tax on web-2: 20Mbit/s -> 40Mbit/s" in text(found)


def test_a_flow_that_a_person_declared_shows_its_place_and_its_last_day() -> None:
    flow = {
        "from": "tenant/parks/site/www",
        "to": "tenant/tax/site/file",
        "port": "8080/tcp",
        "why": "park fees are filed there",
        "until": "2027-01-01",
    }
    found = changes(build.declare(*DECLARATION.tenants, flows=[flow]))
    assert (
        "+ tenant/parks/site/www may call tenant/tax/site/file on tcp/8080: park fees are filed there "
        "(8.1.3.2 b, until 2027-01-01, centre.yaml:3)\n" in text(found)
    )
    closed = diff.compare(build.plan(build.declare(*DECLARATION.tenants, flows=[flow]), LOCK)[0], MADE)
    assert "- tenant/parks/site/www may no longer call tenant/tax/site/file on tcp/8080\n" in text(closed)


def test_a_moved_listener_is_an_outage_until_names_point_there() -> None:
    listeners = {"internet": {"address": "203.0.113.11/24"}, "fabric": {"address": "198.18.64.10/24"}}
    found = changes(build.declare(*DECLARATION.tenants, listeners=listeners))
    assert {outage.seconds for outage in found.outages} == {None}
    assert "moves from 203.0.113.10 to 203.0.113.11" in text(found)


def test_a_site_of_another_kind_gives_way() -> None:
    changed = build.tenant("parks", build.app("www", names=["parks.town.example"]), quota={"memory": "1GiB"})
    found = changes(build.with_tenant(DECLARATION, changed))
    assert Outage("tenant/parks/site/www", 10, "parks-www-web gives way to parks-www-app") in found.outages


def test_a_slot_that_is_ahead_of_what_was_applied_is_a_takeover() -> None:
    """The lock may have been written by a run that died before it was done."""
    images = build.IMAGES | {"filing": "sha256:new"}
    ahead, lock = build.plan(DECLARATION, LOCK, images=images)
    again, _ = build.plan(DECLARATION, lock, images=images)
    assert again == ahead
    assert [change.name for change in diff.compare(MADE, again).resources] == ["tax-file-app"]


# -- capacity, forms ------------------------------------------------------------------------------------------------


def test_capacity_is_shown_before_and_after() -> None:
    found = changes(build.with_tenant(DECLARATION, build.tenant("roads", quota={"cpus": 3})))
    rows = {entry.host: entry for entry in found.capacity}
    changed = [entry for entry in rows.values() if entry.before != entry.after]
    assert len(changed) == 1
    assert changed[0].before is not None
    assert changed[0].after.cpus - changed[0].before.cpus == 3_000
    assert "1 -> 4 of 15.2" in text(found)


def test_the_table_is_never_cut() -> None:
    assert "…" not in text(diff.compare(None, MADE), width=40)


def many(number: int, first: str = "t") -> Plan:
    """A plan of so many small tenants."""
    quota = {"cpus": 0.1, "bandwidth": "100kbit/s", "memory": "128MiB"}
    hosts = build.HOSTS | {f"web-{n}": build.host("web", "data") for n in range(3, 9)}
    return build.plan(build.declare(*(build.tenant(f"{first}{n:03}", quota=quota) for n in range(number)),
                                    hosts=hosts))[0]  # fmt: skip


def test_long_sections_are_counted_on_and_json_has_all() -> None:
    plan = many(50)
    found = diff.compare(None, plan)
    assert "more (--json has all)" in text(found)
    assert len(show.document(found)["flows"]["opened"]) == len(plan.flows)


@pytest.mark.parametrize("form", [show.markdown, text])
def test_nothing_that_closes_or_opens_is_left_out_in_silence(form: Any) -> None:
    old, new = many(200, "old"), many(150, "new")
    said = form(diff.compare(old, new))
    flows = said[said.index("Flows") : said.index("Names that answer")].splitlines()
    signs = [line.strip().removeprefix("- `")[0] for line in flows if " call " in line]
    assert signs == ["-"] * show.WAYS + ["+"] * show.WAYS  # what closes comes first
    rest = f"not shown: {200 - show.WAYS} of 200 that close and {150 - show.WAYS} of 150 that open"
    assert said.count(rest) == 2  # flows, and names that answer
    assert len(said.encode()) < 65_536  # the longest comment that a pull request takes


def test_json_is_json_and_complete() -> None:
    found = changes(DECLARATION, images=build.IMAGES | {"postgresql": "sha256:new"})
    document = json.loads(json.dumps(show.document(found)))
    assert document["counts"] == {"create": 0, "change": 0, "replace": 1, "destroy": 0}
    assert document["resources"][0]["name"] == "tax-file-database"
    assert document["outage_seconds"] == 10
    assert {entry["host"] for entry in document["capacity"]} == set(build.HOSTS)


def test_what_people_write_cannot_break_out_of_the_markdown() -> None:
    name = "Parks | <img src=x> `code` [link](http://x) @everyone *bold* ~~no~~ &lt;"
    found = changes(build.with_tenant(DECLARATION, build.tenant("roads", department=name)))
    (line,) = [line for line in show.markdown(found).splitlines() if "Parks" in line]
    assert "\\| \\<img src=x\\> \\`code\\` \\[link\\](http:&#47;&#47;x) &#64;everyone" in line
    assert "\\*bold\\* \\~\\~no\\~\\~ &amp;lt;" in line


def test_what_people_write_is_no_markup_on_a_terminal() -> None:
    found = changes(build.with_tenant(DECLARATION, build.tenant("roads", department="[red]Roads[/red]")))
    assert "[red]Roads[/red]" in text(found)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (ResourceChange("lab", "lab host", "x-web-1", "machine", "create"), "lab host x-web-1"),
        (ResourceChange("tenant-tax", "volume", "v", "web-1", "destroy", "with data"), "volume v on web-1: with data"),
    ],
)
def test_resources_in_words(change: ResourceChange, words: str) -> None:
    from idc.plan.words import resource

    assert resource(change) == words


def test_a_container_that_only_changes_its_slot_is_replaced() -> None:
    moved = tuple(replace(c, slot="b") if c.name == "tax-file-app" else c for c in MADE.containers)
    (change,) = diff.compare(MADE, replace(MADE, containers=moved)).resources
    assert (change.action, change.name, change.detail) == (
        "replace",
        "tax-file-app",
        "slot; beside itself, slot a -> b",
    )


def test_a_tenant_that_is_shut_already_suffers_no_outage() -> None:
    shut, _ = build.plan(DECLARATION, LOCK, isolated=frozenset({"tax"}))
    images = build.IMAGES | {"postgresql": "sha256:new"}
    later, _ = build.plan(DECLARATION, LOCK, isolated=frozenset({"tax"}), images=images)
    assert diff.compare(shut, later).count("replace") == 1
    assert diff.compare(shut, later).outages == ()
