"""Ansible module: several systemd units in one call to the host."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: idc_units
short_description: State of several systemd units, in one call
description: >-
  Reads the units again where their files changed, masks, enables, restarts, reloads and starts, in this order. What is
  as wanted is left alone; a unit that does not become active is a failure with its own words. Check mode works.
author: the idc project
options:
  masked: {description: Units that can never start., type: list, elements: str, default: []}
  enabled: {description: Units that start with the host., type: list, elements: str, default: []}
  started: {description: Units that run., type: list, elements: str, default: []}
  reloaded: {description: Units to reload, or start where they do not run., type: list, elements: str, default: []}
  restarted: {description: Units to restart., type: list, elements: str, default: []}
"""

EXAMPLES = r"""
- name: 8.1.3.2 a | the rules stand, now and after every start
  idc_units:
    enabled: [idc-firewall.service]
    started: [idc-firewall.service]
"""

RETURN = r"""
units: {description: What was done to which unit, or would be., type: list, elements: str, returned: always}
"""

LISTS = ("masked", "enabled", "started", "reloaded", "restarted")
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
        state = self.look(names)
        if any(unit["NeedDaemonReload"] == "yes" for unit in state.values()) and not self.module.check_mode:
            self.systemctl("daemon-reload")
            state = self.look(names)
        self.do("mask", [name for name in wanted["masked"] if state[name]["LoadState"] != "masked"])
        self.do("enable", [name for name in wanted["enabled"] if state[name]["UnitFileState"] != "enabled"])
        active = {name for name in names if state[name]["ActiveState"] in ("active", "reloading", "activating")}
        self.do("restart", wanted["restarted"])
        self.do("reload", [name for name in wanted["reloaded"] if name in active])
        stopped = [name for name in wanted["started"] + wanted["reloaded"] if name not in active]
        self.do("start", sorted(set(stopped) - set(wanted["restarted"])))
        self.check(sorted({*wanted["started"], *wanted["reloaded"], *wanted["restarted"]}))

    def check(self, names: list[str]) -> None:
        """Fail for a unit that does not run: starting one whose condition fails is no error to systemd."""
        if self.module.check_mode or not names or not self.done:
            return
        for name, unit in self.look(names).items():
            if unit["ActiveState"] not in ("active", "reloading", "activating"):
                _, out, _ = self.module.run_command(["systemctl", "--no-pager", "--lines=5", "status", name])
                self.module.fail_json(msg=f"{name} is {unit['ActiveState']}: {out.strip()}", units=self.done)


def main() -> None:
    """Entry point of Ansible."""
    module = AnsibleModule(
        argument_spec={name: {"type": "list", "elements": "str", "default": []} for name in LISTS},
        supports_check_mode=True,
    )
    units = Units(module)
    units.run()
    module.exit_json(changed=bool(units.done), units=units.done)


if __name__ == "__main__":
    main()
