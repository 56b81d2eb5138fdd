"""Only the plan's own redirects are no finding: any word of tc that is another, on any other link, is one."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest

from idc.live.redirects import read, strange
from idc.render.bandwidth import Redirect, redirects
from tests.unit.live import tc
from tests.unit.render.small_plan import PLAN

PLANNED = redirects(PLAN, "web-1")
BRIDGE = "br-0a401000"
GOOD = {f"{link} egress": tc.shown(entries) for link, entries in PLANNED.items()}
TEXT = GOOD[f"{BRIDGE} egress"]


def test_what_is_planned_is_no_finding() -> None:
    assert PLANNED[BRIDGE][-1] == Redirect(IPv4Network("0.0.0.0/0"), "idc-in")
    assert read(TEXT) == PLANNED[BRIDGE]
    assert strange(PLAN, "web-1", GOOD) == []
    assert strange(PLAN, "web-1", {}) == [], "what is missing lets nothing through"


SPOILED = {
    "another device": TEXT.replace("device idc-in", "device br-0a401030"),
    "a copy": TEXT.replace("Egress Redirect", "Egress Mirror"),
    "to the other side": TEXT.replace("Egress Redirect", "Ingress Redirect"),
    "let on": TEXT.replace(") stolen", ") pipe"),
    "another source": TEXT.replace("00000000/00000000", "0a401030/fffffff0"),
    "a mask with holes": TEXT.replace("0a401000/fffffff0", "0a401000/fffff0ff"),
    "bits beside the mask": TEXT.replace("0a401000/fffffff0", "0a401001/fffffff0"),
    "a destination": TEXT.replace("00000000/00000000 at 12", "00000000/00000000 at 16"),
    "one more match": TEXT.replace("  match 00000000", "  match 0a000000/ff000000 at 16\n  match 00000000"),
    "one more action": TEXT + "\taction order 2: mirred (Egress Redirect to device uplink) stolen\n",
    "another protocol": TEXT.replace("protocol ip ", "protocol all "),
    "an earlier filter": "filter protocol all pref 1 matchall chain 0 \n" + TEXT,
    "another chain": TEXT.replace("chain 0 ", "chain 1 "),
    "one less": tc.shown(PLANNED[BRIDGE][1:]),
    "another order": tc.shown(PLANNED[BRIDGE][::-1]),
    "twice": tc.shown((*PLANNED[BRIDGE], *PLANNED[BRIDGE])),
    "cut off": TEXT[: TEXT.index("\tindex")],
    "no words of tc": "mirred",
}


@pytest.mark.parametrize("name", SPOILED)
def test_any_other_word_is_a_finding(name: str) -> None:
    place = f"{BRIDGE} egress"
    assert SPOILED[name] != TEXT
    assert strange(PLAN, "web-1", {**GOOD, place: SPOILED[name]}) == [place]


@pytest.mark.parametrize("place", [f"{BRIDGE} ingress", f"{BRIDGE} filter", "uplink egress", "v0a egress"])
def test_the_same_filters_elsewhere_are_a_finding(place: str) -> None:
    assert strange(PLAN, "web-1", {**GOOD, place: TEXT}) == [place]
