"""Quantities, names and references, as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idc.model import refs, text, units
from idc.model.refs import Reference
from idc.model.text import BadValueError


@pytest.mark.parametrize(
    ("written", "size"),
    [("8GiB", 8 * 2**30), ("512MiB", 2**29), ("1 TiB", 2**40), ("2097152B", 2**21), (2**30, 2**30)],
)
def test_bytes(written: object, size: int) -> None:
    assert units.parse_bytes(written) == size


@pytest.mark.parametrize(("written", "rate"), [("1Gbit/s", 10**9), ("50Mbit/s", 5 * 10**7), ("64 kbit/s", 64_000)])
def test_bandwidth(written: str, rate: int) -> None:
    assert units.parse_bandwidth(written) == rate


@pytest.mark.parametrize(("written", "hours"), [("24h", 24), ("30d", 720), ("90m", 1.5), ("3600s", 1)])
def test_durations(written: str, hours: float) -> None:
    assert units.parse_duration(written) == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("8GB", "did you mean `8GiB`?"),
        ("8g", "did you mean `8GiB`?"),
        ("512 mb", "did you mean `512MiB`?"),
        ("viel", "a whole number and a unit (B, KiB, MiB, GiB, TiB), as 8GiB"),
        (None, "a whole number and a unit (B, KiB, MiB, GiB, TiB), as 8GiB"),
        (True, "a whole number and a unit (B, KiB, MiB, GiB, TiB), as 8GiB"),
        ("٣GiB", "a whole number and a unit (B, KiB, MiB, GiB, TiB), as 8GiB"),
    ],
)
def test_a_wrong_quantity_says_what_to_write(written: object, hint: str) -> None:
    with pytest.raises(BadValueError) as caught:
        units.parse_bytes(written)
    assert caught.value.hint == hint


@settings(max_examples=50, deadline=None)
@given(st.integers(2**20, 2**50), st.integers(8_000, 10**13), st.integers(60, 10**9))
def test_what_is_shown_is_read_back(size: int, rate: int, seconds: int) -> None:
    duration = timedelta(seconds=seconds)
    assert units.parse_duration(units.format_duration(duration)) == duration
    if not units.format_bytes(size).isdigit() and len(str(size)) < 13:
        assert units.parse_bytes(units.format_bytes(size)) == size
    if len(str(rate)) < 13:
        assert units.parse_bandwidth(units.format_bandwidth(rate)) == rate


@pytest.mark.parametrize("good", ["tax", "civil-affairs", "t1", "a" * 24])
def test_names(good: str) -> None:
    assert text.name(good) == good


@pytest.mark.parametrize("bad", ["", "a", "1a", "-a", "a-", "A", "a_b", "a.b", "a" * 25, "tax\n", "tаx", None, 5])
def test_what_is_no_name(bad: object) -> None:
    with pytest.raises(BadValueError):
        text.name(bad)


@pytest.mark.parametrize("good", ["city.example", "a.b", "x-1.city.example", "3.city.example", "xn--fiqs8s.example"])
def test_host_names(good: str) -> None:
    assert text.host_name(good) == good


@pytest.mark.parametrize(
    "bad",
    [
        *("", "city", ".city", "city.", "a..b", "-a.b", "a-.b", "a_b.c", "a b.c", "A.b", "1.2.3.4", "*.b", "a.b/c"),
        *("a.b:80", "x" * 64 + ".b", ".".join(["x" * 60] * 5), "xn--a.b\n", "xn--.b", None, 1, "www.cityexаmple.gov"),
    ],
)
def test_what_is_no_host_name(bad: object) -> None:
    with pytest.raises(BadValueError):
        text.host_name(bad)


def test_a_name_in_one_script_is_taken_and_a_disguise_is_not() -> None:
    def encoded(label: str) -> str:
        return "xn--" + label.encode("punycode").decode()

    assert text.host_name(f"{encoded('税务局')}.example")
    for disguise in ("раураl", "tаx", "асе"):  # Cyrillic among Latin, and a word that is all look-alikes
        with pytest.raises(BadValueError, match="mixes scripts or passes for"):
            text.host_name(f"{encoded(disguise)}.example")


@pytest.mark.parametrize("hiding", ["\u200b", "\u202e", "\u2066", "\ufeff", "\x7f", "\x00", "\u2028", "\x85", "\u00ad"])
def test_characters_that_do_not_show_are_found(hiding: str) -> None:
    assert text.hidden(f"ab{hiding}c") == 2


@pytest.mark.parametrize("fine", ["", "plain", "市税务局\u3000办公室", "Ärzte für Büro", "naïve café"])
def test_texts_of_all_scripts_are_fine(fine: str) -> None:
    assert text.hidden(fine) == -1


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("tenant/tax/site/file", "site"),
        ("tenant/tax", "tenant"),
        ("service/dns", "service"),
        ("zone/edge", "zone"),
        ("host/web-1", "host"),
        ("internet", "fabric"),
        ("10.1.2.0/24", "network"),
    ],
)
def test_a_reference_reads_as_it_is_written(written: str, kind: str) -> None:
    reference = refs.parse(written)
    assert (reference.kind, str(reference)) == (kind, written)


def test_one_address_is_a_network() -> None:
    assert str(refs.parse("10.1.2.3")) == "10.1.2.3/32"
    assert refs.parse("tenant/tax/site/www") == Reference("site", "tax", site="www")


@pytest.mark.parametrize(
    "bad", ["", "/", "a/b", "tenant/", "tenant/tax/www", "tenant/tax/site/", "host/web-1/x", "::/0", None]
)
def test_what_is_no_reference(bad: object) -> None:
    with pytest.raises(BadValueError):
        refs.parse(bad)


def test_a_hint_names_the_nearest_or_all() -> None:
    assert text.did_you_mean("webb", ["web", "data"]) == "did you mean `web`?"
    assert text.did_you_mean("xyz", ["web", "data"]) == "known: data, web"
    assert text.did_you_mean("xyz", []) == "known: none"
    assert text.did_you_mean("zzz", [f"host-{n}" for n in range(99)]).endswith("… (99 in all)")
