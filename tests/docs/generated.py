"""Pages and pictures that are made from the code and the reference centres.

python -m tests.docs.generated     writes them; a test keeps them current
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import cache
from pathlib import Path
from typing import Final

from idc.model import load
from idc.plan import make
from idc.plan.lock import Lock
from idc.plan.types import Plan
from tests.conftest import ROOT


@cache
def reference_plan(name: str) -> Plan:
    """The plan of a reference centre that was never applied, without images: the same on every machine and day."""
    declaration = load(ROOT / "centres" / "reference" / name)
    plan, _ = make(declaration, Lock(), {}, today=date(2026, 1, 1))
    return plan


def picture(name: str) -> str:
    """The map of a reference centre."""
    from idc.model.profiles import load_profile
    from idc.report.graph import apart_from, svg

    plan = reference_plan(name)
    apart = apart_from(load_profile(plan.profile), plan.fabric)
    return svg(plan, title=f"The reference centre: {plan.fabric.replace('-', ' ')}", apart=apart)


def reachability() -> str:
    """Who may reach whom in the extranet."""
    from idc.proof import prove_plan
    from idc.report.graph import reachability_svg

    plan = reference_plan("extranet")
    return reachability_svg(plan, title="The reference centre's extranet", proof=prove_plan(plan))


def cli() -> str:
    """The reference of the command line."""
    from idc.cli import build_parser
    from idc.report.reference import cli_markdown

    return cli_markdown(build_parser())


def declaration() -> str:
    """The reference of the declaration's fields."""
    from idc.model import schema
    from idc.report.reference import declaration_markdown

    return declaration_markdown(schema.generate())


def controls() -> str:
    """The control catalogues."""
    from idc.report.controls import controls_markdown, load_all

    return "\n".join(controls_markdown(catalogue) for catalogue in load_all())


def profiles() -> str:
    """The profiles."""
    from idc.model.profiles import load_profile, names
    from idc.report.profiles import profiles_markdown

    return profiles_markdown([load_profile(name) for name in names()])


def policies() -> str:
    """The policies and their kill matrix."""
    from tests.policies.matrix import page

    return page()


PAGES: Final[dict[str, Callable[[], str]]] = {
    "docs/img/reference-extranet.svg": lambda: picture("extranet"),
    "docs/img/reference-intranet.svg": lambda: picture("intranet"),
    "docs/img/reference-extranet-reachability.svg": reachability,
    "docs/reference/cli.md": cli,
    "docs/reference/declaration.md": declaration,
    "docs/reference/controls.md": controls,
    "docs/reference/policies.md": policies,
    "docs/reference/profiles.md": profiles,
}


def write(root: Path) -> list[str]:
    """Write all pages below ``root``; gives those that changed."""
    changed = []
    for name, make_page in PAGES.items():
        file, text = root / name, make_page()
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
            changed.append(name)
    return changed


if __name__ == "__main__":
    for name in write(ROOT):
        print(f"wrote {name}")
