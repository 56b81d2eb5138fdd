"""Field types of the declaration: each parses what people write and says in its JSON Schema how that looks."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Interface, ip_interface
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from idc.model import refs, text
from idc.model.sshkeys import ssh_key
from idc.model.text import BadValueError
from idc.model.units import (
    Bandwidth,
    Bytes,
    Duration,
    format_bandwidth,
    format_bytes,
    format_duration,
    parse_bandwidth,
    parse_bytes,
    parse_duration,
)


def _text(value: object, example: str) -> str:
    if not isinstance(value, str):
        raise BadValueError(f"must be text, not {value!r}", f"as {example}")
    return value


def _date(value: object) -> date:
    if isinstance(value, date):
        return value
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise BadValueError(f"`{value}` is not a date", "year-month-day, as 2027-12-31")
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise BadValueError(f"`{value}` is not a date: {error}", "year-month-day, as 2027-12-31") from None


def _address(value: object) -> IPv4Address:
    if isinstance(value, IPv4Address):
        return value
    try:
        return IPv4Address(_text(value, "192.0.2.10"))
    except ValueError as error:
        raise BadValueError(f"`{value}` is not an IPv4 address", f"as 192.0.2.10 ({error})") from None


def network(value: object) -> IPv4Network:
    """``10.64.0.0/13`` without host bits; raises BadValueError otherwise."""
    if isinstance(value, IPv4Network):
        return value
    written = _text(value, "10.64.0.0/13")
    try:
        return IPv4Network(written)
    except ValueError as error:
        try:
            hint = f"did you mean `{IPv4Network(written, strict=False)}`?"
        except ValueError:
            hint = "as 10.64.0.0/13"
        raise BadValueError(f"`{value}` is not an IPv4 network: {error}", hint) from None


def _interface4(value: object) -> IPv4Interface:
    if isinstance(value, IPv4Interface):
        return value
    found = _interface(value, "203.0.113.10/24")
    if not isinstance(found, IPv4Interface):
        raise BadValueError(f"`{value}` is an IPv6 address", "its place is `address6`")
    return found


def _interface6(value: object) -> IPv6Interface:
    if isinstance(value, IPv6Interface):
        return value
    found = _interface(value, "2001:db8:64::10/64")
    if not isinstance(found, IPv6Interface):
        raise BadValueError(f"`{value}` is an IPv4 address", "its place is `address`")
    if found.scope_id is not None:
        raise BadValueError(f"`{value}` names an interface", f"its place is `interface: {found.scope_id}`")
    if found.network.prefixlen > 126:
        raise BadValueError(f"`{value}` leaves no room for others on its network", "as 2001:db8:64::10/64")
    return found


def _interface(value: object, example: str) -> IPv4Interface | IPv6Interface:
    written = _text(value, example)
    if "/" not in written:
        raise BadValueError(
            f"`{written}` has no prefix length", f"the address with the length of its network, as {example}"
        )
    try:
        found = ip_interface(written)
    except ValueError:
        raise BadValueError(f"`{written}` is not an address with a prefix length", f"as {example}") from None
    whole = found.network
    if isinstance(whole, IPv4Network) and whole.prefixlen > 30:
        raise BadValueError(f"`{written}` leaves no room for others on its network", f"as {example}")
    ends = (whole.network_address, whole.broadcast_address if whole.version == 4 else whole.network_address)
    if found.ip in ends:
        raise BadValueError(
            f"`{written}` is the network's own or its broadcast address", f"a host's address, as {example}"
        )
    return found


def port(value: object) -> str:
    """``443/tcp`` as it is; raises BadValueError otherwise."""
    match = re.fullmatch(r"([1-9][0-9]{0,4})/(tcp|udp)", value) if isinstance(value, str) else None
    if match is None or int(match[1]) > 65535:
        digits = re.search(r"[0-9]{1,5}", str(value))
        kind = "udp" if "udp" in str(value).lower() else "tcp"
        near = int(digits[0]) if digits else 0
        hint = f"did you mean `{near}/{kind}`?" if 0 < near < 65536 else "as 443/tcp or 53/udp"
        raise BadValueError(f"`{value}` is not a port and protocol", hint)
    return match[0]


def _reference(value: object) -> str:
    return str(refs.parse(value))


def _reason(value: object) -> str:
    reason = text.line(value)
    if len(reason.strip()) < 8:
        raise BadValueError(
            f"`{reason}` is too short for a reason", "a few words on what it is for, 8 characters or more"
        )
    return reason


def _control(value: object) -> str:
    if value == "":
        return ""
    control = text.line(value)
    if len(control) > 60:
        raise BadValueError("must have at most 60 characters", "as 8.1.3.2 b")
    return control


def _image(value: object) -> str:
    if value == "":
        return ""
    if not isinstance(value, str) or not re.fullmatch(r"[a-z][a-z0-9-]{0,38}[a-z0-9]", value):
        raise BadValueError(f"`{value}` is not the short name of an image", "a folder's name under images/, as filing")
    return value


def _interface_name(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9._-]{0,14}", value):
        raise BadValueError(
            f"`{value}` is not an interface's name", "1 to 15 letters, digits, dots and hyphens, as eth0"
        )
    return value


def _user(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[a-z_][a-z0-9_-]{0,31}", value):
        raise BadValueError(f"`{value}` is not a login name", "as root or operator")
    return value


def _format(value: object) -> object:
    """``true`` and ``1.0`` equal 1 in Python, but are no format."""
    if isinstance(value, bool | float):
        raise BadValueError(f"must be 1, not {str(value).lower()}", "this idc reads `format: 1`")
    return value


def _pattern(pattern: str, *examples: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, "examples": list(examples)})


def _as_written(show: Callable[[Any], str]) -> PlainSerializer:
    """In JSON a quantity is what people write, so that the schemas' defaults read well."""
    return PlainSerializer(show, return_type=str, when_used="json")


