"""What a run of the roles comes to: digests that say what to run again, events that say how it went."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from idc import paths
from idc.engine import ansible
from idc.engine.ansible import BASE, LAST_TASKS, OPEN, host_digest, inventory
from tests.unit.render.small_plan import PLAN

ROLES = paths.resources() / "roles"


def event(kind: str, host: str, task: str, **result: Any) -> dict[str, Any]:
    return {"event": f"runner_on_{kind}", "event_data": {"host": host, "task": task, "res": result}}


def outcome(*events: dict[str, Any], late: str = "") -> ansible.HostResult:
    seen = ansible._Events(["web-1"], [BASE], lambda _: None)
    for one in events:
        seen.handle(one)
    seen.late = late
    return seen.results()["web-1"]


END = event("ok", "web-1", LAST_TASKS[BASE], changed=True)


def test_a_host_that_recorded_its_end_has_converged() -> None:
    result = outcome(event("ok", "web-1", "a", changed=False), event("skipped", "web-1", "b"), END)
    assert result.ok
    assert (result.tasks_ok, result.changed, result.skipped) == (2, 1, 1)
    assert result.changes == (LAST_TASKS[BASE],)


def test_a_host_that_never_recorded_its_end_has_not() -> None:
    assert not outcome(event("ok", "web-1", "a")).ok
    assert not outcome().ok
    late = outcome(event("start", "web-1", "the engine runs"), late="the roles took over 5 s")
    assert late.error == "the engine runs: the roles took over 5 s"


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ({"msg": "nft refused the new /etc/idc/firewall/ruleset.nft: syntax error"}, "nft refused the new"),
        (
            {"msg": "MODULE FAILURE\nSee stdout/stderr for the exact error", "module_stderr": "No space left"},
            "No space",
        ),
        ({"stderr": "permission denied"}, "permission denied"),
        ({"odd": 1, "_ansible_no_log": False}, '{"odd": 1}'),
    ],
)
def test_a_failure_keeps_the_tasks_own_words(result: dict[str, Any], words: str) -> None:
    failed = outcome(event("failed", "web-1", "8.1.3.2 b | only the plan's flows are open", **result), END)
    assert not failed.ok
    assert failed.error.startswith("8.1.3.2 b | only the plan's flows are open: ")
    assert words in failed.error


def test_an_unreachable_host_is_not_ok() -> None:
    result = outcome(event("unreachable", "web-1", "a", msg="Failed to connect to the host via ssh"))
    assert not result.ok
    assert result.unreachable == 1


def test_a_changed_flow_is_opened_again_and_the_base_left_alone() -> None:
    fewer = replace(PLAN, flows=PLAN.flows[:-1])
    assert host_digest(PLAN, "web-1", BASE) == host_digest(fewer, "web-1", BASE)
    assert host_digest(PLAN, "web-1", OPEN) != host_digest(fewer, "web-1", OPEN)
    assert host_digest(PLAN, "web-2", OPEN) == host_digest(fewer, "web-2", OPEN), "another host's flow"
    assert host_digest(PLAN, "web-1", BASE) != host_digest(PLAN, "web-1", OPEN)


def test_the_inventory_says_what_the_roles_ask_for() -> None:
    hosts = inventory(Path("/run"), PLAN, ["web-2", "edge-1"])["all"]["hosts"]
    assert list(hosts) == ["edge-1", "web-2"]
    assert hosts["web-2"]["idc_lab"] is True
    text = "".join(path.read_text() for path in [ROLES / "site.yml", *ROLES.glob("*/tasks/*.yml")])
    for variable in ("idc_lab", "idc_rendered", "idc_digest_base", "idc_digest_open"):
        assert variable in text
        assert variable in hosts["web-2"]


def test_the_last_tasks_are_the_playbooks() -> None:
    [play] = yaml.safe_load((ROLES / "site.yml").read_text())
    last = {task["tags"][0]: task["name"] for task in play["tasks"] if "idc_record" in task}
    assert last == LAST_TASKS


def test_a_run_takes_back_what_was_recorded_before_it_changes_anything() -> None:
    [play] = yaml.safe_load((ROLES / "site.yml").read_text())
    for tasks, state in ((play["pre_tasks"], "begun"), (play["tasks"], "converged")):
        records = [task for task in tasks if "idc_record" in task]
        assert [list(task["idc_record"]["entries"]) for task in records] == [task["tags"] for task in records]
        assert [task["tags"] for task in records] == [[BASE], [OPEN]]
        assert {task["idc_record"].get("state", "converged") for task in records} == {state}


def test_every_task_names_its_clause_and_has_it_as_a_tag() -> None:
    for path in ROLES.glob("*/tasks/main.yml"):
        for task in yaml.safe_load(path.read_text()):
            clause, _, what = task["name"].partition(" | ")
            assert what, f"{path}: {task['name']}"
            assert clause.replace(" ", ".") in task["tags"], f"{path}: {task['name']}"


READ_BY_UNITS = ("/etc/systemd/system/", "/usr/local/sbin/", "/etc/idc/", "/etc/docker/", "/etc/ssh/sshd_config")


@pytest.mark.parametrize("role", ["engine", "routing", "links", "bandwidth", "hardening"])
def test_what_a_unit_reads_is_compared_with_what_it_has_read(role: str) -> None:
    """A notification is lost with the run that was to give it; then nobody loads what was put."""
    tasks = yaml.safe_load((ROLES / role / "tasks/main.yml").read_text())
    assert not [task["name"] for task in tasks if "notify" in task]
    assert not (ROLES / role / "handlers").exists()
    put = {
        entry["path"]
        for task in tasks
        for entry in task.get("idc_files", {}).get("files", [])
        if entry.get("state", "file") == "file"
    }
    read: set[str] = set()
    for units in (task["idc_units"] for task in tasks if "idc_units" in task):
        inputs = units.get("inputs", {})
        assert set(inputs) == {*units.get("restarted", []), *units.get("reloaded", [])}, "no unconditional restart"
        read.update(path for paths in inputs.values() for path in paths)
    read.update(task["idc_sysctls"]["file"] for task in tasks if "idc_sysctls" in task)
    for path in put:
        if path.startswith((*READ_BY_UNITS, "/etc/sysctl.d/")):
            assert path in read or str(Path(path).parent) in read, f"{path} is put, and nobody sees to its being read"


def test_every_source_of_a_task_is_there() -> None:
    for path in ROLES.glob("*/tasks/main.yml"):
        for task in yaml.safe_load(path.read_text()):
            for entry in task.get("idc_files", {}).get("files", []):
                source = entry.get("source", "")
                if source and "{{" not in source:
                    assert (path.parents[1] / "files" / source).is_file(), f"{path}: {source}"
