"""A file of a centre folder: its text, its data, and the places in it. Reads nothing but regular files."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from idc.errors import Problem
from idc.model.reading import MAX_BYTES, Data, Reading, read


@dataclass(frozen=True)
class Place:
    """A place in the declaration, ready for a message."""

    file: str  # as shown: the centre folder as it was given, and the file in it
    relative: str  # below the centre folder; the same on each machine
    line: int
    column: int
    source: str  # text of the line

    @property
    def at(self) -> str:
        """``tenants/tax.yaml:12``, the same on each machine."""
        return f"{self.relative}:{self.line}" if self.line else self.relative

    def problem(self, message: str, hint: str = "") -> Problem:
        """What is wrong here."""
        return Problem(self.file, self.line, message, hint, self.source, self.column)


@dataclass(frozen=True)
class Source:
    """One YAML file that was read."""

    file: str
    relative: str
    text: str
    reading: Reading

    @property
    def data(self) -> Data:
        """The plain data."""
        return self.reading.data

    @cached_property
    def lines(self) -> list[str]:
        """Lines of the text without their ends."""
        return self.text.replace("\r\n", "\n").split("\n")

    def place(self, *path: str | int, key: bool = False) -> Place:
        """Where a value stands (``key``: where its key does), or the nearest that is there."""
        return self.at(*self.reading.place(path, key=key))

    def at(self, line: int, column: int) -> Place:
        """A place by its line and column; line 0 is the whole file."""
        shown = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        return Place(self.file, self.relative, line, column, shown)


def read_bytes(path: Path) -> bytes:
    """Content of a regular file of at most MAX_BYTES; follows no link, waits for no pipe.

    Raises OSError as the system gives it, and ValueError for what is no file of ours.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is not a regular file")
        if status.st_size > MAX_BYTES:
            raise ValueError(f"it has {status.st_size:,} bytes; a declaration's file has at most {MAX_BYTES:,}")
        # As large as the file, not as the limit: a buffer of a megabyte a file is felt with thousands of them.
        content = os.read(handle, status.st_size + 1)
        while len(content) <= MAX_BYTES and (chunk := os.read(handle, 1 << 16)):
            content += chunk
        if len(content) > MAX_BYTES:
            raise ValueError(f"it grew beyond {MAX_BYTES:,} bytes while it was read")
        return content
    finally:
        os.close(handle)


def decode(content: bytes, file: str) -> str | Problem:
    """UTF-8 without a byte order mark, or what is wrong."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return Problem(file, 0, "the file is UTF-16", "save it as UTF-8")
    if content.startswith(b"\xef\xbb\xbf"):
        return Problem(file, 1, "the file begins with a byte order mark", "save it as UTF-8 without BOM", "", 1)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        begin = content.rfind(b"\n", 0, error.start) + 1
        shown = content[begin:].split(b"\n", 1)[0].decode("utf-8", "replace")
        column = len(content[begin : error.start].decode("utf-8", "replace")) + 1
        message = f"not UTF-8: byte 0x{content[error.start]:02x} at offset {error.start}"
        return Problem(file, line, message, "save it as UTF-8 (GBK or GB 18030 is not read)", shown, column)


def load_source(path: Path, file: str, relative: str) -> tuple[Source | None, list[Problem]]:
    """Read one file. Gives the source when its data can be judged, and all that is wrong with its text."""
    try:
        content = read_bytes(path)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        return None, [Problem(file, 0, f"cannot read the file: {why}", "a plain file that you may read")]
    text = decode(content, file)
    if isinstance(text, Problem):
        return None, [text]
    source = Source(file, relative, text, read(text))
    problems = [
        source.at(fault.line, fault.column).problem(fault.message, fault.hint) for fault in source.reading.faults
    ]
    return (source if source.reading.complete else None), problems
