"""Quantities as people write them: ``8GiB``, ``1Gbit/s``, ``24h``."""

from __future__ import annotations

import re
from datetime import timedelta as Duration
from typing import NewType

Bytes = NewType("Bytes", int)
Bandwidth = NewType("Bandwidth", int)  # bit/s

__all__ = [
    "Bandwidth", "Bytes", "Duration", "format_bandwidth", "format_bytes", "format_duration",
    "parse_bandwidth", "parse_bytes", "parse_duration",
]  # fmt: skip

_BYTES = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "TiB": 1024**4}
_BITS = {"bit/s": 1, "kbit/s": 10**3, "Mbit/s": 10**6, "Gbit/s": 10**9}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _parse(value: object, units: dict[str, int], example: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    else:
        match = re.fullmatch(r"([0-9]{1,12})\s?([A-Za-z/]+)", value) if isinstance(value, str) else None
        if match is None or match[2] not in units:
            raise ValueError(f"not a quantity: {value!r}; write a whole number and a unit ({', '.join(units)}), as {example}")
        number = int(match[1]) * units[match[2]]
    if number <= 0:
        raise ValueError(f"must be more than zero, as {example}")
    return number


def parse_bytes(value: object) -> Bytes:
    """``8GiB`` -> bytes. Plain integers are bytes."""
    return Bytes(_parse(value, _BYTES, "8GiB"))


def parse_bandwidth(value: object) -> Bandwidth:
    """``50Mbit/s`` -> bit/s. Plain integers are bit/s."""
    return Bandwidth(_parse(value, _BITS, "50Mbit/s"))


def parse_duration(value: object) -> Duration:
    """``24h`` -> timedelta."""
    if isinstance(value, Duration):
        return value
    return Duration(seconds=_parse(value, _SECONDS, "24h"))


def _format(number: int, units: dict[str, int]) -> str:
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
