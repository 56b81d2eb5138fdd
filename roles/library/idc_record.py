"""Ansible module: what the roles have converged to, recorded on the host (one JSON object of strings)."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: idc_record
short_description: Merge entries into a JSON file
description: So that the next run can leave alone a host whose recorded digest is the wanted one. Check mode works.
author: the idc project
options:
  path: {description: The file., type: path, required: true}
  entries: {description: Keys and their new values., type: dict, required: true}
  state:
    description: >-
      C(begun) takes out the entries that have another value: from here on the host is neither what it was nor yet what
      it shall be, and going back to what was recorded is a change too.
    type: str
    choices: [converged, begun]
    default: converged
"""

EXAMPLES = r"""
- name: What has converged is recorded
  idc_record:
    path: /var/lib/idc/roles.json
    entries: {base: "sha256 of the role's inputs"}
"""

RETURN = r"""
entries: {description: All entries of the file., type: dict, returned: always}
"""


def main() -> None:
    """Entry point of Ansible."""
    options = {
        "path": {"type": "path", "required": True},
        "entries": {"type": "dict", "required": True},
        "state": {"type": "str", "choices": ["converged", "begun"], "default": "converged"},
    }
    module = AnsibleModule(argument_spec=options, supports_check_mode=True)
    path, entries = Path(module.params["path"]), module.params["entries"]
    try:
        old = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        old = {}
    if module.params["state"] == "begun":
        new = {key: value for key, value in old.items() if entries.get(key, value) == value}
    else:
        new = {**old, **entries}
    if new != old and not module.check_mode:
        path.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
        descriptor, beside = tempfile.mkstemp(prefix=".idc-", dir=path.parent)
        with os.fdopen(descriptor, "w") as file:
            json.dump(new, file, indent=2, sort_keys=True)
            file.flush()
            os.fsync(file.fileno())
        Path(beside).replace(path)
    module.exit_json(changed=new != old, entries=new)


if __name__ == "__main__":
    main()
