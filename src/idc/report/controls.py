"""Control catalogues: which controls of a standard idc looks after, how far, and by what (``controls/*.yaml``)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from idc import paths

State = Literal["automated", "partial", "manual"]
Reference = Annotated[str, Field(pattern=r"^(policy|role|image|code|test):[\w./-]+$")]


class Control(BaseModel):
    """One clause. ``met_by`` names what does it; ``reason`` what is left, or why nothing is done."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(pattern=r"^\d+(\.\d+){2,3}( [a-z])?$")]
    title: Annotated[str, Field(min_length=8)]
    state: State
    met_by: tuple[Reference, ...] = ()
    reason: str = ""

    @model_validator(mode="after")
    def _is_honest(self) -> Self:
        if (self.state == "manual") == bool(self.met_by):
            raise ValueError(f"{self.id}: a manual control is met by nothing, every other by something")
        if self.state != "automated" and len(self.reason) < 10:
            raise ValueError(f"{self.id}: say what is left, or why nothing is done")
        return self


class Catalogue(BaseModel):
    """One file of ``controls/``. ``verified`` is False where the standard itself has not been seen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1]
    catalogue: str
    title: str
    assessment: str
    verified: bool
    controls: Annotated[tuple[Control, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _has_no_double(self) -> Self:
        doubles = [name for name, count in Counter(control.id for control in self.controls).items() if count > 1]
        if doubles:
            raise ValueError(f"listed twice: {', '.join(doubles)}")
        return self


def load_all(folder: Path | None = None) -> tuple[Catalogue, ...]:
    """All catalogues, by file name. Raises pydantic's ValidationError: they are part of the product, not input."""
    files = sorted((folder or paths.resources() / "controls").glob("*.yaml"))
    return tuple(Catalogue.model_validate(yaml.safe_load(file.read_text(encoding="utf-8"))) for file in files)


def controls_markdown(catalogue: Catalogue) -> str:
    """A catalogue as a page: how many of each state, then a table."""
    counts = Counter(control.state for control in catalogue.controls)
    lines = [f"# {catalogue.title}", "", "<!-- made from controls/; edits are lost -->", ""]
    lines += [
        f"{len(catalogue.controls)} controls: {counts['automated']} automated, {counts['partial']} partial, "
        f"{counts['manual']} manual.",
        "",
        f"What idc says about a control is supporting evidence for an assessment by {catalogue.assessment}, never a",
        "statement of compliance.",
    ]
    if not catalogue.verified:
        lines += ["**Unverified**: the clauses were compared with public transcriptions, not with the standard itself."]
    lines += ["", "| control | asks for | state | met by | what is left |", "|---|---|---|---|---|"]
    for control in catalogue.controls:
        met = ", ".join(f"`{reference}`" for reference in control.met_by)
        lines.append(f"| {control.id} | {control.title} | {control.state} | {met} | {control.reason} |")
    return "\n".join(lines) + "\n"
