"""Files of the hosts."""

from __future__ import annotations

from idc.live.snapshot import FileState, Snapshot
from idc.live.suite import Checks, Context, control
from idc.plan.types import Plan

SECRETS = "/var/lib/idc/secrets"


@control("8.1.3.2 a")
def test_rendered_files_are_as_planned(snapshot: Snapshot, context_of_run: Context, checks: Checks) -> None:
    """Rendered files are the plan's, changed by root alone, and what tells who talks to whom is read by root alone."""
    found = snapshot.files.value
    for path, digest in sorted(context_of_run.files[snapshot.host].items()):
        state = found.get(path, FileState(path, "missing"))
        checks.that(state.kind == "file", path, f"is {state.kind}")
        if state.kind == "file":
            checks.that(state.sha256 == digest, path, "has another content than the plan renders")
            checks.that((state.uid, state.gid) == (0, 0), path, f"belongs to {state.uid}:{state.gid}, not to root")
            closed = 0o077 if path.startswith("/etc/idc/") else 0o022  # who talks to whom is for root's eyes
            checks.that(not state.mode & closed, path, f"has mode {state.mode:04o}: too much for others than root")


@control("8.1.4.2 a")
def test_nobody_but_their_owner_can_change_what_roles_and_services_read(snapshot: Snapshot, checks: Checks) -> None:
    """Nothing below /etc/idc and /var/lib/idc can be written by group or others."""
    for path, state in sorted(snapshot.folders.value.items()):
        if state.kind in ("file", "folder"):
            checks.that(not state.mode & 0o022, path, f"has mode {state.mode:04o}: others can write it")
        elif state.kind == "unread":
            checks.that(False, path, "could not be read")


@control("8.1.4.8")
def test_secrets_are_where_they_belong_and_nowhere_else(snapshot: Snapshot, plan: Plan, checks: Checks) -> None:
    """Each secret lies in its container's folder, for its user's eyes alone."""
    below = snapshot.folders.value
    planned = {f"{secret.folder}/{secret.file}": secret for secret in plan.secrets if secret.host == snapshot.host}
    found = {path for path, state in below.items() if path.startswith(f"{SECRETS}/") and state.kind != "folder"}
    if not planned and not found:
        checks.nothing("no secret is planned on this host")
    checks.same("as a secret", found, planned, kind="file")
    for path, secret in sorted(planned.items()):
        state = below.get(path)
        if state is None:
            continue
        checks.that(state.kind == "file", path, f"is a {state.kind}")
        checks.that(state.size > 0, path, "is empty")
        checks.equal(path, "its owner", state.uid, secret.uid)
        checks.that(not state.mode & 0o377, path, f"has mode {state.mode:04o}, 0400 is planned")


def test_the_roles_have_left_their_record(snapshot: Snapshot, checks: Checks) -> None:
    """The roles recorded what they last converged to."""
    checks.that(snapshot.roles.value, "/var/lib/idc/roles.json", "is empty")
