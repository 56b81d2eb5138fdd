"""Reference pages that are made from the code itself: the command line, and the fields of a declaration.

Pure: a parser or schemas in, Markdown out. ``docs/reference`` holds the result; a test keeps it current.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

_EXITS: Final = (
    ("0", "done"),
    ("1", "findings, or refused: understood and not done"),
    ("2", "bad input: nothing was changed"),
    ("3", "an engine, a host or a tool failed; its own words are shown"),
    ("130", "interrupted: the same command goes on from there"),
)
_KINDS: Final = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}
_FILES: Final = {
    "centre": "centre.yaml",
    "tenant": "tenants/ID.yaml",
    "people": "people.yaml",
    "waivers": "waivers.yaml",
}


def cli_markdown(parser: argparse.ArgumentParser) -> str:
    """The reference of all verbs of a parser: usage, arguments, options, examples."""
    verbs = next(
        (action for action in parser._actions if isinstance(action, argparse._SubParsersAction)),
        None,
    )
    choices: Mapping[str, argparse.ArgumentParser] = verbs.choices if verbs else {}
    summaries = {action.dest: action.help or "" for action in verbs._choices_actions} if verbs else {}
    lines = [f"# The command line: {parser.prog}", "", "<!-- made from the parser; edits are lost -->", ""]
    lines += [parser.description or "", ""]
    lines += ["| verb | what it does |", "|---|---|"]
    lines += [f"| [`{verb}`](#{_anchor(parser.prog, verb)}) | {summaries.get(verb, '')} |" for verb in choices]
    lines += ["", "## Exit codes", "", "| code | meaning |", "|---|---|"]
    lines += [f"| {code} | {meaning} |" for code, meaning in _EXITS]
    lines += ["", "Results go to standard output, progress and errors to standard error.", ""]
    for verb, command in choices.items():
        lines += list(_verb(parser.prog, verb, command))
    return "\n".join(lines).rstrip() + "\n"


def _anchor(prog: str, verb: str) -> str:
    return f"{prog}-{verb}"


def _verb(prog: str, verb: str, command: argparse.ArgumentParser) -> Iterator[str]:
    actions = [action for action in command._actions if not isinstance(action, argparse._HelpAction)]
    positional = [action for action in actions if not action.option_strings]
    options = [action for action in actions if action.option_strings]
    yield from (f"## {prog} {verb}", "", command.description or "", "")
    words = [prog, verb, *(_usage(action) for action in options), *(_usage(action) for action in positional)]
    yield from ("```", " ".join(words), "```", "")
    if actions:
        yield from ("| argument | meaning |", "|---|---|")
        for action in (*positional, *options):
            yield f"| `{_spelling(action)}` | {_meaning(action)} |"
        yield ""
    examples = [line.strip() for line in (command.epilog or "").splitlines() if line.strip()]
    plain = [line for line in examples if not line.startswith("example:")]
    commands = [line.removeprefix("example:").strip() for line in examples if line.startswith("example:")]
    if plain:
        yield from (*plain, "")
    if commands:
        yield from ("```sh", *commands, "```", "")


def _metavar(action: argparse.Action) -> str:
    if action.choices is not None:
        return "|".join(str(choice) for choice in action.choices)
    if isinstance(action.metavar, str):
        return action.metavar
    return action.dest.upper()


def _spelling(action: argparse.Action) -> str:
    if not action.option_strings:
        return _metavar(action).replace("|", "\\|")
    words = ", ".join(action.option_strings)
    return words if action.nargs == 0 else f"{words} {_metavar(action)}".replace("|", "\\|")


def _usage(action: argparse.Action) -> str:
    if action.option_strings:
        word = action.option_strings[-1] if len(action.option_strings[0]) == 2 else action.option_strings[0]
        return f"[{word}]" if action.nargs == 0 else f"[{word} {_metavar(action)}]"
    if action.nargs == argparse.OPTIONAL:
        return f"[{_metavar(action)}]"
    return (
        f"[{_metavar(action)} ...]" if action.nargs in (argparse.ZERO_OR_MORE, argparse.REMAINDER) else _metavar(action)
    )


def _meaning(action: argparse.Action) -> str:
    text = (action.help or "").replace("|", "\\|")
    repeated = " (may be given several times)" if isinstance(action, argparse._AppendAction) else ""
    return text + repeated


def declaration_markdown(schemas: Mapping[str, Mapping[str, Any]]) -> str:
    """The fields of ``centre.yaml``, ``tenants/ID.yaml`` and ``people.yaml``, from their JSON Schemas."""
    lines = ["# The declaration, field by field", "", "<!-- made from the schemas; edits are lost -->", ""]
    lines += [
        "A centre is one folder with `centre.yaml`, one file a tenant in `tenants/`, and `people.yaml`. A field",
        "without a default must be given. Unknown fields are refused, with file and line. Editors check these files",
        "with the JSON Schemas in [schemas/](schemas/).",
        "",
    ]
    for name, file in _FILES.items():
        if name not in schemas:
            continue
        schema = schemas[name]
        parts: Mapping[str, Mapping[str, Any]] = schema.get("$defs", {})
        lines += [f"## {file}", "", *_fields(schema, parts)]
        for part, definition in parts.items():
            if "properties" in definition:
                about = str(definition.get("description", "")).replace("``", "`")
                lines += [f"### {_part(part)} in {file}", "", about, "", *_fields(definition, parts)]
    return "\n".join(lines).rstrip() + "\n"


def _part(name: str) -> str:
    """``HostSpec`` is a host, ``BackupSpec`` a backup."""
    return name.removesuffix("Spec").lower()


def _fields(schema: Mapping[str, Any], parts: Mapping[str, Mapping[str, Any]]) -> list[str]:
    rows = ["| field | what | value | default |", "|---|---|---|---|"]
    required = set(schema.get("required", ()))
    for field, shape in schema.get("properties", {}).items():
        default = "" if field in required or "default" not in shape else f"`{_plain(shape['default'])}`"
        rows.append(
            f"| `{field}` | {shape.get('description', '')} | {_value(shape, parts)} | {default or 'must be given'} |"
        )
    return [*rows, ""]


def _plain(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_plain(each)}" for key, each in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(_plain(each) for each in value) + "]"
    return value if isinstance(value, str) and value else json.dumps(value)


def _value(shape: Mapping[str, Any], parts: Mapping[str, Mapping[str, Any]]) -> str:
    """What may be written: one of a few words, an example, or a kind of thing."""
    for key in ("anyOf", "oneOf", "allOf"):
        if key in shape:
            found = [_value(each, parts) for each in shape[key] if each.get("type") != "null"]
            return " or ".join(dict.fromkeys(found))
    if "$ref" in shape:
        name = shape["$ref"].rsplit("/", 1)[-1]
        if "enum" in parts.get(name, {}):
            return _value(parts[name], parts)
        part = _part(name)
        return f"{'an' if part[0] in 'aeiou' else 'a'} {part}"
    if "const" in shape:
        return f"`{shape['const']}`"
    if "enum" in shape:
        return ", ".join(f"`{each or json.dumps(each)}`" for each in shape["enum"])
    if str(shape.get("pattern", "")).startswith("^[a-z][a-z0-9-]"):
        return "name: small letters, digits and hyphens"
    if examples := shape.get("examples"):
        return "as " + ", ".join(f"`{each}`" for each in examples[:2])
    kind = shape.get("type", "")
    if kind == "array":
        return f"list of: {_value(shape['items'], parts)}" if "items" in shape else "list"
    if kind == "object":
        return _named(shape, parts)
    return _KINDS.get(str(kind), str(kind))


def _named(shape: Mapping[str, Any], parts: Mapping[str, Mapping[str, Any]]) -> str:
    """A mapping: its keys are names; what stands under each."""
    patterns = list(shape.get("patternProperties", {}).values())
    inner = shape.get("additionalProperties") or (patterns[0] if patterns else None)
    return f"by name: {_value(inner, parts)}" if isinstance(inner, Mapping) else "by name"