BytesField = Annotated[
    Bytes,
    BeforeValidator(parse_bytes),
    _as_written(format_bytes),
    _pattern(r"^[0-9]{1,12} ?(B|KiB|MiB|GiB|TiB)$", "8GiB", "512MiB"),
]
BandwidthField = Annotated[
    Bandwidth,
    BeforeValidator(parse_bandwidth),
    _as_written(format_bandwidth),
    _pattern(r"^[0-9]{1,12} ?(|k|M|G)bit/s$", "1Gbit/s", "50Mbit/s"),
]
DurationField = Annotated[
    Duration,
    BeforeValidator(parse_duration),
    _as_written(format_duration),
    _pattern(r"^[0-9]{1,12} ?[smhd]$", "24h", "30d"),
]
DateField = Annotated[date, BeforeValidator(_date), WithJsonSchema({"type": "string", "format": "date"})]

Name = Annotated[str, BeforeValidator(text.name), _pattern(text.NAME, "tax", "civil-affairs")]
HostName = Annotated[str, BeforeValidator(text.host_name), _pattern(text.HOST_NAME, "www.city.example")]
Email = Annotated[str, BeforeValidator(text.email), _pattern(text.EMAIL, "duty@city.example")]
Line = Annotated[str, BeforeValidator(text.line), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 200})]
PersonName = Annotated[
    str, BeforeValidator(text.person), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 200})
]
Reason = Annotated[str, BeforeValidator(_reason), WithJsonSchema({"type": "string", "minLength": 8, "maxLength": 200})]
Control = Annotated[str, BeforeValidator(_control), WithJsonSchema({"type": "string", "maxLength": 60})]
Port = Annotated[str, BeforeValidator(port), _pattern(r"^[1-9][0-9]{0,4}/(tcp|udp)$", "443/tcp", "53/udp")]
PolicyId = Annotated[str, BeforeValidator(text.policy), _pattern(text.POLICY, "hardening.filesystem", "custom.no-php")]
WaiverScope = Annotated[
    str,
    BeforeValidator(text.waiver_scope),
    _pattern(text.WAIVER_SCOPE, "tenant/tax", "tenant/tax/site/www", "platform"),
]
Ref = Annotated[
    str,
    BeforeValidator(_reference),
    _pattern(
        r"^([a-z][a-z0-9-]*|(tenant|service|zone|host)/[a-z0-9-]+(/site/[a-z0-9-]+)?|[0-9.]+(/[0-9]+)?)$",
        "tenant/tax/site/www", "service/dns", "internet", "10.1.2.0/24",
    ),
]  # fmt: skip
ImageName = Annotated[str, BeforeValidator(_image), _pattern(r"^([a-z][a-z0-9-]{0,38}[a-z0-9])?$", "filing")]
InterfaceName = Annotated[str, BeforeValidator(_interface_name), _pattern(r"^[A-Za-z][A-Za-z0-9._-]{0,14}$", "eth0")]
AnyInterfaceName = Annotated[
    str,
    BeforeValidator(lambda value: value if value == "" else _interface_name(value)),
    _pattern(r"^([A-Za-z][A-Za-z0-9._-]{0,14})?$", "eth0"),
]
UserName = Annotated[str, BeforeValidator(_user), _pattern(r"^[a-z_][a-z0-9_-]{0,31}$", "root")]
SshKey = Annotated[str, BeforeValidator(ssh_key), _pattern(r"^[a-z0-9@.-]+ [A-Za-z0-9+/=]+", "ssh-ed25519 AAAA… name")]
Address = Annotated[IPv4Address, BeforeValidator(_address), WithJsonSchema({"type": "string", "format": "ipv4"})]
Network = Annotated[IPv4Network, BeforeValidator(network), _pattern(r"^[0-9.]+/[0-9]{1,2}$", "10.64.0.0/13")]
Interface4 = Annotated[
    IPv4Interface, BeforeValidator(_interface4), _pattern(r"^[0-9.]+/[0-9]{1,2}$", "203.0.113.10/24")
]
Interface6 = Annotated[
    IPv6Interface, BeforeValidator(_interface6), _pattern(r"^[0-9a-fA-F:.]+/[0-9]{1,3}$", "2001:db8:64::10/64")
]
Format = Annotated[Literal[1], BeforeValidator(_format)]
Cores = Annotated[float, Field(strict=True, gt=0, le=1024, allow_inf_nan=False)]
