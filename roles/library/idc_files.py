"""Ansible module: all the files of a role in one call to the host.

`ansible.builtin.copy` needs three calls a file; a role with a dozen files on seven hosts would take minutes. Files are
written beside their place and renamed there, so that nobody ever reads half of one.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: idc_files
short_description: Files, folders and links of a role, in one call
description: Content, owner and mode of several files; atomic; check mode and diff mode work.
author: the idc project
options:
  files:
    description: What to put, in this order.
    type: list
    elements: dict
    required: true
    suboptions:
      path: {description: Absolute path., type: str, required: true}
      state:
        description: >-
          C(file) with C(content) or C(source), or without them only its owner and mode; C(folder); C(link) to
          C(target); C(absent).
        type: str
        choices: [file, folder, link, absent]
        default: file
      content: {description: Text of the file., type: str}
      source: {description: File of the role (or absolute path on the station) with the text., type: str}
      target: {description: Where a link leads., type: str}
      mode: {description: Octal mode., type: str}
      owner: {description: Owning user., type: str, default: root}
      group: {description: Owning group., type: str, default: root}
      when:
        description: C(missing) leaves a file alone that is there; C(there) leaves it alone when it is not.
        type: str
        choices: [always, missing, there]
        default: always
      check: {description: Command that must accept the new content; C(%s) is its path., type: list, elements: str}
"""

EXAMPLES = r"""
- name: 8.1.3.2 a | deny by default
  idc_files:
    files:
      - {path: /etc/idc/firewall, state: folder, mode: "0700"}
      - {path: /etc/idc/firewall/ruleset.nft, content: "...", mode: "0600", check: [nft, -c, -f, "%s"]}
"""

RETURN = r"""
paths: {description: What changed, or would., type: list, elements: str, returned: always}
"""

OPTIONS = {
    "path": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["file", "folder", "link", "absent"], "default": "file"},
    "content": {"type": "str"},
    "source": {"type": "str"},  # the action plugin has put its text into content
    "target": {"type": "str"},
    "mode": {"type": "str"},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": "root"},
    "when": {"type": "str", "choices": ["always", "missing", "there"], "default": "always"},
    "check": {"type": "list", "elements": "str"},
}


class Files:
    """One run over the wanted files."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.changed: list[str] = []
        self.diff: list[dict[str, str]] = []

    def put(self, wanted: dict[str, Any]) -> None:
        """Bring one entry to what is wanted."""
        path, state = Path(wanted["path"]), wanted["state"]
        there = os.path.lexists(path)
        if (wanted["when"] == "missing" and there) or (wanted["when"] == "there" and not there):
            return
        if state == "absent":
            if there:
                self._note(path, "present", "absent")
                self._do(path.unlink)
        elif state == "link":
            self._link(path, wanted["target"])
        elif state == "folder":
            if not path.is_dir():
                self._note(path, "absent", "folder")
                self._do(path.mkdir, 0o755, True)
            self._own(path, wanted)
        else:
            if wanted["content"] is not None:
                self._write(path, wanted)
            elif not there:
                self.module.fail_json(msg=f"{path} is not there")
            self._own(path, wanted)

    def _do(self, action: Callable[..., object], *arguments: object) -> None:
        if not self.module.check_mode:
            action(*arguments)

    def _note(self, path: Path, before: str, after: str) -> None:
        if str(path) not in self.changed:
            self.changed.append(str(path))
        self.diff.append({"before_header": str(path), "after_header": str(path), "before": before, "after": after})

    def _link(self, path: Path, target: str) -> None:
        old = str(path.readlink()) if path.is_symlink() else None
        if old == target:
            return
        self._note(path, f"link to {old}\n", f"link to {target}\n")
        if not self.module.check_mode:
            new = path.with_name(f".idc-{path.name}")
            new.unlink(missing_ok=True)
            new.symlink_to(target)
            new.replace(path)

    def _write(self, path: Path, wanted: dict[str, Any]) -> None:
        content = wanted["content"].encode()
        old = path.read_bytes() if path.is_file() else None
        if old == content and not path.is_symlink():
            return
        # In check mode the folder may not be there yet; the content is checked all the same.
        folder = None if self.module.check_mode else path.parent
        descriptor, name = tempfile.mkstemp(prefix=".idc-", dir=folder)
        new = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if wanted["check"]:
                words = [word.replace("%s", name) for word in wanted["check"]]
                code, out, err = self.module.run_command(words)
                if code:
                    self.module.fail_json(msg=f"{words[0]} refused the new {path}: {(err or out).strip()}")
            self._note(path, (old or b"").decode(errors="replace"), wanted["content"])
            if not self.module.check_mode:
                self._own(new, wanted, quiet=True)
                new.replace(path)
        finally:
            new.unlink(missing_ok=True)

    def _own(self, path: Path, wanted: dict[str, Any], quiet: bool = False) -> None:
        if not path.exists():
            return  # check mode
        found = path.stat()
        uid, gid = pwd.getpwnam(wanted["owner"]).pw_uid, grp.getgrnam(wanted["group"]).gr_gid
        mode = int(wanted["mode"], 8) if wanted["mode"] else stat.S_IMODE(found.st_mode)
        before = (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode))
        if before == (uid, gid, mode):
            return
        if not quiet:
            self._note(path, f"{before[0]}:{before[1]} {before[2]:04o}\n", f"{uid}:{gid} {mode:04o}\n")
        self._do(os.chown, path, uid, gid)
        self._do(os.chmod, path, mode)


def main() -> None:
    """Entry point of Ansible."""
    module = AnsibleModule(
        argument_spec={"files": {"type": "list", "elements": "dict", "required": True, "options": OPTIONS}},
        supports_check_mode=True,
    )
    run = Files(module)
    for wanted in module.params["files"]:
        try:
            run.put(wanted)
        except (OSError, KeyError) as error:
            module.fail_json(msg=f"{wanted['path']}: {error}", paths=run.changed)
    module.exit_json(changed=bool(run.changed), paths=run.changed, diff=run.diff)


if __name__ == "__main__":
    main()
