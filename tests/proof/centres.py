"""Plans to prove: the reference centres, a small one, and generated ones of any size."""

from __future__ import annotations

import datetime
import tempfile
from functools import cache
from pathlib import Path

from idc import model
from idc.model.generate import generate
from idc.plan import make
from idc.plan.lock import Lock
from idc.plan.types import Plan
from tests.conftest import ROOT
from tests.unit.plan import build

IMAGES = build.IMAGES
TODAY = datetime.date(2026, 6, 1)


@cache
def reference(name: str) -> Plan:
    """A centre of centres/."""
    return make(model.load(ROOT / "centres" / name, today=TODAY), Lock(), IMAGES, today=TODAY)[0]


@cache
def generated(tenants: int) -> Plan:
    """A generated centre."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "centre"
        generate(folder, tenants)
        return make(model.load(folder, today=TODAY), Lock(), IMAGES, today=TODAY)[0]


@cache
def town() -> Plan:
    """Two tenants on two web hosts: an application with its database and an egress, a site, a site for employees."""
    tax = build.tenant(
        "tax",
        build.site(names=["tax.town.example"]),
        build.app("file", names=["file.town.example"]),
        egress=[{"to": "198.18.64.128/25", "port": "443/tcp", "why": "the registry of the province"}],
    )
    staff = build.site("staff", names=["staff.town.example"], visibility="fabric", audience=["employee"])
    parks = build.tenant("parks", build.site(names=["parks.town.example"]), staff)
    health = build.tenant("health", build.app("care", names=["care.town.example"]))
    return build.plan(build.declare(tax, parks, health))[0]
