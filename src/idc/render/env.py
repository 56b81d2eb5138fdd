"""The one Jinja2 environment that renders every template: an undefined name is an error, never an empty string."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from idc import paths


@cache
def environment() -> Environment:
    """Environment over ``templates/``. Nothing is escaped by itself: most files are configuration; HTML uses ``|e``."""
    return Environment(
        loader=FileSystemLoader(paths.resources() / "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )


def header(template: str) -> str:
    """First line of a rendered file, without a comment sign."""
    return f"rendered by idc from templates/{template}; edits are lost"


def render(template: str, /, **values: object) -> str:
    """Text of a template, which gets ``header`` besides its values.

    Raises jinja2.UndefinedError when the template names a value that is not given.
    """
    return environment().get_template(template).render(header=header(template), **values)
