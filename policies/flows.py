"""Family ``flows``: flows that people declared. Each has a reason that says something, an end, and little reach.

What no flow may do whoever wants it is the proof's law. These are for a security administrator to judge, and to waive.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from idc.model import refs
from idc.model.refs import Reference
from idc.policy import Broken, Due, Level, Looked, Remark, View, rule

LONGEST: Final = timedelta(days=2 * 366)
SOON: Final = timedelta(days=30)
NARROW: Final = 24  # prefix length from which a network is a few machines and not a department
WORDS: Final = 3
_EMPTY: Final = re.compile(
    r"\b(todo|tbd|fixme|xxx+|n/a|asdf|test(ing)?|temp(orary)?|misc|whatever|as discussed)\b", re.IGNORECASE
)
_WORD: Final = re.compile(r"[^\W\d_]{2,}")
_HAN: Final = re.compile(r"[\u3400-\u9fff]")


@dataclass(frozen=True)
class Declared:
    """A flow as a person wrote it, in centre.yaml or as a tenant's egress."""

    scope: str
    file: str
    path: tuple[str | int, ...]
    source: Reference | None  # None: the tenant itself
    to: Reference
    port: str
    why: str
    control: str
    until: date | None

    @property
    def subject(self) -> str:
        """``tenant/tax -> 192.0.2.0/24 : 443/tcp``."""
        return f"{self.source or self.scope} -> {self.to} : {self.port}"

    def where(self, view: View, key: str) -> str:
        """File and line."""
        return view.declared.where(self.file, *self.path, key).at

    @property
    def ends(self) -> list[Reference]:
        """What it names."""
        return [end for end in (self.source, self.to) if end is not None]


@rule(
    "flows.reason", "Each declared flow has a reason that says what for",
    severity="medium", controls=["8.1.3.2 b", "8.1.10.10 a"], level=Level.DECLARED,
)  # fmt: skip
def says_what_for(view: View) -> Iterator[Remark]:
    """Three words at least (two characters of Chinese count as one), and none that stands for "later"."""
    flows = view.derive(declared)
    yield Looked(len(flows), "declared flows")
    for flow in flows:
        han = len(_HAN.findall(flow.why))
        count = len({word.lower() for word in _WORD.findall(_HAN.sub(" ", flow.why))}) + han // 2
        if count < WORDS or _EMPTY.search(flow.why):
            words = f"is there for {flow.why!r}, which says nothing to whoever reviews it"
            yield Broken(flow.scope, flow.subject, words, flow.where(view, "why"))


@rule(
    "flows.until", "Each exception ends: egress, and flows between zones, hosts and networks",
    severity="medium", controls=["8.1.3.2 b"], level=Level.DECLARED,
)  # fmt: skip
def ends_one_day(view: View) -> Iterator[Remark]:
    """Within two years, so that somebody looks again; what ends within 30 days is told of before it breaks a site."""
    flows = [flow for flow in view.derive(declared) if _exception(flow)]
    yield Looked(len(flows), "exceptions")
    for flow in flows:
        where = flow.where(view, "until")
        if flow.until is None:
            yield Broken(flow.scope, flow.subject, "is an exception without an end: write `until:`", where)
        elif flow.until > view.day + LONGEST:
            yield Broken(flow.scope, flow.subject, f"ends on {flow.until}, more than two years ahead", where)
    for flow in view.derive(declared):
        if flow.until is not None and view.day <= flow.until <= view.day + SOON:
            where = flow.where(view, "until")
            yield Due(flow.scope, flow.subject, f"ends in {(flow.until - view.day).days} days, on {flow.until}", where)


@rule(
    "flows.control", "A flow of a whole zone or host, or from a network, names the control it serves",
    severity="medium", controls=["8.1.3.2 b"], level=Level.DECLARED,
)  # fmt: skip
def names_a_control(view: View) -> Iterator[Remark]:
    """Of ``centre.yaml``; a tenant's egress is narrow by its grammar."""
    flows = [flow for flow in view.derive(declared) if flow.source is not None and _exception(flow)]
    yield Looked(len(flows), "wide flows")
    for flow in flows:
        if not flow.control.strip():
            words = "opens more than one site or service, and names no control: write `control:`"
            yield Broken(flow.scope, flow.subject, words, flow.where(view, "from"))


@rule(
    "flows.narrow", "No flow opens wide at both ends, nor to a large network",
    severity="high", controls=["8.1.3.2 b", "8.1.3.2 c"], level=Level.DECLARED,
)  # fmt: skip
def narrow(view: View) -> Iterator[Remark]:
    """Zone to zone is any to any; a network of more than 256 addresses is a department and not a partner's server."""
    flows = view.derive(declared)
    yield Looked(len(flows), "declared flows")
    for flow in flows:
        wide = [end for end in flow.ends if end.kind in ("zone", "fabric") or _large(end)]
        if len(wide) == 2 or (flow.source is None and wide):
            words = f"is open to {' and '.join(map(str, wide))} as a whole"
            yield Broken(flow.scope, flow.subject, words, flow.where(view, "to"))
        elif any(_large(end) for end in flow.ends):
            words = f"names {wide[0]}, which is larger than a /{NARROW}"
            yield Broken(flow.scope, flow.subject, words, flow.where(view, "to"))


def declared(view: View) -> list[Declared]:
    """All flows that people wrote and that are not past their day."""
    found = []
    for index, flow in enumerate(view.declared.centre.flows):
        source, to = refs.parse(flow.source), refs.parse(flow.to)
        path = ("flows", index)
        found.append(Declared("centre", "centre.yaml", path, source, to, flow.port, flow.why, flow.control, flow.until))
    for tenant in view.declared.tenants:
        for index, egress in enumerate(tenant.egress):
            scope, file = f"tenant/{tenant.tenant}", f"tenants/{tenant.tenant}.yaml"
            to = refs.parse(egress.to)
            path = ("egress", index)
            found.append(Declared(scope, file, path, None, to, egress.port, egress.why, "", egress.until))
    return [flow for flow in found if flow.until is None or flow.until >= view.day]


def _exception(flow: Declared) -> bool:
    """Whether it is more than a site's way to a service or to a site of its own tenant."""
    if flow.source is None:
        return flow.to.kind != "site"
    return any(end.kind in ("zone", "host", "fabric", "network") for end in flow.ends)


def _large(end: Reference) -> bool:
    return end.network is not None and end.network.prefixlen < NARROW
