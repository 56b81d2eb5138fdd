"""The loader of packet rules in a network namespace: what counts as loaded, what is refused, what its watch notices."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from idc.render import firewall
from tests.roles.loader import Machine, soon, standing
from tests.unit.render.small_plan import PLAN

pytestmark = pytest.mark.live

RULES = firewall(PLAN, "web-1")
OTHER = firewall(PLAN, "web-1", flows=PLAN.flows[:1])


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with standing(tmp_path, RULES) as found:
        yield found


# -- what counts as loaded ---------------------------------------------------------------------------------------------


def test_what_is_loaded_stands_and_is_not_loaded_again(machine: Machine) -> None:
    assert machine.forwards == "1"
    assert machine.idc("standing").returncode == 0
    assert machine.idc("ensure").stdout.startswith("stands")
    assert machine.asked == []


def test_a_file_that_nobody_loaded_does_not_count(machine: Machine) -> None:
    """A run that is killed between the file and the reload."""
    machine.ruleset.write_text(OTHER)
    assert machine.idc("standing").returncode == 1
    assert machine.idc("ensure").stdout.startswith("loaded")
    assert machine.asked == ["reload-or-restart idc-firewall.service"]
    assert "10.64.16.32/28 . tcp . 5432" not in machine.table()
    assert machine.idc("standing").returncode == 0


def test_a_load_that_was_killed_half_way_does_not_count(machine: Machine) -> None:
    """The kernel has the new rules, forwarding and all else is as before."""
    machine.ruleset.write_text(OTHER)
    machine.nft("-f", str(machine.ruleset))
    assert machine.idc("standing").returncode == 1
    assert machine.idc("ensure").returncode == 0
    assert machine.idc("standing").returncode == 0


def test_another_loader_loads_again(machine: Machine) -> None:
    with machine.loader.open("a") as file:
        file.write("# another version\n")
    assert machine.idc("standing").returncode == 1
    assert machine.idc("ensure").returncode == 0
    assert machine.idc("standing").returncode == 0


def test_a_watch_of_another_version_is_restarted(machine: Machine) -> None:
    """It compares with what another program wrote down, and would see a change after every load."""
    with machine.watching():
        pass
    assert machine.idc("ensure").returncode == 0
    assert machine.restarted == []
    with machine.loader.open("a") as file:
        file.write("# another version\n")
    assert machine.idc("ensure").returncode == 0
    assert machine.restarted == ["idc-firewall-watch.service"]


HARMS = {
    "an element more": "add element inet idc flows { 10.64.16.0/28 . 10.64.16.16/28 . tcp . 22 }",
    "an element less": "delete element inet idc flows { 10.64.0.0/28 . 10.64.16.0/27 . tcp . 8080 }",
    "a source more": 'add element inet idc bound { "br-0a401000" . 10.64.0.0/28 }',
    "a rule more": "insert rule inet idc forward accept",
    "a chain more": "add chain inet idc mine { type filter hook ingress device lo priority 0; policy accept; }",
    "a set more": "add set inet idc mine { type ipv4_addr; }",
    "a policy of accept": "add chain inet idc forward { policy accept; }",
    "a table that sleeps": "add table inet idc { flags dormant; }",
    "no table": "delete table inet idc",
    "no rules": "flush table inet idc",
    "nothing at all": "flush ruleset",
}


@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS)
def test_rules_that_were_changed_by_hand_do_not_count(machine: Machine, harm: str) -> None:
    before = machine.table()
    machine.nft("-f", "-", text=harm)
    assert machine.idc("standing").returncode == 1
    assert machine.idc("ensure").returncode == 0
    assert machine.table() == before


# -- what is refused ---------------------------------------------------------------------------------------------------

HEAD = RULES[: RULES.index("table inet idc {")]
BROKEN = {
    "empty": "",
    "only its comments": HEAD[: HEAD.index("table inet idc")],
    "cut off after the old table's end": HEAD,
    "cut off in a chain": RULES[: RULES.index("chain output")],
    "without a chain": RULES.replace("type filter hook output", "type filter hook postrouting"),
    "a chain that ends in its policy": RULES.replace('counter name "deny_input" drop', 'counter name "deny_input"'),
    "a policy of accept": RULES.replace(
        "hook forward priority filter; policy drop", "hook forward priority filter; policy accept"
    ),
    "says nothing of forwarding": RULES.replace("# forwarding:", "# forwards:"),
    "no rules at all": "nonsense\n",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_rule_set_that_is_not_whole_is_refused(machine: Machine, text: str) -> None:
    before = machine.table()
    machine.ruleset.write_text(text)
    refused = machine.idc("reload")
    assert refused.returncode == 1
    assert "the rules that stood before still stand" in refused.stderr
    assert machine.table() == before
    assert machine.idc("ensure").returncode == 1
    assert machine.idc("start").returncode == 1
    assert "flows" not in machine.table()
    assert machine.table().count("\t\tdrop\n") == 4
    assert machine.forwards == "0"
    machine.ruleset.write_text(RULES)
    assert machine.idc("ensure").returncode == 0
    assert machine.table() == before


UNDONE = ("delete table inet idc", "flush chain inet idc forward", "add table inet idc { flags dormant; }")


@pytest.mark.parametrize("more", UNDONE)
def test_what_loads_and_leaves_no_whole_table_closes(machine: Machine, more: str) -> None:
    machine.ruleset.write_text(f"{RULES[:-2]}}}\n{more}\ntable inet beside {{\n}}\n")
    assert machine.idc("reload").returncode == 1
    assert machine.table().count("\t\tdrop\n") == 4
    assert "accept" in machine.table(), "lo"
    assert "flows" not in machine.table()


def test_rules_changed_by_hand_do_not_outlive_a_file_that_cannot_be_loaded(machine: Machine) -> None:
    machine.nft("-f", "-", text=HARMS["a rule more"])
    machine.ruleset.write_text("nonsense\n")
    assert machine.idc("reload").returncode == 1
    assert machine.forwards == "0"
    assert "\t\taccept" not in machine.table()


def test_without_its_closed_file_it_shuts_everything(machine: Machine) -> None:
    machine.closed.write_text("")
    machine.ruleset.write_text("")
    assert machine.idc("start").returncode == 1
    assert machine.table().count("\t\tdrop\n") == 4
    assert machine.table().count('"lo" accept') == 3


def test_stop_closes(machine: Machine) -> None:
    assert machine.idc("stop").returncode == 0
    assert machine.forwards == "0"
    assert machine.table().count("\t\tdrop\n") == 4
    assert machine.idc("standing").returncode == 1


# -- what the watch notices --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS)
def test_the_watch_loads_again_what_was_changed_by_hand(machine: Machine, harm: str) -> None:
    before = machine.table()
    with machine.watching() as log:
        machine.nft("-f", "-", text=harm)
        assert soon(lambda: machine.asked != [])
        assert soon(lambda: machine.table() == before)
        said = log.read_text()
    assert "<1>the packet rules were changed by something else (by nft, process " in said
    assert "<1>is nobody's:" in said or "<1>is missing:" in said


def test_the_watch_takes_its_own_loads_for_no_change(machine: Machine) -> None:
    with machine.watching() as log:
        machine.ruleset.write_text(OTHER)
        assert machine.idc("reload").returncode == 0
        machine.do("ip", "link", "add", "name", "br-x", "type", "bridge")
        time.sleep(1.5)
        assert log.read_text() == ""
    assert machine.asked == []


def test_the_watch_reports_tables_beside_ours(machine: Machine) -> None:
    with machine.watching() as log:
        machine.nft("add", "table", "netdev", "strange")
        assert soon(lambda: "<4>tables beside ours: table netdev strange" in log.read_text())
        assert "by nft" in log.read_text()
    assert machine.asked == [], "ours are as they were"


def test_the_watch_is_not_kept_from_looking_by_much_that_happens(machine: Machine) -> None:
    """Somebody who changes something all the time, so that there is never a quiet moment."""
    noise = "while :; do nft add table ip noise; nft delete table ip noise; done"
    argv = ["ip", "netns", "exec", machine.name, "sh", "-c", noise]
    with machine.watching(), subprocess.Popen(argv, start_new_session=True) as noisy:
        try:
            time.sleep(0.5)
            machine.nft("-f", "-", text=HARMS["a rule more"])
            assert soon(lambda: machine.asked != [] and "\t\taccept" not in machine.table())
        finally:
            os.killpg(noisy.pid, 9)
