"""What lies in a centre folder, and what must not: links, strangers, files that only look like tenants."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from idc.errors import Problem
from idc.model.text import NAME, did_you_mean, printable

CENTRE_FILE: Final = "centre.yaml"
PEOPLE_FILE: Final = "people.yaml"
WAIVERS_FILE: Final = "waivers.yaml"
TENANTS: Final = "tenants"

_FILES: Final = frozenset({CENTRE_FILE, PEOPLE_FILE, WAIVERS_FILE, "README.md", "LICENSE", "CODEOWNERS", "images.lock"})
_FOLDERS: Final = frozenset({TENANTS, "content", "locks", "policies", "tests", "docs"})


@dataclass
class Listing:
    """Files of a centre folder to read, as paths below it, and what is wrong with the folder."""

    centre: bool = False
    people: bool = False
    waivers: bool = False
    tenants: list[str] = field(default_factory=list)  # ids, sorted
    problems: list[Problem] = field(default_factory=list)


def _kind(entry: os.DirEntry[str]) -> str:
    if entry.is_symlink():
        return "link"
    mode = entry.stat(follow_symlinks=False).st_mode
    return "folder" if stat.S_ISDIR(mode) else "file" if stat.S_ISREG(mode) else "other"


def _scan(folder: Path, shown: str, problems: list[Problem]) -> list[tuple[str, str]]:
    """Names and kinds of what lies in a folder, sorted, without hidden ones. Links and devices are problems."""
    found: list[tuple[str, str]] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                kind = _kind(entry)
                if kind == "link":
                    message, hint = "a symbolic link", "put the file itself here: a declaration is all in its folder"
                    problems.append(Problem(f"{shown}/{printable(entry.name)}", 0, message, hint))
                elif kind == "other":
                    message = "neither a file nor a folder"
                    problems.append(Problem(f"{shown}/{printable(entry.name)}", 0, message, "take it out"))
                else:
                    found.append((entry.name, kind))
    except OSError as error:
        problems.append(Problem(shown, 0, f"cannot read the folder: {error.strerror}", "a folder that you may read"))
    return sorted(found)


def list_folder(folder: Path) -> Listing:
    """Look at a centre folder; reads no file."""
    listing, shown = Listing(), str(folder)
    try:
        there = stat.S_ISDIR(folder.stat().st_mode)
    except FileNotFoundError:
        there = False
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        listing.problems.append(Problem(printable(shown), 0, f"cannot read the folder: {why}"))
        return listing
    if not there:
        hint = "`idc init FOLDER` writes a new centre"
        listing.problems.append(Problem(printable(shown), 0, "there is no such folder", hint))
        return listing
    names = _scan(folder, shown, listing.problems)
    had_problems = bool(listing.problems)
    for name, kind in names:
        if name == CENTRE_FILE and kind == "file":
            listing.centre = True
        elif name == PEOPLE_FILE and kind == "file":
            listing.people = True
        elif name == WAIVERS_FILE and kind == "file":
            listing.waivers = True
        elif name == TENANTS and kind == "folder":
            _list_tenants(folder / TENANTS, f"{shown}/{TENANTS}", listing)
        elif name not in (_FILES if kind == "file" else _FOLDERS):
            known = _FILES if kind == "file" else _FOLDERS
            hint = did_you_mean(name, known, what=f"{kind}s of a centre")
            listing.problems.append(Problem(f"{shown}/{printable(name)}", 0, f"an unknown {kind}", hint))
    if not listing.centre and not had_problems:
        listing.problems[:] = [Problem(shown, 0, f"the folder has no {CENTRE_FILE}", _without_centre(folder, names))]
    return listing


def _without_centre(folder: Path, names: list[tuple[str, str]]) -> str:
    inside = [name for name, kind in names if kind == "folder" and (folder / name / CENTRE_FILE).is_file()]
    if inside:
        return f"centres lie below it: {', '.join(str(folder / name) for name in inside)}"
    near = [name for name, kind in names if kind == "file" and name.startswith("cent")]
    return f"rename {near[0]} to {CENTRE_FILE}" if near else f"`idc init {folder}` writes a new centre"


def _list_tenants(folder: Path, shown: str, listing: Listing) -> None:
    for name, kind in _scan(folder, shown, listing.problems):
        if kind == "file" and name.endswith(".yaml"):
            if re.fullmatch(NAME, stem := name.removesuffix(".yaml")):
                listing.tenants.append(stem)
            else:
                message = f"`{printable(stem)}` is no tenant's id: 2 to 24 lower-case letters, digits and hyphens"
                listing.problems.append(Problem(f"{shown}/{printable(name)}", 0, message, "rename the file"))
        elif not (kind == "file" and name == "README.md"):
            stem = name.split(".")[0]
            fits = kind == "file" and stem.isprintable() and stem and not (folder / f"{stem}.yaml").exists()
            hint = f"did you mean {stem}.yaml?" if fits else "take it out: a tenant is one file, ID.yaml"
            message = f"not a tenant's file: an unknown {kind}"
            listing.problems.append(Problem(f"{shown}/{printable(name)}", 0, message, hint))


def check_content(folder: Path, content: str) -> tuple[str, str] | None:
    """What is wrong with a site's content folder, as message and hint; None when it is sound."""
    parts = content.split("/")
    if content.startswith("/") or "\\" in content or "\0" in content or any(part in ("", ".", "..") for part in parts):
        return f"`{content}` is not a plain path below the centre folder", "as content/tax-www, without `..`"
    if parts[0] != "content":
        return f"`{content}` lies outside the folder content/", f"as content/{parts[-1]}"
    try:
        return _content_folder(folder, content, parts)
    except OSError as error:
        return f"`{content}` cannot be read: {error.strerror}", "files and folders that you may read"


def _content_folder(folder: Path, content: str, parts: list[str]) -> tuple[str, str] | None:
    here = folder
    for part in parts:
        here = here / part
        if here.is_symlink():
            return f"`{content}` leads through a symbolic link, {part}", "put the files themselves there"
    if not here.is_dir():
        near = [f"content/{path.name}" for path in (folder / "content").glob("*") if path.is_dir()]
        return f"there is no folder `{content}`", did_you_mean(content, near, what="folders")
    if not (here / "index.html").is_file():
        return f"`{content}` has no index.html", "the first page of a site is index.html"
    return _strange_file(here)


def _strange_file(folder: Path) -> tuple[str, str] | None:
    """The first thing in a content folder that is neither a plain file nor a folder."""

    def fail(error: OSError) -> None:
        raise error

    for base, folders, files in os.walk(folder, onerror=fail):
        for name in sorted([*folders, *files]):
            path = Path(base) / name
            mode = path.lstat().st_mode
            where = printable(str(path.relative_to(folder)))
            if stat.S_ISREG(mode) and path.lstat().st_nlink > 1:
                message = f"the content holds `{where}`, which has another name elsewhere (a hard link)"
                return message, "a copy of the file: what is published must not change from elsewhere"
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                what = "a symbolic link" if stat.S_ISLNK(mode) else "neither a file nor a folder"
                return f"the content holds `{where}`, which is {what}", "only plain files are published"
    return None
