"""YAML text to plain data: the safe, unsurprising part of YAML, with the place of every key and value.

What is taken: one document of mappings, lists and scalars. What is refused: anchors, aliases, merge keys, tags,
directives, several documents, duplicate keys, and anything beyond the limits (so that no small file grows into a big
value). Plain scalars follow the YAML 1.2 core schema: ``no`` and ``12:30`` are text, ``010`` is refused as ambiguous.

PyYAML's events are read one by one (libyaml's scanner where it is there), never its recursive composer: depth and
size are bounded before anything is built.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from idc.model.faults import Fault, syntax_fault
from idc.model.text import describe, hidden

Data = None | bool | int | float | str | list["Data"] | dict[str, "Data"]
Path = Sequence[str | int]

MAX_DEPTH: Final = 12
MAX_NODES: Final = 100_000
MAX_BYTES: Final = 1024 * 1024

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_COLUMN: Final = 1 << 20  # a mark is line * _COLUMN + column, both 0-based

_INT: Final = re.compile(r"[-+]?[0-9]+")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: Final[dict[str, bool | None]] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip


@dataclass
class Reading:
    """A text's data, its faults, and where everything stands. ``data`` is None where the text could not be read."""

    data: Data = None
    faults: list[Fault] = field(default_factory=list)
    complete: bool = False  # read to its end; when not, the data must not be judged
    marks: array[int] = field(default_factory=lambda: array("q"))  # in document order: each key, each value

    def place(self, path: Path, *, key: bool = False) -> tuple[int, int]:
        """1-based line and column of the value at a path (``key``: of its key), or of its nearest parent that exists.

        A key without a value is found at the key.
        """
        if not self.marks:
            return (1, 1)
        here, index, found = self.data, 0, self.marks[0]
        for depth, part in enumerate(path):
            last = depth == len(path) - 1
            if isinstance(here, dict) and isinstance(part, str) and part in here:
                index += 1
                for name, value in here.items():
                    if name == part:
                        break
                    index += 1 + _count(value)
                key_mark, index, here = self.marks[index], index + 1, here[part]
                # The value of a block mapping starts on a line of its own: the key says better where to look.
                below = isinstance(here, dict | list) and self.marks[index] // _COLUMN != key_mark // _COLUMN
                found = key_mark if (last and key) or below or here is None else self.marks[index]
            elif isinstance(here, list) and isinstance(part, int) and part < len(here):
                index += 1 + sum(_count(value) for value in here[:part])
                here, found = here[part], self.marks[index]
            else:
                break
        return (found // _COLUMN + 1, found % _COLUMN + 1)


def _count(value: Data) -> int:
    """Number of marks that a value takes."""
    if isinstance(value, dict):
        return 1 + sum(1 + _count(item) for item in value.values())
    if isinstance(value, list):
        return 1 + sum(_count(item) for item in value)
    return 1


class _StopReadingError(Exception):
    """The rest of the text is not worth reading."""


class _Builder:
    """Builds data from events with a stack of its own."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.stack: list[tuple[dict[str, Data] | list[Data], str | None, int, int]] = []
        # The open container: itself, the key that waits for its value, index of its mark, and where a duplicate began.
        self.container: dict[str, Data] | list[Data] | None = None
        self.key: str | None = None
        self.start = 0
        self.duplicate = -1
        self.judgeable = True  # False once a value is unknown: judging the rest would only confuse

    def fault(self, mark: int, message: str, hint: str = "") -> None:
        self.reading.faults.append(Fault(mark // _COLUMN + 1, mark % _COLUMN + 1, message, hint))

    def put(self, value: Data) -> None:
        """Attach a finished value to the open container."""
        container = self.container
        if container is None:
            self.reading.data = value
        elif type(container) is list:
            container.append(value)
        elif self.key is not None:
            if self.duplicate >= 0:
                del self.reading.marks[self.duplicate :]
                self.duplicate = -1
            else:
                container[self.key] = value  # type: ignore[call-overload]
            self.key = None

    def open(self, container: dict[str, Data] | list[Data], mark: int) -> None:
        """Enter a mapping or list."""
        if len(self.stack) >= MAX_DEPTH:
            self.fault(mark, f"nested more than {MAX_DEPTH} deep", "a declaration never is: look for a stray bracket")
            raise _StopReadingError
        if type(self.container) is dict and self.key is None:
            self.fault(mark, "a key is a list or a mapping", "a key is one plain word; quote text that has brackets")
            raise _StopReadingError
        if self.container is not None:
            self.stack.append((self.container, self.key, self.start, self.duplicate))
        self.container, self.key, self.duplicate = container, None, -1
        self.start = len(self.reading.marks)
        self.reading.marks.append(mark)

    def close(self) -> None:
        """Leave the open mapping or list."""
        done = self.container
        if self.stack:
            self.container, self.key, self.start, self.duplicate = self.stack.pop()
        else:
            self.container = None
        self.put(done)

    def scalar(self, value: str, plain: bool, mark: int) -> None:
        """A key or a value."""
        if value and not value.isprintable() and (index := hidden(value.replace("\n", ""))) >= 0:
            bad = value.replace("\n", "")[index]
            self.fault(mark, f"the text holds {describe(bad)}, which does not show", "take the escape out")
        if type(self.container) is dict and self.key is None:
            self.key_scalar(value, plain, mark)
            return
        self.reading.marks.append(mark)
        self.put(self.resolve(value, mark) if plain else value)

    def key_scalar(self, key: str, plain: bool, mark: int) -> None:
        """The key of a pair in the open mapping."""
        assert isinstance(self.container, dict)
        if plain and key == "<<":
            self.fault(mark, "merge keys (`<<`) are not taken", "write the values out where they belong")
            self.judgeable = False
        elif not key:
            self.fault(mark, "a key is empty", "write `key: value`")
        if key in self.container:
            index = self.start + 1
            for name, value in self.container.items():
                if name == key:
                    break
                index += 1 + _count(value)
            first = self.reading.marks[index] // _COLUMN + 1
            self.fault(mark, f"duplicate key `{key}`", f"it is first given at line {first}; keep one")
            self.duplicate = len(self.reading.marks)
        self.reading.marks.append(mark)
        self.key = key

    def resolve(self, value: str, mark: int) -> Data:
        """A plain scalar by the core schema of YAML 1.2."""
        if value in _WORDS:
            return _WORDS[value]
        if value[0] not in "0123456789+-.":
            return value
        if _INT.fullmatch(value):
            digits = value.lstrip("+-")
            if len(digits) > 1 and digits[0] == "0":
                self.fault(mark, f"`{value}` is ambiguous: octal for some, decimal for others", f'`"{value}"` is text')
            elif len(digits) > 18:
                self.fault(mark, f"a number of {len(digits)} digits", "no quantity here is that large")
            else:
                return int(value)
            return value
        if _FLOAT.fullmatch(value) and len(value) < 40:
            number = float(value)
            if number in (float("inf"), float("-inf")):
                self.fault(mark, f"`{value}` is beyond all numbers", "no quantity here is that large")
            return number
        return value


def _check_document(event: DocumentStartEvent, builder: _Builder, number: int, mark: int) -> None:
    if number > 1:
        builder.fault(mark, "a second document begins here", "one document a file: take the `---` line out")
        raise _StopReadingError
    if event.version or event.tags:
        builder.fault(mark, "directives (%YAML, %TAG) are not taken", "take the lines that begin with % out")


def _consume(next_event: Callable[[], Any], builder: _Builder) -> None:
    """Feed all events to the builder. Its loop is the hot one: a centre has millions of events."""
    marks, documents = builder.reading.marks, 0
    aliases: set[str] = set()
    while True:
        event = next_event()
        kind = type(event)
        start = event.start_mark
        mark = start.line * _COLUMN + min(start.column, _COLUMN - 1)
        if kind is ScalarEvent or kind is MappingStartEvent or kind is SequenceStartEvent:
            if event.anchor is not None:
                builder.fault(mark, f"anchors (`&{event.anchor}`) are not taken", "write the value where it is needed")
            if event.tag is not None:
                hint = 'take it out; quote a value that is text: "5"'
                builder.fault(mark, f"tags (`{_short_tag(event.tag)}`) are not taken", hint)
            if len(marks) > MAX_NODES:
                builder.fault(mark, f"more than {MAX_NODES:,} values in one file", "a declaration is never that large")
                raise _StopReadingError
            if kind is ScalarEvent:
                builder.scalar(event.value, event.implicit[0] or (event.tag is not None), mark)
            else:
                builder.open({} if kind is MappingStartEvent else [], mark)
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            builder.close()
        elif kind is AliasEvent:
            if event.anchor not in aliases:
                builder.fault(mark, f"aliases (`*{event.anchor}`) are not taken", "write the value out again")
            aliases.add(event.anchor)
            builder.scalar("*", False, mark)
            builder.judgeable = False
        elif kind is DocumentStartEvent:
            documents += 1
            _check_document(event, builder, documents, mark)
        elif kind is StreamEndEvent:
            if not documents:
                hint = "`idc init` writes one that is complete"
                builder.reading.faults.append(Fault(0, 0, "the file is empty", hint))
                raise _StopReadingError
            return


def _short_tag(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!")


def read(text: str) -> Reading:
    """Read a text; never raises for what it holds. Faults are collected until the text cannot be followed."""
    reading = Reading()
    shown = text.replace("\r\n", "\n").replace("\n", "").replace("\t", "")
    if not shown.isprintable() and hidden(shown) >= 0:
        for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
            if (index := hidden(line.replace("\t", " "))) >= 0:
                message = f"the line holds {describe(line[index])}"
                reading.faults.append(Fault(number, index + 1, message, "take it out: it does not show"))
        return reading
    builder = _Builder(reading)
    loader = _LOADER(text)
    try:
        _consume(loader.get_event, builder)
        reading.complete = builder.judgeable
    except _StopReadingError:
        reading.data = None
    except yaml.MarkedYAMLError as error:
        reading.data = None
        reading.faults.append(syntax_fault(error, text))
    except yaml.YAMLError as error:
        reading.data = None
        reading.faults.append(Fault(0, 0, f"not YAML: {error}"))
    finally:
        loader.dispose()
    return reading
