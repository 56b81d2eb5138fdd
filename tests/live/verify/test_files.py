"""Files of the hosts."""

from __future__ import annotations

import hashlib

from idc.live.snapshot import FileState, Snapshot
from idc.live.suite import Checks, Context, control
from idc.plan.edge import FOLDER_ON_HOST as EDGE
from idc.plan.types import Plan
from idc.render.edge import edge

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


@control("8.1.3.2 c")
def test_the_edge_serves_the_planned_sites_and_no_others(snapshot: Snapshot, plan: Plan, checks: Checks) -> None:
    """The edge's current folder holds exactly the vhosts and pages that the plan renders, and nginx was told of it."""
    if not any(mount.source == EDGE for container in plan.on(snapshot.host) for mount in container.mounts):
        checks.not_applicable("no edge is planned on this host")
    below = snapshot.folders.value
    current = below.get(f"{EDGE}/current", FileState(f"{EDGE}/current", "missing"))
    release = current.target.removeprefix("releases/")
    checks.that(current.kind == "link" and "/" not in release, current.path, f"is {current.kind}, a release is planned")
    root = f"{EDGE}/releases/{release}/"
    found = {path.removeprefix(root): state for path, state in below.items() if path.startswith(root)}
    planned = {path: hashlib.sha256(text.encode()).hexdigest() for path, text in edge(plan).items()}
    checks.same("by the edge", {p for p, s in found.items() if s.kind != "folder"}, planned, kind="file")
    for path in sorted(found.keys() & planned.keys()):
        state = found[path]
        same = state.kind == "file" and state.sha256 == planned[path]
        checks.that(same, root + path, "is not as the plan renders it")
    told = below.get(f"{EDGE}/releases/.taken-over", FileState("", "missing"))
    taken = told.sha256 == hashlib.sha256(release.encode()).hexdigest()
    checks.that(taken, f"{EDGE}/current", "was not taken over by nginx: it serves what it read before")
    known = {f"{EDGE}/{name}" for name in ("current", "draining", "releases")}
    for path in sorted(path for path in below if path.rpartition("/")[0] == EDGE and path not in known):
        checks.that(False, path, "is there and nobody declared it")
