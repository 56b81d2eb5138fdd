"""The project's own Markdown, and what is in it: links, anchors, code blocks."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.conftest import ROOT

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page. ``line`` is where its text begins."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@cache
def pages() -> tuple[str, ...]:
    """Names of all Markdown files that git knows, but for those inside centres and images."""
    listed = subprocess.run(["git", "ls-files", "-z", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True)
    return tuple(sorted(name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()))


@cache
def text_of(page: str) -> str:
    """A page's text."""
    return (ROOT / page).read_text(encoding="utf-8")


def prose(page: str) -> str:
    """A page's text without its fenced blocks."""
    return _FENCE.sub("", text_of(page))


def blocks(*languages: str) -> list[Block]:
    """The fenced blocks of these languages in all pages."""
    return [
        Block(page, text_of(page)[: match.start(2)].count("\n") + 1, match[1], match[2])
        for page in pages()
        for match in _FENCE.finditer(text_of(page))
        if match[1] in languages
    ]


def links(page: str) -> list[str]:
    """Targets of all links and pictures of a page."""
    without_code = re.sub(r"`[^`\n]*`", "", prose(page))
    return [target for match in _LINK.finditer(without_code) for target in _with_inner(match)]


def _with_inner(match: re.Match[str]) -> list[str]:
    """A picture inside a link has a target of its own."""
    return [match[1], *re.findall(r"!\[[^\]]*\]\(([^)\s]+)\)", match[0])]


@cache
def anchors(page: str) -> frozenset[str]:
    """Anchors of a page's headings, as the usual viewers make them."""
    found = set()
    for heading in re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        found.add(re.sub(r"[^\w\- ]", "", plain.lower()).strip().replace(" ", "-"))
    return frozenset(found)


def resolve(page: str, target: str) -> Path:
    """The file that a relative link of a page means."""
    return (ROOT / page).parent / target
