"""Every YAML example of the documents is one that idc takes."""

from __future__ import annotations

import shutil
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from idc.model import Declaration, load
from idc.plan import diff, make, show
from idc.plan.lock import Lock
from idc.proof import delta
from idc.report import delta as opening
from tests.conftest import ROOT
from tests.docs.pages import Block, blocks

EXAMPLES = blocks("yaml")


def write(centre: Path, file: str, text: str) -> None:
    (centre / file).parent.mkdir(parents=True, exist_ok=True)
    (centre / file).write_text(text, encoding="utf-8")


def reference(folder: Path) -> Path:
    centre = folder / "centre"
    shutil.copytree(ROOT / "centres" / "reference" / "extranet", centre, ignore=shutil.ignore_patterns("locks"))
    return centre


def loaded(block: Block, folder: Path) -> Declaration:
    """Put an example where it belongs: a centre, a tenant, people, or a part of the centre that its page shows."""
    document: dict[str, Any] = yaml.safe_load(block.text)
    if "tenant" in document:
        centre = reference(folder)
        write(centre, f"tenants/{document['tenant']}.yaml", block.text)
    elif "people" in document:
        centre = reference(folder)
        write(centre, "people.yaml", block.text)
    elif "waivers" in document:
        centre = reference(folder)
        write(centre, "waivers.yaml", block.text)
        write(centre, "people.yaml", (ROOT / "tests/bad_input/base/people.yaml").read_text(encoding="utf-8"))
    elif "format" in document:
        centre = folder / "centre"
        write(centre, "centre.yaml", block.text)
        write(centre, "tenants/town-hall.yaml", tenant(document["domain"]))
    else:
        whole = next(each for each in EXAMPLES if each.page == block.page and "\nformat:" in f"\n{each.text}")
        merged = yaml.safe_load(whole.text)
        for key, value in document.items():
            merged[key] = {**merged[key], **value} if isinstance(value, dict) else value
        centre = folder / "centre"
        write(centre, "centre.yaml", yaml.safe_dump(merged))
        write(centre, "tenants/town-hall.yaml", tenant(merged["domain"]))
    return load(centre)


def tenant(domain: str) -> str:
    return (
        "tenant: town-hall\ndepartment: Town Hall\n"
        f"contacts: [{{name: Desk, email: desk@{domain}}}]\nsites: [{{name: www, names: [www.{domain}]}}]\n"
    )


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 5


@pytest.mark.parametrize("block", EXAMPLES, ids=str)
def test_examples_load_and_plan(block: Block, tmp_path: Path) -> None:
    declaration = loaded(block, tmp_path)
    plan, _ = make(declaration, Lock(), {}, today=date(2026, 1, 1))
    assert plan.tenants


def test_the_plan_that_the_readme_shows_is_what_idc_prints(tmp_path: Path) -> None:
    example = next(block for block in EXAMPLES if block.page == "README.md")
    before, lock = make(load(reference(tmp_path / "before")), Lock(), {}, today=date(2026, 1, 1))
    after, _ = make(loaded(example, tmp_path), lock, {}, today=date(2026, 1, 1))
    console = Console(soft_wrap=True, highlight=False, width=400, file=StringIO())
    show.text(diff.compare(before, after), console)
    opening.text(delta.compare(before, after), console)
    assert isinstance(console.file, StringIO)
    printed = console.file.getvalue()
    (shown,) = (block.text for block in blocks("text") if block.page == "README.md")
    assert shown.splitlines() == printed.splitlines()
