"""The plan as text and back: one stable JSON form for the station's files, for digests, and for machines.

Generic over the frozen dataclasses of ``idc.plan``: the annotations say how a field is written and read. Encoders and
decoders are built once a type, so that a plan of 10,000 tenants is written and read in seconds.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import reprlib
import types
import typing
from collections.abc import Callable, Mapping
from datetime import date
from enum import Enum
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from typing import Any, TypeVar, cast, overload

from idc.collector import without_collector
from idc.errors import EngineError
from idc.plan.types import Plan

T = TypeVar("T")

_ADDRESSES = (IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network)
_PLAIN = frozenset({str, int, float, bool, type(None)})

Coder = Callable[[Any], Any]

_quoted = json.JSONEncoder(ensure_ascii=False).encode

_ENCODERS: dict[type, Coder] = {}
_DECODERS: dict[Any, Coder] = {}


def encode(value: object) -> Any:
    """A value as JSON types: dataclasses become objects, addresses and dates strings, tuples and sets arrays."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    encoder = _ENCODERS.get(kind)
    if encoder is None:
        encoder = _ENCODERS[kind] = _build_encoder(kind)
    return encoder(value)


def _build_encoder(kind: type) -> Coder:
    """How a value of this very type becomes a JSON value; built once."""
    if dataclasses.is_dataclass(kind):
        names = tuple(field.name for field in dataclasses.fields(kind))
        return lambda value: {name: encode(getattr(value, name)) for name in names}
    if issubclass(kind, Enum):
        return lambda value: value.value
    if issubclass(kind, Mapping):
        return lambda value: {str(key): encode(item) for key, item in value.items()}
    if issubclass(kind, (tuple, list)):
        return lambda value: [encode(item) for item in value]
    if issubclass(kind, (set, frozenset)):
        return lambda value: sorted(encode(item) for item in value)
    if issubclass(kind, _ADDRESSES):
        return _cached(str)
    if issubclass(kind, date):
        return str
    raise TypeError(f"a {kind.__name__} has no place in a plan")


def dumps(value: object, *, indent: int | None = None) -> str:
    """Stable JSON text of a plan, or of any value made of its types: keys sorted, one line unless ``indent``."""
    with without_collector():
        if indent is None:
            return json.dumps(encode(value), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return _indented(encode(value), " " * indent, "\n")


def _indented(value: Any, step: str, newline: str) -> str:
    """As ``json.dumps`` with ``indent``, for which the standard library has no fast encoder (bench/plan.py)."""
    if not isinstance(value, (dict, list)) or not value:
        return _quoted(value)
    inner = newline + step
    if isinstance(value, list):
        return f"[{inner}{f',{inner}'.join([_indented(item, step, inner) for item in value])}{newline}]"
    items = [f"{_quoted(key)}: {_indented(value[key], step, inner)}" for key in sorted(value)]
    return f"{{{inner}{f',{inner}'.join(items)}{newline}}}"


def digest(value: object) -> str:
    """SHA-256 (hex) over the stable text of a value."""
    return hashlib.sha256(dumps(value).encode()).hexdigest()


def decode(value: Any, kind: type[T]) -> T:
    """The value of a type that stands in JSON types. Raises ValueError or TypeError."""
    return cast("T", _decoder(kind)(value))


@overload
def loads(text: str) -> Plan: ...
@overload
def loads(text: str, kind: type[T]) -> T: ...
def loads(text: str, kind: type[Any] = Plan) -> Any:
    """The value that ``dumps`` wrote. Unknown fields are passed over, so that an older idc reads a newer file.

    Raises EngineError when the text is not such a value (a damaged or foreign file).
    """
    try:
        with without_collector():
            return decode(json.loads(text), kind)
    except (ValueError, TypeError, RecursionError) as error:
        raise EngineError(
            f"not a stored {kind.__name__.lower()}: {error}",
            hint="the file is damaged or from another version of idc; `idc up` writes it anew once it is moved away",
        ) from None


def _decoder(kind: Any) -> Coder:
    """How a JSON value becomes a value of this annotation; built once."""
    if kind not in _DECODERS:
        _DECODERS[kind] = _build_decoder(kind)
    return _DECODERS[kind]


def _build_decoder(kind: Any) -> Coder:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return _decoder(arguments[0])
    if origin is typing.Literal:
        return _choice(frozenset(arguments))
    if origin in (typing.Union, types.UnionType):
        return _optional(_decoder(next(a for a in arguments if a is not type(None))))
    if origin is tuple:
        return _tuple(_decoder(arguments[0]))
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(_decoder(arguments[1]))
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return _dataclass(kind)
    if kind is float:
        return _number
    if kind in _PLAIN:
        return _plain(kind)
    if kind is date:
        return date.fromisoformat
    if isinstance(kind, type) and (issubclass(kind, Enum) or kind in _ADDRESSES):
        return _cached(kind)
    raise TypeError(f"no way to read a {kind}")


def _plain(kind: type) -> Coder:
    return lambda value: _of(value, kind)


def _cached(kind: Callable[[Any], Any]) -> Coder:
    seen: dict[Any, Any] = {}

    def read(value: Any) -> Any:
        found = seen.get(value)
        if found is None:
            if len(seen) > 100_000:
                seen.clear()
            found = seen[value] = kind(value)
        return found

    return read


def _choice(allowed: frozenset[object]) -> Coder:
    def read(value: Any) -> Any:
        if value not in allowed:
            raise ValueError(f"{reprlib.repr(value)} is none of {sorted(map(str, allowed))}")
        return value

    return read


def _optional(inner: Coder) -> Coder:
    return lambda value: None if value is None else inner(value)


def _tuple(inner: Coder) -> Coder:
    return lambda value: tuple([inner(item) for item in _of(value, list)])


def _mapping(inner: Coder) -> Coder:
    return lambda value: {key: inner(item) for key, item in _of(value, dict).items()}


def _number(value: Any) -> float:
    if type(value) not in (int, float):
        raise ValueError(f"{reprlib.repr(value)} is not a number")
    return float(value)


def _of(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise ValueError(f"{reprlib.repr(value)} is not of type {kind.__name__}")
    return value


def _dataclass(kind: type) -> Coder:
    hints = typing.get_type_hints(kind, include_extras=True)
    fields = dataclasses.fields(kind)
    readers = [(field.name, _decoder(hints[field.name])) for field in fields]
    needed = [
        field.name
        for field in fields
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]

    def read(value: Any) -> Any:
        held = _of(value, dict)
        for name in needed:
            if name not in held:
                raise ValueError(f"`{name}` is missing")
        return kind(**{name: reader(held[name]) for name, reader in readers if name in held})

    return read
