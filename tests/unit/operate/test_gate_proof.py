"""`up` applies only what is proven: a leak is refused with the packet that shows it."""

from __future__ import annotations

import dataclasses

import pytest

from idc.errors import RefusedError
from idc.operate import gate
from idc.plan.types import Flow, Plan
from idc.report import proven
from tests.docs.generated import reference_plan


def leaking() -> Plan:
    """The reference extranet with one flow too many: a department's site may call another's database."""
    plan = reference_plan("extranet")
    sites = {flow.destination.ref: flow.destination for flow in plan.flows}
    database = next(flow.destination for flow in plan.flows if flow.port == 5432)
    leak = Flow(sites["tenant/civil-affairs/site/www"], database, "tcp", 5432, "nobody asked for it", "", "declared")
    return dataclasses.replace(plan, flows=(*plan.flows, leak))


def test_what_holds_goes_on() -> None:
    assert gate.refuse_unproven(reference_plan("extranet")).looked_at["flows"]


def test_a_flow_between_tenants_is_refused_and_named() -> None:
    with pytest.raises(RefusedError, match="the isolation proof fails; nothing was changed") as refused:
        gate.refuse_unproven(leaking())
    assert "civil-affairs" in refused.value.message


def test_what_is_broken_is_shown_to_people_and_machines() -> None:
    from idc.proof import prove_plan

    proof = prove_plan(leaking())
    document = proven.document(proof)
    assert document["verdict"] == "broken"
    assert "civil-affairs" in str(document["violations"])
    assert "civil-affairs" in proven.markdown(proof)
