"""The roles run on hosts: ansible-runner over the station's one SSH way, its events as progress, its failures in words.

Every run has a fresh private folder (0700), a minimal environment (what runner keeps as artifacts holds no secret), a
deadline, and a session of its own that is killed when it is cancelled, when it is late, or when idc itself dies.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from idc import paths, render
from idc.engine import files
from idc.engine.sessions import kill_naming
from idc.engine.station import Station
from idc.errors import ToolError
from idc.plan.types import Plan
from idc.render.host_files import BANDWIDTH, ROUTES, RULESET

BASE, OPEN = "base", "open"
LAST_TASKS: Final = {BASE: "What has converged is recorded", OPEN: "What has been opened is recorded"}
OPEN_FILES: Final = (RULESET, ROUTES, BANDWIDTH)
_COUNTED: Final = {"runner_on_ok": "tasks_ok", "runner_on_failed": "failed", "runner_on_unreachable": "unreachable"}


@dataclass(frozen=True)
class HostResult:
    """How the roles went on one host."""

    tasks_ok: int = 0
    changed: int = 0
    failed: int = 0
    unreachable: int = 0
    skipped: int = 0
    error: str = ""  # the failed task's name and its own words
    changes: tuple[str, ...] = ()  # names of the tasks that changed something

    @property
    def ok(self) -> bool:
        """True when every task went well."""
        return not (self.failed or self.unreachable or self.error)


@dataclass(frozen=True)
class AnsibleResult:
    """How a run went, by host."""

    hosts: Mapping[str, HostResult] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """True when every host converged."""
        return all(host.ok for host in self.hosts.values())

    @property
    def changed(self) -> int:
        """Tasks that changed something, on all hosts."""
        return sum(host.changed for host in self.hosts.values())


def host_digest(plan: Plan, host: str, tag: str) -> str:
    """Digest of all that the roles of a tag (``base``, ``open``) put on a host, as it records it once converged."""
    machine = plan.host_by_name[host]
    rendered = render.host_files(plan, host)
    parts = [tag, _roles_digest(), f"{machine.is_lab} {machine.user}"]
    parts += [f"{path}\n{text}" for path, text in sorted(rendered.items()) if (path in OPEN_FILES) == (tag == OPEN)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@cache
def _roles_digest() -> str:
    """Digest of everything below roles/: what an upgrade of idc changes there is run on every host."""
    folder = paths.resources() / "roles"
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".pyc", ".md")):
        digest.update(f"{path.relative_to(folder)}\0{path.stat().st_mode & 0o111:o}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def converge(
    station: Station,
    plan: Plan,
    hosts: Sequence[str],
    tags: Sequence[str],
    on_event: Callable[[str], None],
    check: bool = False,
    deadline: float = 900.0,
) -> AnsibleResult:
    """Run the roles of the tags on hosts. That their lines are connected (``Hosts.connect``) saves seconds.

    A host that fails, is not reached or is late has its words in its result; the others go on. ``check`` changes
    nothing and counts what would change. ``deadline`` is in seconds. Raises ToolError when ansible-playbook cannot run.
    """
    if not hosts:
        return AnsibleResult()
    files.make_folder(station.runtime)
    logs = station.folder / "logs"
    with files.explained(logs):
        folder = Path(tempfile.mkdtemp(prefix="ansible-", dir=logs))  # 0700 by mkdtemp
    try:
        with files.explained(folder):
            _prepare(folder, station, plan, hosts)
        began = time.monotonic()
        events = _Events(hosts, tags, on_event)
        _run(folder, tags, events, check, deadline)
        return AnsibleResult(events.results(), time.monotonic() - began)
    finally:
        kill_naming(folder)  # workers of a late run have sessions of their own, and would go on with their tasks
        shutil.rmtree(folder, ignore_errors=True)


def inventory(folder: Path, plan: Plan, hosts: Sequence[str]) -> dict[str, Any]:
    """Ansible's inventory: each host with what the roles need to know of it. Reached by the names of the ssh config."""
    entries = {}
    for name in sorted(hosts):
        machine = plan.host_by_name[name]
        entries[name] = {
            "ansible_user": machine.user,
            "ansible_become": machine.user != "root",
            "idc_lab": machine.is_lab,
            "idc_rendered": str(folder / "rendered" / name),
            "idc_digest_base": host_digest(plan, name, BASE),
            "idc_digest_open": host_digest(plan, name, OPEN),
        }
    return {"all": {"hosts": entries}}


def _prepare(folder: Path, station: Station, plan: Plan, hosts: Sequence[str]) -> None:
    """The run's folder: inventory, rendered files, settings, and ansible-playbook so that it dies with idc."""
    for name in hosts:
        rendered = {**render.host_files(plan, name), "/closed.nft": render.firewall(plan, name, closed=True)}
        for path, text in rendered.items():
            place = folder / "rendered" / name / path.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
    (folder / "inventory").mkdir()
    (folder / "inventory" / "hosts.json").write_text(json.dumps(inventory(folder, plan, hosts), indent=1))
    roles, forks = paths.resources() / "roles", min(len(hosts), 20)
    settings = _SETTINGS.format(roles=roles, folder=folder, forks=forks, ssh_config=station.ssh_config)
    (folder / "ansible.cfg").write_text(settings)
    (folder / "env").mkdir()
    (folder / "env" / "settings").write_text(json.dumps({"pexpect_timeout": 0.25}))
    program = Path(sys.executable).parent / "ansible-playbook"
    if not program.exists():
        raise ToolError(f"{program} is missing", hint="remove .venv and run ./idc again: it is made from the lock")
    wrapper = folder / "ansible-playbook"
    wrapper.write_text(f'#!/bin/sh\nexec setpriv --pdeathsig TERM "{program}" "$@"\n')
    wrapper.chmod(0o700)


