"""Checks of ``waivers.yaml``: approved by the security administrator, for something that is there, not for ever."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final

from idc.model.checks.scope import Scope
from idc.model.enums import Role
from idc.model.folder import PEOPLE_FILE, WAIVERS_FILE
from idc.model.text import did_you_mean
from idc.model.types import PersonSpec, WaiverSpec, WaiversSpec

LONGEST: Final = timedelta(days=366)


def run(scope: Scope, waivers: WaiversSpec) -> None:
    """All of them. A waiver past its day is no problem: it counts as absent, and its finding stands again."""
    people = scope.people.people if scope.people is not None else {}
    first: dict[tuple[str, str], int] = {}
    for index, waiver in enumerate(waivers.waivers):
        other = first.setdefault((waiver.policy, waiver.scope), index)
        if other != index:
            place = scope.place(WAIVERS_FILE, "waivers", other)
            _add(scope, index, "policy", f"waived already ({place.at})", "one waiver for a policy and a scope")
        if waiver.until > scope.today + LONGEST:
            _add(scope, index, "until", f"{waiver.until} is more than a year ahead", "a waiver ends, or is given again")
        _approver(scope, index, waiver.approver)
        if (last := last_day(waiver, people)) < scope.today:
            message = f"it was waived until {waiver.until}, which is past (today is {scope.today})"
            if last < waiver.until:
                message = f"it waives nothing: the right of `{waiver.approver}`, who approved it, ended on {last}"
            hint = "take it out, or have it approved anew with a later `until`"
            scope.past(WAIVERS_FILE, ("waivers", index, "until"), message, hint)
        _target(scope, index, waiver.scope)


def last_day(waiver: WaiverSpec, people: Mapping[str, PersonSpec]) -> date:
    """The last day on which a waiver holds: its own, or sooner that of the right of whoever approved it."""
    approver = people.get(waiver.approver)
    return waiver.until if approver is None else min(waiver.until, approver.until)


def _add(scope: Scope, index: int, field: str, message: str, hint: str) -> None:
    scope.add(WAIVERS_FILE, ("waivers", index, field), message, hint)


def _approver(scope: Scope, index: int, login: str) -> None:
    if scope.people is None:
        if PEOPLE_FILE not in scope.sources:
            hint = f"{PEOPLE_FILE} names the security administrator"
            _add(scope, index, "approver", f"nobody can approve: the centre has no {PEOPLE_FILE}", hint)
        return
    person = scope.people.people.get(login)
    if person is None:
        hint = did_you_mean(login, list(scope.people.people), what="people")
        _add(scope, index, "approver", f"there is no `{login}` in {PEOPLE_FILE}", hint)
    elif person.role is not Role.SECURITY:
        message = f"`{login}` is {person.role} administrator, and only the security administrator may waive a policy"
        _add(scope, index, "approver", message, "the login of a security administrator")


def _target(scope: Scope, index: int, target: str) -> None:
    parts = target.split("/")
    if parts[0] != "tenant" or parts[1] in scope.unread:
        return
    tenant = scope.tenants.get(parts[1])
    if tenant is None:
        hint = did_you_mean(parts[1], list(scope.tenants), what="tenants")
        _add(scope, index, "scope", f"there is no tenant `{parts[1]}`", hint)
    elif len(parts) > 2 and parts[3] not in (sites := [site.name for site in tenant.sites]):
        _add(
            scope,
            index,
            "scope",
            f"tenant {parts[1]} has no site `{parts[3]}`",
            did_you_mean(parts[3], sites, what="sites"),
        )
