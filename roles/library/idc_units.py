"""Ansible module: several systemd units in one call to the host.

What a unit has read is told by what stands in its files, not by a notification: one that a killed run has not given
would be lost, and the next run would find all files as wanted and the old settings in use.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: idc_units
short_description: State of several systemd units, in one call
description: >-
  Reads the units again where their files changed, unmasks, masks, enables, restarts, reloads and starts, in this order.
  What is as wanted is left alone; a unit that does not become active is a failure with its own words. Check mode works.
author: the idc project
options:
  unmasked: {description: Units that may start., type: list, elements: str, default: []}
  masked: {description: Units that can never start., type: list, elements: str, default: []}
  enabled: {description: Units that start with the host., type: list, elements: str, default: []}
  started: {description: Units that run., type: list, elements: str, default: []}
  reloaded: {description: Units to reload, or start where they do not run., type: list, elements: str, default: []}
  restarted: {description: Units to restart., type: list, elements: str, default: []}
  inputs:
    description: >-
      Files and folders that a unit reads. One that is to be C(reloaded) or C(restarted) is left alone when it runs and
      these are what they were when this module last did so since the host's start. The note of it is written after the
      unit was seen to run.
    type: dict
    default: {}
  notes: {description: Folder of these notes, empty after a start of the host., type: path, default: /run/idc/units}
"""

EXAMPLES = r"""
- name: 8.1.3.2 a | the rules stand, now and after every start
  idc_units:
    enabled: [idc-firewall.service]
    started: [idc-firewall.service]
- name: 8.1.2.1 d | the routes that are in use are those of the file
  idc_units:
    restarted: [idc-routes.service]
    inputs: {idc-routes.service: [/usr/local/sbin/idc-routes, /etc/idc/routes]}
"""

RETURN = r"""
units: {description: What was done to which unit, or would be., type: list, elements: str, returned: always}
"""

LISTS = ("unmasked", "masked", "enabled", "started", "reloaded", "restarted")
PROPERTIES = ("Id", "LoadState", "ActiveState", "UnitFileState", "NeedDaemonReload")


class Units:
    """One run over the wanted units."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.done: list[str] = []

    def systemctl(self, *words: str) -> str:
        """Run systemctl; its failure is the module's."""
        code, out, err = self.module.run_command(["systemctl", *words])
        if code:
            self.module.fail_json(msg=f"systemctl {' '.join(words)}: {(err or out).strip()}", units=self.done)
        return str(out)

    def look(self, names: list[str]) -> dict[str, dict[str, str]]:
        """Properties of the units, by the name that was asked for."""
        blocks = self.systemctl("show", "--property=" + ",".join(PROPERTIES), *names).strip().split("\n\n")
        found = [dict(line.split("=", 1) for line in block.splitlines()) for block in blocks]
        return dict(zip(names, found, strict=True))

    def do(self, verb: str, names: list[str]) -> None:
        """Do one thing to units, unless only checking."""
        if names:
            self.done += [f"{verb} {name}" for name in names]
            if not self.module.check_mode:
                self.systemctl(verb, *names)

    def run(self) -> None:
        """Bring all units to what is wanted."""
        wanted: dict[str, list[str]] = {name: self.module.params[name] for name in LISTS}
        names = sorted({name for units in wanted.values() for name in units})
        if not names:
            return
        stands = self.stands(wanted)  # before anything is done: what is written meanwhile is read by the next run
        state = self.look(names)
        if any(unit["NeedDaemonReload"] == "yes" for unit in state.values()) and not self.module.check_mode:
            self.systemctl("daemon-reload")
            state = self.look(names)
        self.do("unmask", [name for name in wanted["unmasked"] if state[name]["LoadState"] == "masked"])
        self.do("mask", [name for name in wanted["masked"] if state[name]["LoadState"] != "masked"])
        self.do("enable", [name for name in wanted["enabled"] if state[name]["UnitFileState"] != "enabled"])
        active = {name for name in names if state[name]["ActiveState"] in ("active", "reloading", "activating")}
        same = {name for name in active & set(stands) if self.note(name) == stands[name]}
        restarted = [name for name in wanted["restarted"] if name not in same]
        self.do("restart", restarted)
        self.do("reload", [name for name in wanted["reloaded"] if name in active - same])
        stopped = [name for name in wanted["started"] + wanted["reloaded"] if name not in active]
        self.do("start", sorted(set(stopped) - set(restarted)))
        self.check(sorted({*wanted["started"], *wanted["reloaded"], *wanted["restarted"]}))
        for name in sorted(set(stands) - same):
            self.write_note(name, stands[name])

    def stands(self, wanted: dict[str, list[str]]) -> dict[str, Any]:
        """What stands in the files of each unit that has some: path -> digest and time of its last change.

        The time tells a file that was changed and changed back, which a unit may have read in between.
        """
        found: dict[str, Any] = {}
        for name, paths in self.module.params["inputs"].items():
            if name not in wanted["reloaded"] + wanted["restarted"]:
                self.module.fail_json(msg=f"inputs: {name} is neither to be reloaded nor restarted")
            found[name] = {path: _file(Path(path)) for path in sorted(_files(paths))}
        return found

    def note(self, name: str) -> Any:
        """What stood in the unit's files when it last read them by our doing; None when that is not known."""
        try:
            return json.loads((Path(self.module.params["notes"]) / name).read_text())
        except (FileNotFoundError, ValueError):
            return None

    def write_note(self, name: str, stood: Any) -> None:
        """Note it; a note that a kill leaves half-written is read as none."""
        if not self.module.check_mode:
            folder = Path(self.module.params["notes"])
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            (folder / name).write_text(json.dumps(stood))

    def check(self, names: list[str]) -> None:
        """Fail for a unit that does not run: starting one whose condition fails is no error to systemd."""
        if self.module.check_mode or not names or not self.done:
            return
        for name, unit in self.look(names).items():
            if unit["ActiveState"] not in ("active", "reloading", "activating"):
                _, out, _ = self.module.run_command(["systemctl", "--no-pager", "--lines=5", "status", name])
                self.module.fail_json(msg=f"{name} is {unit['ActiveState']}: {out.strip()}", units=self.done)


def _files(paths: list[str]) -> list[str]:
    """The files themselves, and those in folders."""
    found = []
    for path in paths:
        folder = Path(path)
        found += [str(file) for file in folder.iterdir()] if folder.is_dir() else [path]
    return found


def _file(path: Path) -> list[str | int] | None:
    """Digest and time of the last change (ns); None when it is not there."""
    try:
        with path.open("rb") as file:
            return [hashlib.sha256(file.read()).hexdigest(), os.fstat(file.fileno()).st_ctime_ns]
    except FileNotFoundError:
        return None


def main() -> None:
    """Entry point of Ansible."""
    lists: dict[str, Any] = {name: {"type": "list", "elements": "str", "default": []} for name in LISTS}
    notes = {"type": "path", "default": "/run/idc/units"}
    module = AnsibleModule(
        argument_spec={**lists, "inputs": {"type": "dict", "default": {}}, "notes": notes},
        supports_check_mode=True,
    )
    units = Units(module)
    units.run()
    module.exit_json(changed=bool(units.done), units=units.done)


if __name__ == "__main__":
    main()
