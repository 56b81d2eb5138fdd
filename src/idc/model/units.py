"""Quantities as people write them: ``8GiB``, ``1Gbit/s``, ``24h``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta as Duration  # noqa: N812 - a type of ours by its own word
from typing import Final, NewType

from idc.model.text import BadValueError

Bytes = NewType("Bytes", int)
Bandwidth = NewType("Bandwidth", int)  # bit/s

__all__ = [
    "Bandwidth", "Bytes", "Duration", "format_bandwidth", "format_bytes", "format_duration",
    "parse_bandwidth", "parse_bytes", "parse_duration",
]  # fmt: skip

_BYTES: Final = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "TiB": 1024**4}
_BITS: Final = {"bit/s": 1, "kbit/s": 10**3, "Mbit/s": 10**6, "Gbit/s": 10**9}
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}

# What people write instead, by its first letters in lower case.
_MEANT: Final[Mapping[str, Mapping[str, str]]] = {
    "B": {"k": "KiB", "m": "MiB", "g": "GiB", "t": "TiB"},
    "bit/s": {"k": "kbit/s", "m": "Mbit/s", "g": "Gbit/s", "b": "bit/s"},
    "s": {"sec": "s", "min": "m", "h": "h", "d": "d", "s": "s", "m": "m"},
}


def _hint(value: str, units: Mapping[str, int], example: str) -> str:
    match = re.fullmatch(r"([0-9]{1,12})\s*([A-Za-z/]*)", value.strip())
    if match:
        meant = _MEANT[next(iter(units))]
        for start, unit in meant.items():
            if match[2].lower().startswith(start):
                return f"did you mean `{match[1]}{unit}`?"
    return f"a whole number and a unit ({', '.join(units)}), as {example}"


def _parse(value: object, units: Mapping[str, int], example: str, least: int, most: int) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    else:
        match = re.fullmatch(r"([0-9]{1,12})\s?([A-Za-z/]+)", value) if isinstance(value, str) else None
        if match is None or match[2] not in units:
            raise BadValueError(f"`{value}` is not a quantity", _hint(str(value), units, example))
        number = int(match[1]) * units[match[2]]
    if number <= 0:
        raise BadValueError(f"`{value}` must be more than zero", f"as {example}")
    if not least <= number <= most:
        bound = f"at least {_format(least, units)}" if number < least else f"at most {_format(most, units)}"
        unitless = ", and a number needs its unit" if isinstance(value, int) else ""
        raise BadValueError(f"`{value}` must be {bound}{unitless}", f"as {example}")
    return number


def parse_bytes(value: object) -> Bytes:
    """``8GiB`` -> bytes, 1 MiB to 1024 TiB. Plain integers are bytes. Raises BadValueError."""
    return Bytes(_parse(value, _BYTES, "8GiB", 1024**2, 1024**5))


def parse_bandwidth(value: object) -> Bandwidth:
    """``50Mbit/s`` -> bit/s, 8 kbit/s to 10,000 Gbit/s. Plain integers are bit/s. Raises BadValueError."""
    return Bandwidth(_parse(value, _BITS, "50Mbit/s", 8_000, 10**13))


def parse_duration(value: object) -> Duration:
    """``24h`` -> timedelta, one minute to 100 years. Raises BadValueError."""
    if isinstance(value, Duration):
        return value
    return Duration(seconds=_parse(value, _SECONDS, "24h", 60, 36_500 * 86400))


def _format(number: int, units: Mapping[str, int]) -> str:
    for unit, size in sorted(units.items(), key=lambda item: -item[1]):
        if number >= size and number % size == 0:
            return f"{number // size}{unit}"
    return str(number)


def format_bytes(number: int) -> str:
    """Largest binary unit that divides it exactly: ``8GiB``."""
    return _format(number, _BYTES)


def format_bandwidth(number: int) -> str:
    """Largest decimal unit that divides it exactly: ``50Mbit/s``."""
    return _format(number, _BITS)


def format_duration(value: Duration) -> str:
    """Largest unit that divides it exactly: ``24h`` is ``1d``."""
    return _format(int(value.total_seconds()), _SECONDS)
