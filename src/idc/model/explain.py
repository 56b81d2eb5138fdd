"""Pydantic's complaints in the declaration's own words: what, where, and what to write instead."""

from __future__ import annotations

import types
from collections.abc import Sequence
from enum import Enum
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from idc.errors import Problem
from idc.model.source import Source
from idc.model.text import BadValueError, did_you_mean

# What a value of one kind would look like, by pydantic's error type.
_KINDS: Final = {
    "string_type": "text",
    "tuple_type": "a list",
    "dict_type": "a mapping of names to values",
    "model_type": "a mapping of keys to values",
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "enum": "one of its words",
    "literal_error": "one of its words",
}


def explain(error: ValidationError, model: type[BaseModel], source: Source) -> list[Problem]:
    """All problems of one file."""
    # A list whose items are all wrong is "too short" for pydantic: that says nothing more.
    found = [e for e in error.errors(include_url=False) if not (e["type"] == "too_short" and e.get("input"))]
    return [_problem(details, model, source) for details in found]


def _problem(details: ErrorDetails, model: type[BaseModel], source: Source) -> Problem:
    location = list(details["loc"])
    about_key = location[-1:] == ["[key]"]
    if about_key:
        location.pop()
    kind, value = details["type"], details.get("input")
    path = _existing(source.data, location) if kind != "missing" else location[:-1]
    place = source.place(*path, key=about_key or kind == "extra_forbidden")
    message, hint = _words(kind, location, value, details, model)
    return place.problem(message, hint)


def _existing(data: Any, location: Sequence[str | int]) -> list[str | int]:
    """The part of a location that is there; unions add parts of their own, which are not."""
    path: list[str | int] = []
    for part in location:
        if not isinstance(data, dict | list):
            break
        try:
            data = data[part]  # type: ignore[index]
        except (KeyError, IndexError, TypeError):
            break
        path.append(part)
    return path


def _words(
    kind: str, location: list[str | int], value: object, details: ErrorDetails, model: type[BaseModel]
) -> tuple[str, str]:
    name = _name(location)
    context = details.get("ctx", {})
    parent, wanted = _walk(model, location[:-1]), _walk(model, location)
    if kind == "missing":
        return f"{name} is missing", _field_hint(parent, location[-1])
    if kind == "extra_forbidden":
        return f"unknown key {name}", did_you_mean(str(location[-1]), _keys(parent), what="known keys")
    if value is None and kind in (*_KINDS, "value_error"):
        empty = {"tuple_type": "write `[]` for none, or take the key out", "dict_type": "write `{}` for none"}
        return f"{name} has no value", empty.get(kind) or _field_hint(parent, location[-1] if location else "")
    if kind == "value_error" and isinstance(bad := context.get("error"), BadValueError):
        text = str(bad)
        return (f"{name} {text}" if text.startswith("must ") else f"{name}: {text}"), bad.hint
    if kind in ("enum", "literal_error"):
        return _choice(name, value, wanted if details["loc"][-1] != "[key]" else parent, location)
    if kind == "string_type" and isinstance(value, int | float) and not isinstance(value, bool):
        return f"{name} must be text, not the number {value}", f'write it in quotes: "{value}"'
    if kind == "tuple_type" and isinstance(value, str | int | float):
        return f"{name} must be a list, not `{value}`", f"write `[{value}]`"
    if kind in _KINDS:
        hint = _field_hint(parent, location[-1]) if location else ""
        if kind in ("int_type", "float_type") and isinstance(value, str) and value.isdigit():
            hint = f"write it without quotes: {value}"
        return f"{name} must be {_KINDS[kind]}, not {_shape(value)}", hint
    if kind == "too_short":
        return f"{name} is empty", "at least one is needed"
    if kind in ("greater_than", "greater_than_equal", "less_than_equal"):
        bound = {"greater_than": "more than", "greater_than_equal": "at least", "less_than_equal": "at most"}[kind]
        limit = next(iter(context.values()))
        return f"{name} must be {bound} {limit:g}, not {value}", _field_hint(parent, location[-1])
    if kind == "string_too_long":
        return f"{name} is longer than {context['max_length']} characters", ""
    return f"{name}: {details['msg']}", ""


def _name(location: Sequence[str | int]) -> str:
    """``hosts.web-1.zones[1]`` in backquotes; the whole file when empty."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
    return f"`{text}`" if text else "the file"


def _shape(value: object) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f'the text "{value}"' if isinstance(value, str) else f"{value}"


def _choice(name: str, value: object, wanted: Any, location: Sequence[str | int]) -> tuple[str, str]:
    """A word that is not in a closed list."""
    words = _choices(wanted)
    if words == ["1"]:
        return f"{name} must be 1, not {_shape(value)}", "this idc reads `format: 1`"
    if isinstance(value, list | dict):
        return f"{name} must be one word, not {_shape(value)}", f"one of: {', '.join(words)}"
    what = str(value) if not isinstance(value, bool) else str(value).lower()
    thing = next((part for part in reversed(location) if isinstance(part, str) and part != value), "it")
    return f"{name}: `{what}` is not a known word for `{thing}`", _nearest(what, words)


def _nearest(word: str, words: list[str]) -> str:
    """Of two or three words none is a slip for another (`intranet` is no slip for `internet`): all are shown."""
    return did_you_mean(word, words, what="one of") if len(words) > 3 else f"one of: {', '.join(words)}"


def _choices(wanted: Any) -> list[str]:
    for part in _parts(wanted):
        if isinstance(part, type) and issubclass(part, Enum):
            return [str(member.value) for member in part]
        if get_origin(part) is Literal:
            return [str(argument) for argument in get_args(part) if argument != ""]
        if get_origin(part) is dict:
            return _choices(get_args(part)[0])
    return []


def _parts(wanted: Any) -> list[Any]:
    """A type without Annotated, and the members of a union."""
    if get_origin(wanted) is Annotated:
        return _parts(get_args(wanted)[0])
    if get_origin(wanted) in (Union, types.UnionType):
        return [part for argument in get_args(wanted) for part in _parts(argument)]
    return [wanted]


def _walk(model: Any, location: Sequence[str | int]) -> Any:
    """The type that the declaration has at a location; None where it has none."""
    here: Any = model
    for part in location:
        step: Any = None
        for option in _parts(here):
            if isinstance(option, type) and issubclass(option, BaseModel):
                fields = option.model_fields
                step = next((f.annotation for n, f in fields.items() if (f.alias or n) == part), None)
            elif get_origin(option) is tuple:
                step = get_args(option)[0]
            elif get_origin(option) is dict:
                step = get_args(option)[1]
            if step is not None:
                break
        here = step
    return here


def _keys(parent: Any) -> list[str]:
    for option in _parts(parent):
        if isinstance(option, type) and issubclass(option, BaseModel):
            return [field.alias or name for name, field in option.model_fields.items()]
    return []


def _field_hint(parent: Any, key: str | int) -> str:
    for option in _parts(parent):
        if isinstance(option, type) and issubclass(option, BaseModel):
            for name, field in option.model_fields.items():
                if (field.alias or name) == key and field.description:
                    return f"`{key}`: {field.description}"
    return ""
