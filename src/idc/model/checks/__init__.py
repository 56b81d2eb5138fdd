"""Checks that look at more than one field: within a file, and across all files of a centre.

Each check is a function of a Scope that adds problems with their place; a file that could not be read is left out,
so that one mistake does not hide or imitate others.
"""

from __future__ import annotations

from idc.model.checks import centre, flows, people, tenants, waivers
from idc.model.checks.scope import Scope

__all__ = ["Scope", "run"]


def run(scope: Scope) -> None:
    """All checks."""
    if scope.centre is not None:
        centre.run(scope, scope.centre)
    tenants.run(scope)
    if scope.centre is not None:
        flows.run(scope, scope.centre)
    if scope.people is not None:
        people.run(scope, scope.people)
    if scope.waivers is not None:
        waivers.run(scope, scope.waivers)
