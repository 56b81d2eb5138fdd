"""What closing does on a host, in a network namespace: afterwards the kernel holds the rules, whatever it had."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from idc.operate import closing, closing_program
from idc.render import firewall
from tests.roles.loader import Machine, standing
from tests.unit.render.small_plan import PLAN

pytestmark = pytest.mark.live

OPEN = firewall(PLAN, "web-1")
SHUT = firewall(PLAN, "web-1", flows=[flow for flow in PLAN.flows if "tax" not in flow.destination.segment])
TAX = [segment.subnet for segment in PLAN.segments if segment.tenant == "tax"]
BY_HAND = "add element inet idc flows { 10.64.16.48/28 . 10.64.16.0/28 . tcp . 22 }"


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with standing(tmp_path, OPEN) as found:
        yield found


def push(machine: Machine, ruleset: str | None, **more: Any) -> subprocess.CompletedProcess[str]:
    """The program as closing sends it."""
    order = {"ruleset": ruleset, "cut": closing.of_networks(TAX), "record": None, "read": closing.PERMITS, **more}
    text = Path(closing_program.__file__).read_text()
    machine.env["IDC_ROLES"] = str(machine.etc / "roles.json")
    return machine.do(sys.executable, "-c", text, text=json.dumps(order))


def open_for_tax(machine: Machine, done: subprocess.CompletedProcess[str]) -> list[str]:
    """What the host says that it lets pass for the tenant, and what the kernel says too."""
    assert done.returncode == 0, done.stderr
    said = [element for kept in json.loads(done.stdout)["loaded"].values() for element in kept]
    assert said, "something else is open"
    found = closing.still_open(said, TAX)
    kernel = machine.nft("list", "set", "inet", "idc", "flows")
    assert bool(found) == any(str(network) in kernel for network in TAX)
    return found


def test_what_is_closed_is_loaded_and_read_back(machine: Machine) -> None:
    done = push(machine, SHUT)
    assert open_for_tax(machine, done) == []
    assert json.loads(done.stdout)["changed"]
    again = push(machine, SHUT)
    assert not json.loads(again.stdout)["changed"]
    assert len(machine.asked) == 1


def test_a_file_that_was_never_loaded_is_loaded(machine: Machine) -> None:
    """A run that was killed between the file and the reload: the file is new, the kernel has the old rules."""
    machine.ruleset.write_text(SHUT)
    done = push(machine, SHUT)
    assert open_for_tax(machine, done) == []
    assert json.loads(done.stdout)["changed"]


@pytest.mark.parametrize("ruleset", [SHUT, None], ids=["with its rules", "with nothing to put"])
def test_what_was_opened_by_hand_is_closed(machine: Machine, ruleset: str | None) -> None:
    push(machine, SHUT)
    machine.nft("-f", "-", text=BY_HAND)
    assert open_for_tax(machine, push(machine, ruleset)) == []


def test_a_table_that_is_gone_is_loaded_again(machine: Machine) -> None:
    machine.nft("flush", "ruleset")
    assert open_for_tax(machine, push(machine, SHUT)) == []


@pytest.mark.parametrize("ruleset", ["", "nonsense\n", SHUT[: SHUT.index("chain output")]])
def test_what_is_no_rule_set_closes_nothing_and_says_so(machine: Machine, ruleset: str) -> None:
    (machine.etc / "roles.json").write_text('{"open": "a"}')
    before = machine.table()
    done = push(machine, ruleset, record=["a", "b"])
    assert done.returncode == 1
    assert done.stderr
    assert machine.table() == before
    assert json.loads((machine.etc / "roles.json").read_text()) == {"open": "a"}


def test_the_roles_record_goes_with_it_only_where_it_is_known(machine: Machine) -> None:
    record = machine.etc / "roles.json"
    record.write_text('{"base": "x", "open": "a"}')
    push(machine, SHUT, record=["a", "b"])
    assert json.loads(record.read_text()) == {"base": "x", "open": "b"}
    push(machine, OPEN, record=["a", "c"])
    assert json.loads(record.read_text()) == {"base": "x", "open": "b"}


def test_a_loader_that_is_older_than_closing_loads_all_the_same(machine: Machine) -> None:
    machine.loader.write_text(machine.loader.read_text().replace("\nensure)\n", "\nensured)\n"))
    assert open_for_tax(machine, push(machine, SHUT)) == []
