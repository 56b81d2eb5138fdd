"""Which image each recipe has come to: one small file a recipe, by its fingerprint, in the user's cache.

    <cache>/images/known/<fingerprint>.json      {"name": "edge", "id": "sha256:…"}

Checkouts with different recipes share the cache, so none may write what another one reads: with one file for all images
a build elsewhere would make this checkout's plan show images that are yet to be built.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

from idc import paths
from idc.engine.files import make_folder, write_atomic
from idc.engine.recipes import Recipe

_ID: Final = re.compile(r"sha256:[0-9a-f]{64}")


def known(fingerprint: str) -> str:
    """The id of the image that this recipe was built to; empty where none is known.

    What cannot be read counts as unknown: it can be found out again.
    """
    found = _read(_file(fingerprint)).get("id") or _of_former(fingerprint)
    return found if isinstance(found, str) and _ID.fullmatch(found) else ""


def remember(one: Recipe, identity: str) -> None:
    """Note an image as soon as it is there."""
    file = _file(one.fingerprint)
    make_folder(file.parent, 0o755)
    write_atomic(file, json.dumps({"name": one.name, "id": identity}) + "\n", mode=0o644)


def _file(fingerprint: str) -> Path:
    return paths.cache_dir() / "images" / "known" / f"{fingerprint}.json"


def _of_former(fingerprint: str) -> object:
    """From the one file that earlier versions wrote for all images."""
    images = _read(paths.cache_dir() / "images.lock.json").get("images")
    entries = images.values() if isinstance(images, dict) else ()
    return next((e.get("id") for e in entries if isinstance(e, dict) and e.get("fingerprint") == fingerprint), "")


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
