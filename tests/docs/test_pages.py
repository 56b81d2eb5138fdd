"""Documents say nothing that is not there: links, paths, names, commands, phrases of messages."""

from __future__ import annotations

import ast
import importlib.util
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from idc.cli import VERBS, build_parser
from tests.conftest import ROOT
from tests.docs.generated import PAGES
from tests.docs.pages import Block, anchors, blocks, links, pages, prose, resolve, text_of

_COMMAND = re.compile(r"(?:^|[\s`(\"])(?:\./)?idc +([a-z][^`#|>&)\n\"…]*)")
_FOLDERS = "centres|controls|docs|images|policies|profiles|roles|src|stacks|templates|tests|tools|bench"


def commands() -> list[tuple[str, str]]:
    """Every command of idc in a shell block, with its place."""
    return [
        (str(block), match[1].strip())
        for block in blocks("sh")
        for match in _COMMAND.finditer(block.text)
        if not match[1].startswith("env ") or "VERB" not in match[1]
    ]


@pytest.mark.parametrize("page", sorted({*pages(), "README.md", "ARCHITECTURE.md"}))
def test_links_resolve(page: str) -> None:
    broken = []
    for target in links(page):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = resolve(page, path) if path else ROOT / page
        if not file.exists():
            broken.append(target)
        elif anchor and file.suffix == ".md":
            name = str(file.resolve().relative_to(ROOT))
            if anchor not in anchors(name):
                broken.append(f"{target}: no such heading")
    assert broken == []


def test_every_page_of_the_documents_is_linked_from_another() -> None:
    linked = {
        str(resolve(page, target.partition("#")[0]).resolve())
        for page in pages()
        for target in links(page)
        if not re.match(r"[a-z]+:", target)
    }
    lonely = [page for page in pages() if page.startswith("docs/") and str((ROOT / page).resolve()) not in linked]
    assert lonely == []


def test_every_verb_is_in_the_readme_and_no_other() -> None:
    rows = re.findall(r"^\| `([a-z]+)` \|", text_of("README.md"), re.MULTILINE)
    assert sorted(rows) == sorted(VERBS)


def test_every_verb_is_explained_in_the_reference() -> None:
    reference = text_of("docs/reference/cli.md")
    assert [verb for verb in VERBS if f"## idc {verb}\n" not in reference] == []


@pytest.mark.parametrize(("place", "command"), commands())
def test_commands_are_ones_that_the_parser_takes(place: str, command: str) -> None:
    words = shlex.split(command)
    assert words[0] in VERBS, place
    build_parser(only=words[0]).parse_args(words)


@pytest.mark.parametrize("page", pages())
def test_verbs_named_in_prose_exist(page: str) -> None:
    named = set(re.findall(r"`(?:\./)?idc ([a-z]+)", prose(page)))
    assert named - set(VERBS) == set()


def test_the_launcher_that_the_readme_starts_is_there() -> None:
    assert (ROOT / "idc").stat().st_mode & 0o111


@pytest.mark.parametrize("page", pages())
def test_modules_named_in_prose_exist(page: str) -> None:
    named = sorted(set(re.findall(r"`(idc(?:\.[a-z_]+)+)`", prose(page))))
    missing = [name for name in named if name != "idc.centre" and not name.startswith("idc.centre")]
    assert [name for name in missing if importlib.util.find_spec(name) is None] == []


@pytest.mark.parametrize("page", [page for page in pages() if not page.startswith(("images/", "tools/", "centres/"))])
def test_paths_named_in_prose_exist(page: str) -> None:
    named = set(re.findall(rf"`((?:{_FOLDERS})/[\w./-]*)`", prose(page)))
    known = {name for name in named if (ROOT / name).exists()}
    # Inside a centre folder: its own policies/, tests/ and so on.
    assert {name for name in named - known if name not in ("tests/", "policies/")} == set()


def test_the_architecture_names_every_part_of_the_tree() -> None:
    tree = set(re.findall(r"^\| `([\w./-]+)` \|", text_of("ARCHITECTURE.md"), re.MULTILINE))
    kept = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    parts = {name.split("/")[0] + "/" for name in kept if "/" in name} - {"src/", ".ci/"}
    inner = {Path(name).relative_to("src/idc").parts for name in kept if name.startswith("src/idc/")}
    parts |= {f"src/idc/{names[0]}" + ("/" if len(names) > 1 else "") for names in inner if "__" not in names[0]}
    assert sorted(parts - tree) == []


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python_examples_are_python(block: Block) -> None:
    ast.parse(block.text)


def test_runbooks_quote_what_the_code_says() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| \[", text_of("docs/runbooks/README.md"), re.MULTILINE)
    code = "\n".join(file.read_text(encoding="utf-8") for file in sorted((ROOT / "src" / "idc").rglob("*.py")))
    assert len(rows) > 10
    assert [phrase for phrase in rows if phrase not in code] == []


def test_every_runbook_is_in_the_index() -> None:
    index = text_of("docs/runbooks/README.md")
    files = [page.rsplit("/", 1)[1] for page in pages() if page.startswith("docs/runbooks/")]
    assert [name for name in files if name != "README.md" and f"({name})" not in index] == []


def test_every_decision_is_in_the_index_and_has_its_parts() -> None:
    index = text_of("docs/adr/README.md")
    for page in (page for page in pages() if re.match(r"docs/adr/\d", page)):
        assert f"({page.rsplit('/', 1)[1]})" in index
        assert re.findall(r"^## (.+)$", text_of(page), re.MULTILINE) == ["Context", "Decision", "Consequences"]


@pytest.mark.parametrize("page", PAGES)
def test_generated_pages_are_current(page: str) -> None:
    file = ROOT / page
    written = file.read_text(encoding="utf-8") if file.exists() else ""
    assert written == PAGES[page](), "run: python -m tests.docs.generated"
