"""Station's side of the module idc_files: `source` is read here, from the role's files/ or an absolute path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):  # type: ignore[misc]
    """Puts the content in place of each source, then runs the module."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run on one host."""
        super().run(tmp, task_vars)
        files = []
        for entry in self._task.args.get("files", []):
            wanted = dict(entry)
            if source := wanted.pop("source", None):
                try:
                    wanted["content"] = Path(self._find_needle("files", source)).read_text()
                except (AnsibleError, OSError) as error:
                    raise AnsibleActionFail(f"{source}: {error}") from error
            files.append(wanted)
        found: dict[str, Any] = self._execute_module(
            module_name="idc_files", module_args={"files": files}, task_vars=task_vars
        )
        return found
