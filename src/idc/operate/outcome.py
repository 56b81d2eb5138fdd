"""What a person sees when `up` has ended: the sites with their addresses and states, what was proven, what failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from idc.errors import EngineError, IdcError
from idc.live.report import Finding, Report
from idc.model.types import Visibility
from idc.operate.progress import PhaseTime
from idc.operate.run import UpResult
from idc.plan.types import Plan, Site


@dataclass(frozen=True)
class SiteRow:
    """One site as the table shows it."""

    ref: str
    state: str
    address: str
    stage: str
    audience: str


@dataclass(frozen=True)
class CentreOutcome:
    """One centre at the end of a run."""

    id: str
    ok: bool
    summary: str
    sites: tuple[SiteRow, ...] = ()
    proven: tuple[str, ...] = ()
    browser_hint: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    phases: tuple[PhaseTime, ...] = ()
    findings: tuple[Finding, ...] = ()  # of the verification, each with its witness

    def document(self) -> dict[str, object]:
        """For ``--json``."""
        return asdict(self)


def address_of(plan: Plan, site: Site) -> str:
    """``http://name/ (listener address)``: where a site answers."""
    listener = next((entry for entry in plan.listeners if entry.visibility is site.visibility), None)
    where = f" at {listener.address}" if listener else ""
    return f"http://{site.names[0]}/{where}"


def browser_hint(plan: Plan) -> tuple[str, ...]:
    """Lines that make the sites of a lab answer in the operator's own browser."""
    lines = []
    for listener in plan.listeners:
        names = sorted(name for vhost in plan.vhosts if vhost.visibility is listener.visibility for name in vhost.names)
        if names and plan.host_by_name[listener.host].is_lab:
            whose = "the Internet's side" if listener.visibility is Visibility.INTERNET else "the fabric's side"
            lines.append(f"for a browser, as from {whose}, in /etc/hosts:  {listener.address} {' '.join(names)}")
    return tuple(lines)


def of(result: UpResult, report: Report | None, phases: Sequence[PhaseTime]) -> CentreOutcome:
    """The outcome of a run that reached its end."""
    plan = result.work.plan
    isolated = {tenant.id for tenant in plan.tenants if tenant.isolated}
    rows = []
    for site in plan.sites:
        if site.host in result.failed or f"tenant-{site.tenant}" in result.failed:
            state = "not reached"
        else:
            state = site_state(report, site.ref, shut=site.tenant in isolated)
        rows.append(SiteRow(site.ref, state, address_of(plan, site), site.stage, ", ".join(site.audience)))
    nothing = result.changes == 0 and result.roles_changed == 0
    done = (
        "nothing to change: Pulumi changes 0, Ansible changed 0"
        if nothing
        else f"Pulumi changes {result.changes}, Ansible changed {result.roles_changed}"
    )
    return CentreOutcome(
        id=plan.id,
        ok=result.ok and (report is None or report.ok),
        summary=done if result.ok else f"{done}; {len(result.failed)} failed, run the same command again",
        sites=tuple(rows),
        proven=tuple(report.summary_lines()) if report else ("not verified in this run: `idc verify` does",),
        browser_hint=browser_hint(plan),
        failed=dict(result.failed),
        phases=tuple(phases),
        findings=tuple(report.findings()) if report else (),
    )


def site_state(report: Report | None, ref: str, *, shut: bool) -> str:
    """A site in a word: as it was seen. What was not looked at is not said to be as planned."""
    seen = report.site_state(ref) if report else "not looked at"
    if not shut:
        return seen
    return {"shut": "shut by idc isolate", "not looked at": "shut by idc isolate, not looked at"}.get(seen, seen)


def failed(folder: Path, error: IdcError, phases: Sequence[PhaseTime]) -> CentreOutcome:
    """The outcome of a run that could not go on."""
    who = (error.host if isinstance(error, EngineError) else "") or str(folder)
    return CentreOutcome(str(folder), False, "not finished", failed={who: error.render()}, phases=tuple(phases))
