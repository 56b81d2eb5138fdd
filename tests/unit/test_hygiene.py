"""What holds for every file that git knows: no trace of a machine, no unfinished work, files the size of a room."""

from __future__ import annotations

import ast
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import ROOT

LONGEST = 400  # lines; about 300 is full (a file is a room)

# Files that programs write: their length and line ends are not ours.
WRITTEN_BY_PROGRAMS = re.compile(r"(^|/)(go\.sum|go\.lock|.*\.lock|.*\.svg|.*schema\.json)$|^tests/.*/(golden|data)/")

# Split, so that this file does not hold what it looks for.
MACHINE_PATHS = [
    r"(?<![\w.])/wo" + r"rk/(?!\w*\*)",
    r"(?<![\w.])/opt/" + "wheels",
    r"(?<![\w.])/ro" + r"ot/(?!\.ssh\b)",  # a lab host's own keys lie in its root's home
    r"(?<![\w.])/ho" + r"me/\w+/",
]
HOSTS = [
    r"[\w.-]+\." + "internal" + r"\b",
    r"\b(?:[\w-]+\.)*(?:artifac" + r"tory|nex" + r"us|dev" + r"pi|aliyun|tuna\.tsinghua|ustc)\.[\w.-]+",
    r"\bfiles\." + r"pythonhosted\.org",
    r"https?://" + r"(?:pypi|test\.pypi)\.org/simple",
    r"https?://(?:deb|security|snapshot|ftp[\w.]*)\." + r"debian\.org",
    r"\bproxy\." + r"golang\.org",
    r"\bregistry\." + r"npmjs\.org",
]
UNFINISHED = [rf"\b{word}\b" for word in ("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")]


@cache
def tracked() -> tuple[str, ...]:
    """Names of all files that git knows and that are there."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return tuple(sorted(name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()))


@cache
def text_of(name: str) -> str:
    """A file's text; empty for what is no text."""
    try:
        return (ROOT / name).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def lines_with(patterns: list[str], names: tuple[str, ...] | None = None) -> list[str]:
    """``file:line: text`` for every line that matches one of the patterns."""
    joined = re.compile("|".join(f"(?:{pattern})" for pattern in patterns))
    return [
        f"{name}:{number}: {line.strip()[:120]}"
        for name in names or tracked()
        for number, line in enumerate(text_of(name).splitlines(), 1)
        if joined.search(line)
    ]


def of_suffix(*suffixes: str) -> tuple[str, ...]:
    """Tracked files whose names end so."""
    return tuple(name for name in tracked() if name.endswith(suffixes))


def test_git_knows_the_files() -> None:
    assert "idc" in tracked()
    assert len(of_suffix(".py")) > 50


def test_no_file_names_a_registry_or_mirror() -> None:
    assert lines_with(HOSTS) == []


def test_no_file_holds_a_path_of_the_machine_it_was_written_on() -> None:
    assert lines_with(MACHINE_PATHS) == []


def test_nothing_is_marked_as_unfinished() -> None:
    assert lines_with(UNFINISHED, tuple(name for name in tracked() if not WRITTEN_BY_PROGRAMS.search(name))) == []


def test_a_file_is_a_room() -> None:
    too_long = {
        name: count
        for name in tracked()
        if not WRITTEN_BY_PROGRAMS.search(name) and (count := text_of(name).count("\n")) > LONGEST
    }
    assert too_long == {}


def test_no_large_binary_lies_in_the_repository() -> None:
    assert [name for name in tracked() if (ROOT / name).stat().st_size > 1024 * 1024] == []


def test_lines_end_cleanly() -> None:
    faults = []
    for name in tracked():
        text = text_of(name)
        if not text or WRITTEN_BY_PROGRAMS.search(name):
            continue
        if "\r" in text:
            faults.append(f"{name}: carriage return")
        if not text.endswith("\n") or text.endswith("\n\n"):
            faults.append(f"{name}: does not end in one line end")
        faults += [
            f"{name}:{number}: space at the end of the line"
            for number, line in enumerate(text.splitlines(), 1)
            if line != line.rstrip() and not name.endswith(".md")
        ]
    assert faults == []


def test_every_python_file_says_what_it_is() -> None:
    silent = [
        name
        for name in of_suffix(".py")
        if text_of(name).strip() and not ast.get_docstring(ast.parse(text_of(name), filename=name))
    ]
    assert silent == []


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_python_locks_pin_every_package_by_hash_and_name_no_index(lock: str) -> None:
    text = text_of(lock)
    assert not re.search(
        r"^(--index-url|--extra-index-url|--find-links|--trusted-host|-i|-f)\b|://", text, re.MULTILINE
    )
    entries = re.split(r"\n(?=[a-zA-Z0-9])", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).strip())
    assert entries
    unpinned = [
        entry.splitlines()[0]
        for entry in entries
        if "==" not in entry or not re.search(r"--hash=sha256:[0-9a-f]{64}", entry)
    ]
    assert unpinned == []


def shell_files() -> list[str]:
    """Tracked files that a shell runs."""
    return [name for name in tracked() if re.match(r"#!.*\b(ba|da)?sh\b", text_of(name)[:80])]


def test_shell_files_stop_at_the_first_failure() -> None:
    careless = [name for name in shell_files() if not re.search(r"^set -[a-z]*e[a-z]*", text_of(name), re.MULTILINE)]
    # Three lines that end in `exec` have nothing to go on with.
    assert [name for name in careless if not re.search(r"&& exec |^exec ", text_of(name), re.MULTILINE)] == []


def test_every_script_is_executable_and_nothing_else_is() -> None:
    executable = {name for name in tracked() if (ROOT / name).stat().st_mode & 0o111}
    without_shebang = [name for name in sorted(executable) if not text_of(name).startswith("#!")]
    assert without_shebang == []


def test_go_modules_are_pinned_by_their_sums() -> None:
    modules = [name for name in of_suffix("go.mod") if "require" in text_of(name)]
    assert modules
    # A module that another one replaces by its folder is pinned by that one's sums.
    inner = {
        str((Path(name).parent / path).as_posix()) + "/go.mod"
        for name in modules
        for path in re.findall(r"=>\s+\./(\S+)", text_of(name))
    }
    lacking = [name for name in modules if name not in inner and not (ROOT / Path(name).parent / "go.sum").is_file()]
    assert lacking == []
