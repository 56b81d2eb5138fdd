"""Retiring one tenant changes nothing of another: else it is refused."""

from __future__ import annotations

from idc.operate import retire
from tests.unit.plan import build

DECLARATION = build.declare(build.tenant("parks"), build.tenant("tax", build.site(), build.app()))
PLAN, LOCK = build.plan(DECLARATION)


def test_retiring_one_tenant_is_all_that_changes() -> None:
    going = build.with_tenant(DECLARATION, build.tenant("tax", build.site(), build.app(), state="retiring"))
    new, _ = build.plan(going, LOCK)
    assert retire.other_changes(PLAN, new, "tax") == []
    assert set(retire.other_changes(PLAN, new, "parks")) >= {"tenants", "sites", "segments", "containers", "flows"}


def test_a_change_beside_the_retiring_tenant_is_named() -> None:
    going = build.with_tenant(DECLARATION, build.tenant("tax", build.site(), build.app(), state="retiring"))
    new, _ = build.plan(build.with_tenant(going, build.tenant("works")), LOCK)
    assert {"tenants", "flows", "stacks"} <= set(retire.other_changes(PLAN, new, "tax"))
    image, _ = build.plan(going, LOCK, images=build.IMAGES | {"edge": f"sha256:{99:064x}"})
    assert retire.other_changes(PLAN, image, "tax") == ["containers"]
