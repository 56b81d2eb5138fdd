"""Ansible module: the kernel's settings are those of a sysctl.d file, compared with what the kernel has now."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: idc_sysctls
short_description: Settings of a sysctl.d file in the running kernel
description: >-
  Reads the file as sysctl.d(5) says, writes each setting that the kernel has another value of, and reads it again. A
  setting that this kernel does not have is left out, and one that begins with C(-) may also be refused. Check mode
  works.
author: the idc project
options:
  file: {description: The file., type: path, required: true}
  root: {description: Where the kernel shows its settings., type: path, default: /proc/sys}
"""

EXAMPLES = r"""
- name: 8.1.3.1 c | the network settings are in use
  idc_sysctls:
    file: /etc/sysctl.d/60-idc.conf
"""

RETURN = r"""
settings: {description: What was written, or would be., type: list, elements: str, returned: always}
"""


def settings(text: str) -> Iterator[tuple[str, str, bool]]:
    """(path below /proc/sys, value, whether it may be refused). Raises ValueError."""
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        key, equals, value = line.removeprefix("-").partition("=")
        if not equals or not key.strip():
            raise ValueError(f"line {number} is no setting: {raw}")
        yield _place(key.strip()), _words(value), line.startswith("-")


def _place(key: str) -> str:
    """The first separator says which one it is; the other stands for itself, as in a link's name with a dot."""
    dot, slash = key.find("."), key.find("/")
    if dot == -1 or -1 < slash < dot:
        return key
    return key.translate(str.maketrans("./", "/."))


def _words(value: str) -> str:
    return " ".join(value.split())


def main() -> None:
    """Entry point of Ansible."""
    options = {"file": {"type": "path", "required": True}, "root": {"type": "path", "default": "/proc/sys"}}
    module = AnsibleModule(argument_spec=options, supports_check_mode=True)
    file, root = Path(module.params["file"]), Path(module.params["root"])
    done: list[str] = []
    if module.check_mode and not file.exists():
        module.exit_json(changed=False, settings=done)  # the run that puts it compares
    try:
        for place, value, may_fail in settings(file.read_text()):
            path = root / place
            if not path.exists() or _words(path.read_text()) == value:
                continue
            done.append(f"{place} = {value}")
            if module.check_mode:
                continue
            try:
                path.write_text(f"{value}\n")
                if (found := _words(path.read_text())) != value:
                    raise OSError(f"the kernel keeps {found}")
            except OSError as error:
                if not may_fail:
                    module.fail_json(msg=f"{path}: {value} was refused: {error}", settings=done)
                done.pop()
    except (OSError, ValueError) as error:
        module.fail_json(msg=f"{file}: {error}", settings=done)
    module.exit_json(changed=bool(done), settings=done)


if __name__ == "__main__":
    main()