_SETTINGS: Final = """\
[defaults]
roles_path = {roles}
library = {roles}/library
inventory = {folder}/inventory/hosts.json
local_tmp = {folder}/tmp
forks = {forks}
internal_poll_interval = 0.02
gathering = explicit
interpreter_python = /usr/bin/python3
host_key_checking = True
deprecation_warnings = False
nocolor = True

[connection]
pipelining = True

[ssh_connection]
ssh_args = -F "{ssh_config}"
"""


def _environment(folder: Path) -> dict[str, str]:
    """All that ansible-playbook's environment is: nothing of the caller's but where programs are."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",  # nothing is written beside the roles
        "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
    }


def _run(folder: Path, tags: Sequence[str], events: _Events, check: bool, deadline: float) -> None:
    """Run ansible-runner in a thread, so that Ctrl-C can cancel it: its loop looks twice a second."""
    import ansible_runner  # half a second that other commands need not wait for

    environment = _environment(folder)
    runner = ansible_runner.interface.init_runner(
        private_data_dir=str(folder),
        ident="run",
        playbook=str(paths.resources() / "roles" / "site.yml"),
        inventory=str(folder / "inventory" / "hosts.json"),
        tags=",".join(tags),
        cmdline="--check --diff" if check else None,
        envvars=environment,
        suppress_env_files=True,
        timeout=max(1, round(deadline)),
        event_handler=events.handle,
        cancel_callback=events.cancelled.is_set,
        quiet=True,
    )
    # What runner has added itself (its callback plugin's place), without the caller's own environment.
    added = {key: value for key, value in runner.config.env.items() if key.startswith(("AWX_", "ANSIBLE_"))}
    foreign = {key for key in os.environ if key.startswith(("AWX_", "ANSIBLE_"))} - set(environment)
    runner.config.env = {key: value for key, value in added.items() if key not in foreign} | environment
    runner.config.command[0] = str(folder / "ansible-playbook")
    broken: list[OSError] = []

    def work() -> None:
        try:
            runner.run()
        except OSError as error:  # what it keeps of each event finds no space
            broken.append(error)

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    try:
        worker.join()
    finally:
        if worker.is_alive():  # interrupted
            events.cancelled.set()
            worker.join(10)
    if broken:
        raise ToolError(f"ansible-playbook could not be run: {broken[0]}", hint=f"is there space in {folder.parent}?")
    if runner.status == "timeout":
        events.late = f"the roles took over {deadline:.0f} s; run the same command again"
    elif runner.status != "successful" and not events.failures:
        words = _last_words(folder / "artifacts" / "run" / "stdout")
        raise ToolError(f"ansible-playbook failed (code {runner.rc}): {words}")


def _last_words(path: Path) -> str:
    try:
        return "\n".join(path.read_text(errors="replace").strip().splitlines()[-15:])
    except OSError:
        return "it said nothing"


class _Events:
    """Collects runner's events. Its handler is called on runner's thread and must be fast."""

    def __init__(self, hosts: Sequence[str], tags: Sequence[str], on_event: Callable[[str], None]) -> None:
        self.late = ""
        self._last_tasks = frozenset(LAST_TASKS[tag] for tag in tags)
        self._ended: dict[str, set[str]] = {host: set() for host in hosts}
        self.cancelled = threading.Event()
        self.failures = 0
        self._on_event = on_event
        self._found: dict[str, dict[str, Any]] = {host: {} for host in hosts}
        self._running: dict[str, str] = {}

    def handle(self, event: dict[str, Any]) -> bool:
        """Take one event; False: runner need not keep it."""
        kind, data = event.get("event", ""), event.get("event_data", {})
        host, task = data.get("host", ""), data.get("task", "")
        if host not in self._found:
            return False
        found = self._found[host]
        if kind == "runner_on_start":
            self._running[host] = task
        elif kind == "runner_on_skipped":
            found["skipped"] = found.get("skipped", 0) + 1
        elif kind in _COUNTED:
            result = data.get("res") or {}
            counted = _COUNTED[kind]
            found[counted] = found.get(counted, 0) + 1
            if result.get("changed"):
                found["changed"] = found.get("changed", 0) + 1
                found.setdefault("changes", []).append(task)
            if counted != "tasks_ok":
                self.failures += 1
                found["error"] = f"{task}: {_words(result)}"
            self._running.pop(host, None)
            self._ended[host].add(task)
            self._on_event(f"{host}: {task}" + (" (changed)" if result.get("changed") else ""))
        return False

    def results(self) -> dict[str, HostResult]:
        """Results by host. Only one that has recorded its end has converged."""
        results = {}
        for host, found in self._found.items():
            if not found.get("error") and not self._last_tasks <= self._ended[host]:
                where = self._running.get(host, "between two tasks")
                found = {**found, "error": f"{where}: {self.late or 'the roles did not get to their end'}"}
            results[host] = HostResult(**{**found, "changes": tuple(found.get("changes", ()))})
        return results


def _words(result: Mapping[str, Any]) -> str:
    """A failed task's own words, the most telling first, at most a few lines."""
    for key in ("msg", "module_stderr", "stderr", "module_stdout", "stdout"):
        text = str(result.get(key) or "").strip()
        if text and text != "MODULE FAILURE\nSee stdout/stderr for the exact error":
            return "\n".join(text.splitlines()[:12])
    return json.dumps({key: value for key, value in result.items() if not key.startswith("_ansible")})[:500]
