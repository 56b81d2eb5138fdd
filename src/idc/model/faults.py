"""What a YAML text does wrong, in the words of somebody who writes declarations."""

from __future__ import annotations

from dataclasses import dataclass

import yaml


@dataclass(frozen=True)
class Fault:
    """Something that the text does wrong, at a 1-based line and column."""

    line: int
    column: int
    message: str
    hint: str = ""


def syntax_fault(error: yaml.MarkedYAMLError, text: str) -> Fault:
    """A scanner's or parser's complaint, with a hint in the words of somebody who writes the file."""
    problem, context = str(error.problem or ""), str(error.context or "")
    # An open quote and a key without its colon are noticed far below the line where they began.
    began = ("quoted scalar" in context and "end of stream" in problem) or "simple key" in context
    mark = error.context_mark if began and error.context_mark else error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    lines = text.split("\n")
    shown = lines[line] if line < len(lines) else ""
    message = f"not YAML: {context}: {problem}" if context and problem else f"not YAML: {problem or context}"
    if not began and error.context_mark and error.context_mark.line != line:
        message += f" (it begins at line {error.context_mark.line + 1})"
    near = "".join(lines[max(0, line - 1) : line + 1])
    if "\t" in shown[: column + 1]:
        hint = "indent with spaces; a tab is no indentation in YAML"
    elif "：" in near or "，" in near:
        hint = "the colon or comma is a full-width one (U+FF1A, U+FF0C); write the ASCII `:` or `,`"
    elif "mapping values" in problem:
        hint = "text that holds `: ` needs quotes; else look at the indentation of this line and the one above"
    elif "start any token" in problem:
        hint = "text that begins with @, ` or % needs quotes"
    elif "escape" in problem:
        hint = "in double quotes a backslash begins an escape; single quotes take it as it is"
    elif "expected ',' or" in problem:
        hint = "close the bracket, or put a comma between the items"
    elif "simple key" in context:
        hint = "a key needs a colon and a space behind it: `key: value`"
    elif "end of stream" in problem:
        hint = "a quote is not closed"
    else:
        hint = "look at the indentation of this line and the one above"
    return Fault(line + 1, column + 1, message, hint)
