"""The Pulumi program: reads the name of the stack and its input, and runs that kind of stack.

The input is `<station>/plans/<stack>.json`, which idc writes from the plan; IDC_STATION names the station's folder.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import pulumi

KINDS = ("lab", "platform", "tenant")


def read_input(stack: str) -> dict[str, Any]:
    """The stack's input. Raises pulumi.RunError where there is none."""
    station = os.environ.get("IDC_STATION")
    if not station:
        raise pulumi.RunError('IDC_STATION is not set; hint: eval "$(./idc env CENTRE)" sets it')
    file = Path(station) / "plans" / f"{stack}.json"
    try:
        document: dict[str, Any] = json.loads(file.read_text())
    except FileNotFoundError:
        raise pulumi.RunError(f"there is no input {file}; hint: `idc up` writes it") from None
    except ValueError as error:
        raise pulumi.RunError(f"{file} cannot be read: {error}; hint: `idc up` writes it anew") from None
    if document.get("kind") not in KINDS:
        raise pulumi.RunError(f"{file}: no such kind of stack: {document.get('kind')!r}")
    return document


def main() -> None:
    """Run the stack that the engine asked for."""
    document = read_input(pulumi.get_stack())
    importlib.import_module(f"stacks.{document['kind']}").program(document)


if __name__ == "__main__":
    # Pulumi runs this file by its path, so that the folder above is not yet among those that are searched.
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    main()
