"""The plans of the centres that come with idc, as a reviewer read them last.

Where one differs on purpose, write it anew and read the difference: see ``summary``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from idc.plan import stack_input
from tests.plans import change
from tests.plans.summary import plan_of, summary

CENTRES = {
    "reference-extranet": "centres/reference/extranet",
    "reference-intranet": "centres/reference/intranet",
    "small-extranet": "centres/small/extranet",
}


@pytest.mark.parametrize("name", CENTRES)
def test_the_plan_is_as_it_was_reviewed(name: str, root: Path) -> None:
    golden = root / "tests" / "plans" / f"{name}.txt"
    command = f"python -m tests.plans.summary {CENTRES[name]} > {golden.relative_to(root)}"
    assert summary(plan_of(root / CENTRES[name])) == golden.read_text(), f"on purpose? then: {command}"


@pytest.mark.parametrize(("name", "options"), [("change.txt", ""), ("change.md", " --markdown")])
def test_what_the_operator_reads_of_a_change_is_as_it_was_reviewed(name: str, options: str, root: Path) -> None:
    golden = root / "tests" / "plans" / name
    assert change.text(markdown=bool(options)) == golden.read_text(), (
        f"on purpose? then: python -m tests.plans.change{options} > tests/plans/{name}"
    )


def test_the_intranet_and_the_extranet_know_nothing_of_each_other(root: Path) -> None:
    """Physical isolation: not a host, network, address or name in common (design.md 7)."""
    plans = [plan_of(root / CENTRES[name]) for name in ("reference-extranet", "reference-intranet")]
    extranet, intranet = plans
    assert not extranet.prefix.overlaps(intranet.prefix)
    assert not {host.name for host in extranet.hosts} & {host.name for host in intranet.hosts}
    labs = [stack_input(plan, "lab") for plan in plans]
    for key in ("networks", "volumes", "lab_hosts", "people"):
        names = [{entry["name"] if key == "networks" else entry.get("docker_name", entry["name"]) for entry in lab[key]}
                 for lab in labs]  # fmt: skip
        assert not names[0] & names[1]
    subnets = [{entry["subnet"] for entry in lab["networks"]} for lab in labs]
    assert not subnets[0] & subnets[1]
    for one, other in ((extranet, intranet), (intranet, extranet)):
        text = repr(one)
        assert other.fabric not in text
        assert not [host.name for host in other.hosts if f"'{host.name}'" in text]
