"""From the document of ``agent/collect`` to a ``Snapshot``. Pure; fits what the programs of Debian 12 print."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from idc.live import inspected, nft
from idc.live.snapshot import FileState, Link, Listener, Part, Route, Snapshot, Traffic, TrafficClass, Unit

Value = TypeVar("Value")

_RATE: Final = re.compile(r"([0-9.]+)([KMGT]?)bit")
_UNITS: Final = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_CLASS: Final = re.compile(r"^class htb (\S+) (?:root|parent (\S+)).*? rate (\S+) ceil (\S+)", re.MULTILINE)
_PROGRAM: Final = re.compile(r'users:\(\("([^"]+)"')
# The kernel's own three, in `ip rule`'s words.
_OWN_RULES: Final = {(0, "local"), (32766, "main"), (32767, "default")}


def snapshot(host: str, document: Mapping[str, Any]) -> Snapshot:
    """The typed snapshot of a host."""
    parts: Mapping[str, Any] = document["parts"]

    def part(name: str, read: Callable[[Any], Value]) -> Part[Value]:
        return _part(parts.get(name, {"error": "was not asked for"}), read)

    return Snapshot(
        host=host,
        began=float(document["began"]),
        ended=float(document["ended"]),
        boot=part("boot", str),
        kernel=str(document["kernel"]),
        rules=part("nft", nft.parse),
        expected=_part(document["expected"], nft.parse),
        iptables=part("iptables", str),
        ip6tables=part("ip6tables", str),
        legacy=part("legacy", dict),
        links=part("links", links),
        routes=_both(part("routes4", routes), part("routes6", routes)),
        policy_routes=_both(part("rules4", policy_routes), part("rules6", policy_routes)),
        traffic=_traffic(parts),
        xfrm=part("xfrm", str),
        sysctls=part("sysctls", dict),
        units=part("units", units),
        listeners=part("listeners", listeners),
        sshd=part("sshd", sshd),
        files=part("files", files),
        folders=part("folders", files),
        roles=part("roles", dict),
        engine=part("docker", inspected.engine),
        conntrack=part("conntrack", int),
    )


def _part(raw: Mapping[str, Any], read: Callable[[Any], Value]) -> Part[Value]:
    if "error" in raw:
        return Part(None, str(raw["error"]))
    try:
        return Part(read(raw["out"]))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        return Part(None, f"not understood: {type(error).__name__}: {error}")


def _both(one: Part[tuple[Value, ...]], other: Part[tuple[Value, ...]]) -> Part[tuple[Value, ...]]:
    if one.found is None or other.found is None:
        return Part(None, one.error or other.error)
    return Part(one.found + other.found)


def _traffic(parts: Mapping[str, Any]) -> Part[Traffic]:
    found, roots = parts.get("traffic", {}), parts.get("qdiscs", {})
    for raw in (found, roots):
        if "out" not in raw:
            return Part(None, str(raw.get("error", "was not asked for")))
    return _part({"out": (found["out"], roots["out"])}, lambda both: traffic(both[0], both[1]))


def links(text: str) -> tuple[Link, ...]:
    """``ip -j -d addr show``."""
    return tuple(
        Link(
            name=entry["ifname"],
            kind=entry.get("linkinfo", {}).get("info_kind", ""),
            up="UP" in entry["flags"],
            master=entry.get("master", ""),
            addresses=tuple(
                f"{address['local']}/{address['prefixlen']}"
                for address in entry.get("addr_info", [])
                if address.get("scope") != "link" and "local" in address
            ),
            xdp=bool(entry.get("xdp")),
        )
        for entry in json.loads(text)
    )


def routes(text: str) -> tuple[Route, ...]:
    """``ip -4|-6 -j route show table all``."""
    return tuple(
        Route(
            destination=entry["dst"],
            gateway=entry.get("gateway", ""),
            interface=entry.get("dev", ""),
            table=str(entry.get("table", "main")),
            protocol=str(entry.get("protocol", "")),
            kind=entry.get("type", "unicast"),
        )
        for entry in json.loads(text or "[]")
    )


def policy_routes(text: str) -> tuple[str, ...]:
    """``ip -4|-6 -j rule show`` without the kernel's own."""
    found = []
    for entry in json.loads(text or "[]"):
        own = (entry["priority"], entry.get("table", "")) in _OWN_RULES
        if not own or entry.get("src") != "all" or entry.keys() - {"priority", "src", "table"}:
            found.append(json.dumps(entry, sort_keys=True))
    return tuple(found)


def rate(text: str) -> int:
    """``10Mbit`` in bit/s. Raises ValueError."""
    match = _RATE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no rate")
    return round(float(match[1]) * _UNITS[match[2]])


def traffic(shown: Mapping[str, str], roots: str) -> Traffic:
    """``tc class|filter show`` of each interface, and ``tc -j qdisc show``."""
    classes = []
    for key, text in shown.items():
        interface, what = key.split(" ", 1)
        if what == "class":
            classes += [
                TrafficClass(interface, match[1], match[2] or "root", rate(match[3]), rate(match[4]))
                for match in _CLASS.finditer(text)
            ]
    filters = {key: text for key, text in shown.items() if not key.endswith(" class")}
    entries = json.loads(roots or "[]")
    qdiscs = tuple((e["dev"], e["kind"], e.get("handle", ""), bool(e.get("root"))) for e in entries)
    return Traffic(tuple(classes), filters, qdiscs)


def units(text: str) -> dict[str, Unit]:
    """``systemctl show`` of several units."""
    found = {}
    for block in text.strip().split("\n\n"):
        fields = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        name = fields["Id"]
        found[name] = Unit(
            name=name,
            load=fields.get("LoadState", ""),
            active=fields.get("ActiveState", ""),
            sub=fields.get("SubState", ""),
            enabled=fields.get("UnitFileState", ""),
            stale=fields.get("NeedDaemonReload") == "yes",
        )
    return found


def listeners(text: str) -> tuple[Listener, ...]:
    """``ss -H -tulpn``."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) < 5:
            continue
        address, _, port = words[4].rpartition(":")
        program = _PROGRAM.search(line)
        found.append(
            Listener(words[0], address.partition("%")[0].strip("[]"), int(port), program[1] if program else "")
        )
    return tuple(found)


def sshd(text: str) -> dict[str, str]:
    """``sshd -T``: keyword -> value; a keyword that comes more than once has its values joined by a comma."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        keyword, _, value = line.partition(" ")
        if keyword:
            found[keyword] = f"{found[keyword]},{value}" if keyword in found else value
    return found


def files(raw: Mapping[str, Mapping[str, Any]]) -> dict[str, FileState]:
    """States of files; one that could not be read has the kind ``unread``."""
    found = {}
    for path, entry in raw.items():
        if entry.get("missing"):
            found[path] = FileState(path, "missing")
        elif "kind" not in entry or "error" in entry:
            found[path] = FileState(path, "unread")
        else:
            found[path] = FileState(path=path, **entry)
    return found
