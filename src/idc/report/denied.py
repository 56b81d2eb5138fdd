"""Denied packets as YAML that is ready to be pasted, once somebody has written why and until when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from idc.model.declaration import tenant_file
from idc.operate.denied import Logs
from idc.proof.wanted import Wanted


def yaml(tenant: str, kinds: Sequence[Wanted], logs: Logs, since: str) -> str:
    """Entries with `why` and `until` to fill in. What would be refused is a comment, with the reason."""
    lines = [f"# what was denied from and to tenant/{tenant} in the last {since}, by the log of {', '.join(logs.read)}"]
    lines.append("# hosts log at most 5 packets a second and chain: the numbers are the least that it was")
    lines += [f"# {note}" for note in logs.notes]
    lines += [f"# NOT READ, so that more may have been denied: {why}" for why in logs.unread]
    if not kinds:
        return "\n".join([*lines, "# nothing was denied from or to it", ""])
    for key, file, mine in (("egress", tenant_file(tenant), True), ("flows", "centre.yaml", False)):
        some = [kind for kind in kinds if kind.egress is mine]
        ready = [kind for kind in some if not kind.refused]
        if ready:
            lines += ["", f"# for {file}", f"{key}:"]
            for kind in ready:
                lines += [f"  # {text}" for text in _said(kind)]
                lines.append(f"  - {_entry(kind)}")
    shut = [kind for kind in kinds if kind.refused]
    if shut:
        lines += ["", "# these no entry lets through:"]
        for kind in shut:
            lines += [f"#   {text}" for text in (_title(kind), *_said(kind), f"refused: {kind.refused}")]
    return "\n".join([*lines, ""])


def _title(kind: Wanted) -> str:
    port = f"/{kind.port}" if kind.port else ""
    return f"{kind.source} -> {kind.destination} : {kind.protocol}{port}"


def _said(kind: Wanted) -> Iterator[str]:
    times = "once" if kind.count == 1 else f"{kind.count} times"
    when = f"{kind.first:%Y-%m-%d %H:%M:%S %Z}"
    if kind.last != kind.first:
        when += f" to {kind.last:%Y-%m-%d %H:%M:%S %Z}"
    yield f"{times}, {when}, in the log of {', '.join(kind.logs)}: {', '.join(kind.addresses)}"
    if not kind.refused:
        who = f"{kind.source} asked; an entry here is for all sites of the tenant. " if kind.egress else ""
        yield f"{who}The law would allow it"


def _entry(kind: Wanted) -> str:
    begin = "" if kind.egress else f"from: {kind.source}, "
    return f'{{{begin}to: {kind.destination}, port: {kind.port}/{kind.protocol}, why: "", until: }}'


def document(tenant: str, kinds: Sequence[Wanted], logs: Logs) -> dict[str, Any]:
    """For ``--json``."""
    return {
        "tenant": tenant,
        "logs_read": list(logs.read),
        "logs_not_read": list(logs.unread),
        "notes": list(logs.notes),
        "denied": [
            {
                "from": kind.source,
                "to": kind.destination,
                "protocol": kind.protocol,
                "port": kind.port or None,
                "count": kind.count,
                "first": kind.first.isoformat(),
                "last": kind.last.isoformat(),
                "logs": list(kind.logs),
                "addresses": list(kind.addresses),
                "entry": None if kind.refused else ("egress" if kind.egress else "flows"),
                "refused": kind.refused or None,
            }
            for kind in kinds
        ],
    }
