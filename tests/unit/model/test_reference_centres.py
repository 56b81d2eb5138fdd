"""The centres of the tree load, have what the issue asks for, and share nothing that must be apart."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

from idc.model import Declaration, load
from idc.model.enums import Service, SiteKind, Stage, Visibility
from idc.model.profiles import Isolation
from idc.model.units import Bandwidth


@pytest.fixture(scope="module")
def centres() -> dict[str, Declaration]:
    """All centres of the tree."""
    base = Path(__file__).resolve().parents[3] / "centres"
    return {name: load(base / name) for name in ("reference/extranet", "reference/intranet", "small/extranet")}


def sites(declaration: Declaration) -> dict[str, tuple[SiteKind, Visibility, Stage]]:
    return {
        f"{tenant.tenant}/{site.name}": (site.kind, site.visibility, site.stage)
        for tenant in declaration.tenants
        for site in tenant.sites
    }


def test_the_extranet_has_the_hosts_and_sites_of_the_design(centres: dict[str, Declaration]) -> None:
    extranet = centres["reference/extranet"]
    assert {name: host.location for name, host in extranet.centre.hosts.items()} == {
        "edge-1": "hall-a",
        "web-1": "hall-a",
        "web-2": "hall-a",
        "core-1": "hall-a",
        "dr-1": "hall-b",
    }
    internet, fabric = Visibility.INTERNET, Visibility.FABRIC
    assert sites(extranet) == {
        "portal/www": (SiteKind.PORTAL, internet, Stage.PUBLICATION),
        "civil-affairs/www": (SiteKind.STATIC, internet, Stage.CONSULTATION),
        "tax/www": (SiteKind.STATIC, internet, Stage.PUBLICATION),
        "tax/file": (SiteKind.APP, internet, Stage.TRANSACTION),
        "personnel/staff": (SiteKind.STATIC, fabric, Stage.PUBLICATION),
    }


def test_the_intranet_is_apart_from_the_internet_and_the_extranet(centres: dict[str, Declaration]) -> None:
    intranet = centres["reference/intranet"]
    assert set(intranet.centre.hosts) == {"int-1", "int-dr"}
    assert set(intranet.centre.listeners) == {Visibility.FABRIC}
    extranet = centres["reference/extranet"].centre.fabric
    assert intranet.profile.isolation(extranet, intranet.centre.fabric) is Isolation.PHYSICAL


def test_no_centre_names_anything_of_another(centres: dict[str, Declaration]) -> None:
    for (one, a), (other, b) in combinations(centres.items(), 2):
        text = "".join(source.text for source in a.sources.values())
        if one.startswith("reference") and other.startswith("reference"):
            for name in (*b.centre.hosts, *(tenant.tenant for tenant in b.tenants), b.centre.domain, b.centre.fabric):
                assert name not in text, (one, name)
        assert a.centre.prefix.overlaps(b.centre.prefix) is False
        for mine in a.centre.listeners.values():
            for theirs in b.centre.listeners.values():
                assert not mine.address.network.overlaps(theirs.address.network)
                if mine.address6 and theirs.address6:
                    assert not mine.address6.network.overlaps(theirs.address6.network)


def test_each_centre_has_the_four_centres_of_its_profile(centres: dict[str, Declaration]) -> None:
    for declaration in centres.values():
        for rule in declaration.profile.required_centres(declaration.centre.fabric).values():
            assert all(declaration.centre.services[service] for service in rule.services)


def test_the_small_centre_lets_two_tenants_contend(centres: dict[str, Declaration]) -> None:
    small = centres["small/extranet"]
    public = [t for t in small.tenants if any(site.visibility is Visibility.INTERNET for site in t.sites)]
    uplink = small.centre.hosts["web-1"].uplink
    assert uplink == Bandwidth(100_000_000)
    assert len(public) >= 2
    assert sum(tenant.quota.bandwidth for tenant in small.tenants) < uplink
    assert small.centre.services[Service.BACKUP] == ("core-1",)
    assert any(site.database for tenant in small.tenants for site in tenant.sites)


def test_pages_are_readable_by_everybody(root: Path) -> None:
    pages = sorted((root / "centres").rglob("*.html"))
    assert len(pages) >= 7
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for must in ('<html lang="en">', '<meta charset="utf-8">', "<title>", 'name="viewport"', "<main", "<h1>"):
            assert must in text, (page, must)
        assert text.count("<h1>") == 1
        assert "<script" not in text
        for link in (part.split('"')[0] for part in text.split('href="')[1:]):
            inside = not link.startswith(("#", "mailto:", "http:"))
            assert not inside or (page.parent / link).is_file(), (page, link)
