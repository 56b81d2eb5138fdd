"""The edge's sites: a file a vhost and listener, and nothing on a listener that does not belong there."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Address

from idc.model.types import Visibility
from idc.plan import catalogue
from idc.plan.edge import BODIES, METHODS
from idc.plan.types import Plan, Vhost
from idc.render import edge
from idc.render.edge import DRAINING, ERROR_PAGES
from tests.conftest import ROOT
from tests.unit.render.small_plan import EDGE, PLAN

TAX = Vhost(
    Visibility.INTERNET, ("tax.small.example", "www.tax.small.example"), "tenant/tax/site/www", "tax",
    IPv4Address("10.64.16.2"), 8080, ("GET", "HEAD"),
)  # fmt: skip
STAFF = Vhost(
    Visibility.FABRIC, ("staff.small.example",), "tenant/parks/site/www", "parks", IPv4Address("10.64.16.50"), 8080,
    ("GET", "HEAD", "POST"),
)  # fmt: skip
WEB = replace(
    EDGE, name="tax-www-web", owner=TAX.site, tenant="tax", host="web-1", segment="tax-www-web",
    address_a=IPv4Address("10.64.16.2"), address_b=IPv4Address("10.64.16.3"), address6_a=None, address6_b=None,
)  # fmt: skip
PLAN_WITH_SITES: Plan = replace(PLAN, vhosts=(STAFF, TAX), containers=(EDGE, WEB))


def vhosts_of(files: Mapping[str, str]) -> set[str]:
    """The files that are sites."""
    return {path for path in files if path.startswith(("internet/", "fabric/"))}


def test_a_site_is_in_its_own_listener_s_folder_alone() -> None:
    files = edge(PLAN_WITH_SITES)
    sites = vhosts_of(files)
    assert sites == {"fabric/parks_www.conf", "internet/tax_www.conf"}
    assert not [path for path in files if path.startswith("internet/") and "staff" in files[path]]


def test_each_listener_has_its_own_port() -> None:
    files = edge(PLAN_WITH_SITES)
    assert re.findall(r"listen (\S+);", files["internet/tax_www.conf"]) == ["8080", "[::]:8080"]
    assert re.findall(r"listen (\S+);", files["fabric/parks_www.conf"]) == ["8081", "[::]:8081"]


def test_names_and_methods_are_those_of_the_plan() -> None:
    text = edge(PLAN_WITH_SITES)["internet/tax_www.conf"]
    assert "server_name tax.small.example www.tax.small.example;" in text
    assert "if ($request_method !~ ^(GET|HEAD)$) {" in text


def test_the_other_slot_is_only_a_backup_and_only_where_there_is_a_takeover() -> None:
    files = edge(PLAN_WITH_SITES)
    assert "server 10.64.16.2:8080 max_fails=0;" in files["internet/tax_www.conf"]
    assert "server 10.64.16.3:8080 backup" in files["internet/tax_www.conf"]
    in_place = replace(PLAN_WITH_SITES, containers=(EDGE, replace(WEB, blue_green=False)))
    assert "backup" not in edge(in_place)["internet/tax_www.conf"]


def test_after_a_takeover_the_slots_have_changed_places() -> None:
    taken_over = replace(TAX, upstream=IPv4Address("10.64.16.3"))
    text = edge(replace(PLAN_WITH_SITES, vhosts=(taken_over,)))["internet/tax_www.conf"]
    assert "server 10.64.16.3:8080 max_fails=0;" in text
    assert "server 10.64.16.2:8080 backup" in text


def test_a_request_that_changes_data_is_never_sent_twice() -> None:
    assert "non_idempotent" not in re.sub(r"#.*", "", edge(PLAN_WITH_SITES)["internet/tax_www.conf"])


def test_before_a_reload_answers_end_their_connections() -> None:
    text = edge(PLAN_WITH_SITES)["internet/tax_www.conf"]
    assert f"if (-f {DRAINING}) {{" in text
    assert re.search(r"set \$idc_next @last;", text)
    assert re.search(r"location @last \{\s+modsecurity on;\s+keepalive_timeout 0;\s+proxy_pass http://tax_www_in", text)


def test_the_vhosts_may_be_others_than_the_plan_s() -> None:
    assert not vhosts_of(edge(PLAN_WITH_SITES, ()))
    assert "errors/unavailable.html" in edge(PLAN_WITH_SITES, ())


def test_two_sites_whose_names_join_alike_keep_their_own_files() -> None:
    one = replace(TAX, site="tenant/tax-a/site/b")
    other = replace(TAX, site="tenant/tax/site/a-b")
    files = edge(replace(PLAN_WITH_SITES, vhosts=(one, other)))
    assert vhosts_of(files) == {"internet/tax-a_b.conf", "internet/tax_a-b.conf"}
    upstreams = re.findall(r"^upstream (\S+)", "\n".join(files.values()), re.MULTILINE)
    assert len(set(upstreams)) == 2


def test_error_pages_say_what_to_do_and_give_the_request_s_number() -> None:
    files = edge(PLAN_WITH_SITES)
    for page, (codes, title, lines) in ERROR_PAGES.items():
        text = html.unescape(files[f"errors/{page}.html"])
        assert title in text
        assert all(line in text for line in lines)
        assert '<!--# echo var="request_id" -->' in text
        assert f"error_page {' '.join(map(str, codes))} /.idc-edge/{page}.html;" in files["internet/tax_www.conf"]


def test_the_same_plan_gives_the_same_files() -> None:
    assert list(edge(PLAN_WITH_SITES).items()) == list(edge(PLAN_WITH_SITES).items())


def test_a_stage_has_its_own_largest_body_and_says_which_it_is() -> None:
    assert list(BODIES) == list(METHODS)
    for stage, size in BODIES.items():
        text = edge(PLAN_WITH_SITES, (replace(TAX, stage=stage),))["internet/tax_www.conf"]
        assert f"client_max_body_size {size};" in text
        assert f"set $idc_stage {stage};" in text


def test_modsecurity_takes_the_largest_body_that_nginx_lets_pass() -> None:
    rules = (ROOT / "images/edge/files/etc/nginx/idc/modsecurity.conf").read_text()
    assert re.findall(r"^SecRequestBodyLimit (\d+)$", rules, re.MULTILINE) == [str(max(BODIES.values()))]


def test_all_bodies_that_there_may_be_at_once_fit_into_tmp() -> None:
    for memory in (catalogue.EDGE_LEAST_MEMORY, 1 << 30, (2 << 30) + 12345, catalogue.EDGE_MEMORY):
        limits = edge(replace(PLAN_WITH_SITES, containers=(replace(EDGE, memory=memory), WEB)))["http/limits.conf"]
        counts = dict(re.findall(r"limit_conn (idc_\w+) (\d+);", limits))
        (tmp,) = re.findall(r"size=(\d+)m", catalogue.edge_tmpfs(memory)[0])
        bodies = int(counts["idc_bodies"])
        assert bodies * max(BODIES.values()) + catalogue.EDGE_TMP_KEPT <= int(tmp) << 20 <= memory // 4
        assert 3 <= int(counts["idc_source_bodies"]) < int(counts["idc_site_bodies"]) < bodies


def test_modsecurity_is_on_wherever_a_site_is_asked_and_never_before_the_limits() -> None:
    """It reads the body in the phase before them, so a location with both would hold bodies beyond every limit."""
    text = edge(PLAN_WITH_SITES)["internet/tax_www.conf"]
    locations = re.findall(r"location (\S+(?: \S+)?) \{(.*?)\n    \}", text, re.DOTALL)
    asked = {name for name, body in locations if "proxy_pass" in body}
    assert asked == {"@site", "@last"}
    on = {name for name, body in locations if "modsecurity on;" in body}
    assert on == asked | {"= /.idc-edge/refused.html"}
    before = text.partition("location @site")[0]
    assert "modsecurity off;" in before
    assert "modsecurity on;" not in before
