"""Declarations made in code, for tests of the plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from idc.model.source import Place
from idc.model.types import CentreSpec, TenantSpec
from idc.plan import make
from idc.plan.lock import Lock
from idc.plan.types import Plan

TODAY = date(2026, 6, 1)
IMAGES = {
    name: f"sha256:{index:064x}"
    for index, name in enumerate(("client", "edge", "filing", "lab-host", "nginx-static", "postgresql"), 1)
}


@dataclass(frozen=True)
class Declared:
    """What the plan needs of a declaration; places are the paths themselves."""

    centre: CentreSpec
    tenants: tuple[TenantSpec, ...]
    digest: str = "0" * 64
    beside: Mapping[str, str] = field(default_factory=dict)

    def where(self, file: str, *path: str | int) -> Place:
        """Line 1 + the number of steps, so that a test sees which key is meant."""
        return Place(f"/centre/{file}", file, 1 + len(path), 1, ".".join(map(str, path)))


def host(*zones: str, **more: Any) -> dict[str, Any]:
    """A host of some size."""
    size = {"cpus": 16, "memory": "64GiB", "disk": "1TiB", "uplink": "1Gbit/s"}
    return {"location": "hall-a", "zones": list(zones), **size, **more}


HOSTS = {
    "edge-1": host("edge"),
    "web-1": host("web", "data"),
    "web-2": host("web", "data"),
    "core-1": host("management"),
}


def centre(hosts: Mapping[str, Any] = HOSTS, **more: Any) -> CentreSpec:
    """A centre: an edge, two web hosts, a management host."""
    spec = {
        "format": 1,
        "centre": "town",
        "profile": "local-government",
        "fabric": "government-extranet",
        "domain": "town.example",
        "prefix": "10.64.0.0/13",
        "hosts": hosts,
        "services": {"edge": [name for name, entry in hosts.items() if "edge" in entry["zones"]][:1]},
        "listeners": {
            "internet": {"address": "203.0.113.10/24", "address6": "2001:db8:64::10/64"},
            "fabric": {"address": "198.18.64.10/24"},
        },
    }
    return CentreSpec.model_validate(spec | more)


def site(name: str = "www", **more: Any) -> dict[str, Any]:
    """A static site for the Internet."""
    return {
        "name": name,
        "names": [f"{name}.town.example"],
        "visibility": "internet",
        "audience": ["citizen"],
        **more,
    }


def app(name: str = "file", **more: Any) -> dict[str, Any]:
    """An application with its database."""
    keys = {"kind": "app", "image": "filing", "database": "postgresql", "stage": "transaction"}
    return site(name, **(keys | more))


def tenant(name: str, *sites: Mapping[str, Any], **more: Any) -> TenantSpec:
    """A tenant, by default with one static site."""
    spec = {
        "tenant": name,
        "department": f"Department of {name}",
        "contacts": [{"name": "Desk", "email": "desk@town.example"}],
        "sites": list(sites) or [site(names=[f"{name}.town.example"])],
    }
    return TenantSpec.model_validate(spec | more)


def declare(*tenants: TenantSpec, **centre_keys: Any) -> Declared:
    """A declaration of these tenants."""
    return Declared(centre(**centre_keys), tuple(sorted(tenants, key=lambda spec: spec.tenant)))


def plan(declaration: Declared, lock: Lock | None = None, **more: Any) -> tuple[Plan, Lock]:
    """The plan with images that do not exist."""
    images = more.pop("images", IMAGES)
    today = more.pop("today", TODAY)
    return make(declaration, lock or Lock(), images, today=today, **more)


def without(declaration: Declared, name: str) -> Declared:
    """The declaration without one tenant."""
    return replace(declaration, tenants=tuple(spec for spec in declaration.tenants if spec.tenant != name))


def with_tenant(declaration: Declared, spec: TenantSpec) -> Declared:
    """The declaration with one tenant more, or another in its place."""
    kept: Sequence[TenantSpec] = [other for other in declaration.tenants if other.tenant != spec.tenant]
    return replace(declaration, tenants=tuple(sorted([*kept, spec], key=lambda each: each.tenant)))
