"""Containers, networks and volumes on the hosts' engines."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

from idc.live.snapshot import ContainerState, MountState, Snapshot
from idc.live.suite import Checks, Context, control
from idc.plan.stacks import stack_input
from idc.plan.types import Container, Plan

SOCKETS = ("/var/run", "/run", "/run/docker.sock", "/var/run/docker.sock", "/run/containerd")
ENGINES_OWN_NETWORKS = {"none", "host"}


def _planned(plan: Plan, host: str) -> list[Container]:
    return list(plan.on(host))


def _pairs(snapshot: Snapshot, plan: Plan) -> Iterator[tuple[str, Container, ContainerState]]:
    """Each planned container that is there, with its state. What is missing is another test's finding."""
    engine = snapshot.engine.value
    for container in _planned(plan, snapshot.host):
        state = engine.container(container.docker_name())
        if state is not None:
            yield f"container {state.name}", container, state


def _need(pairs: list[tuple[str, Container, ContainerState]], checks: Checks) -> None:
    if not pairs:
        checks.nothing("no container is planned here, or none is there (which is a finding of its own)")


@control("8.2.4.3 b")
def test_engines_hold_what_is_planned_and_nothing_else(snapshot: Snapshot, plan: Plan, checks: Checks) -> None:
    """Each planned container, network and volume is there; what nobody declared is not."""
    engine = snapshot.engine.value
    where = f"on {snapshot.host}"
    checks.same(
        where,
        [entry.name for entry in engine.containers],
        [container.docker_name() for container in _planned(plan, snapshot.host)],
        kind="container",
    )
    checks.same(
        where,
        [entry.name for entry in engine.networks if entry.name not in ENGINES_OWN_NETWORKS],
        [segment.name for segment in plan.segments if segment.host == snapshot.host],
        kind="network",
    )
    checks.same(
        where,
        [entry.name for entry in engine.volumes],
        [volume.name for volume in plan.volumes if volume.host == snapshot.host],
        kind="volume",
    )
    checks.looked += 1  # the list itself, also where it is empty and must be


def test_containers_run_the_planned_image_and_are_healthy(snapshot: Snapshot, plan: Plan, checks: Checks) -> None:
    """Each container runs, is healthy, and is made of the very image that is planned."""
    pairs = list(_pairs(snapshot, plan))
    _need(pairs, checks)
    for subject, container, state in pairs:
        checks.that(state.running, subject, f"is {state.status}")
        checks.that(state.health == "healthy", subject, f"is {state.health or 'without a healthcheck'}")
        checks.equal(subject, "its image", state.image, container.image_id)
        checks.equal(subject, "its restart policy", state.restart, "unless-stopped")
        if container.command:
            checks.equal(subject, "its command", state.command, container.command)


@control("8.1.4.4 a")
def test_containers_are_hardened(snapshot: Snapshot, plan: Plan, checks: Checks) -> None:
    """Read-only root, no capability but those named, no new privileges, no shared namespace, no device, no root."""
    pairs = list(_pairs(snapshot, plan))
    _need(pairs, checks)
    for subject, container, state in pairs:
        checks.that(state.read_only, subject, "can write its root file system")
        checks.that(not state.privileged, subject, "is privileged")
        checks.equal(subject, "its added capabilities", set(state.capabilities_added), set(container.capabilities))
        checks.that("ALL" in state.capabilities_dropped, subject, f"drops only {state.capabilities_dropped}")
        fresh = any(entry.startswith("no-new-privileges") and not entry.endswith("false") for entry in state.security)
        checks.that(fresh, subject, "may gain new privileges")
        loose = [entry for entry in state.security if "unconfined" in entry or entry.startswith("label=disable")]
        checks.that(not loose, subject, f"is not confined: {', '.join(loose)}")
        for name, mode in (
            ("network", state.network_mode), ("ipc", state.ipc_mode), ("pid", state.pid_mode), ("uts", state.uts_mode),
        ):  # fmt: skip
            shared = mode == "host" or mode.startswith("container:") or mode == "shareable"
            checks.that(not shared, subject, f"shares its {name} namespace: {mode}")
        checks.that(not state.devices, subject, f"has devices: {', '.join(state.devices)}")
        checks.equal(subject, "its user", state.user, container.user)
        checks.that(state.user.partition(":")[0] not in ("", "0", "root"), subject, "runs as root")


@control("8.2.3.1 b")
def test_containers_have_their_limits(snapshot: Snapshot, plan: Plan, checks: Checks) -> None:
    """Memory, swap, processor, number of processes and logs are limited as planned."""
    pairs = list(_pairs(snapshot, plan))
    _need(pairs, checks)
    for subject, container, state in pairs:
        checks.equal(subject, "its memory", state.memory, container.memory)
        checks.equal(subject, "its memory with swap", state.memory_swap, container.memory)
        checks.equal(subject, "its processor share", state.nano_cpus, round(container.cpus * 1e9))
        checks.equal(subject, "its number of processes", state.pids, container.pids)
        checks.that("max-size" in state.log_options, subject, f"has unlimited logs ({state.log_driver})")


@control("8.2.2.1 b")
def test_containers_are_on_their_own_segment_only(snapshot: Snapshot, plan: Plan, checks: Checks) -> None:
    """Each container is on its segment with its planned addresses, on no other network, and publishes no port."""
    pairs = list(_pairs(snapshot, plan))
    _need(pairs, checks)
    for subject, container, state in pairs:
        found = {entry.network: (entry.address, entry.address6) for entry in state.networks}
        six = container.address6_a if container.slot == "a" else container.address6_b
        planned = {container.segment: (str(container.address()), str(six) if six else "")}
        checks.equal(subject, "its networks", found, planned)
        checks.that(not state.published, subject, f"publishes {', '.join(state.published)}")


@control("8.2.2.1 b")
def test_containers_see_their_own_volumes_and_folders_only(snapshot: Snapshot, plan: Plan, checks: Checks) -> None:
    """Mounts are as planned; no engine socket, no folder of the host beyond those."""
    pairs = list(_pairs(snapshot, plan))
    _need(pairs, checks)
    for subject, container, state in pairs:
        planned = {
            MountState("bind" if mount.kind == "folder" else "volume", mount.source, mount.target, mount.read_only)
            for mount in container.mounts
        }
        for mount in sorted(set(state.mounts) ^ planned, key=lambda entry: entry.target):
            way = "read-only" if mount.read_only else "writable"
            what = "is missing" if mount in planned else "is not planned"
            checks.that(False, subject, f"mount {mount.source} at {mount.target} ({way}) {what}")
        checks.looked += max(1, len(planned))
        sockets = [mount.source for mount in state.mounts if mount.source in SOCKETS]
        checks.that(not sockets, subject, f"reaches an engine by {', '.join(sockets)}")
        paths = {line.partition(":")[0] for line in container.tmpfs}
        checks.equal(subject, "its tmpfs", set(state.tmpfs), paths)


def test_containers_environment_is_as_planned(snapshot: Snapshot, plan: Plan, checks: Checks) -> None:
    """The planned variables have their planned values, and no other has a name of ours or a secret's."""
    pairs = list(_pairs(snapshot, plan))
    _need(pairs, checks)
    for subject, container, state in pairs:
        for name, value in sorted(container.env.items()):
            same = state.env.get(name) == hashlib.sha256(value.encode()).hexdigest()
            checks.that(same, subject, f"variable {name} is {'missing' if name not in state.env else 'another'}")
        for name in sorted(state.env.keys() - container.env.keys()):
            ours = name.startswith("IDC_") or any(word in name for word in ("PASSWORD", "SECRET", "TOKEN"))
            checks.that(not ours, subject, f"variable {name} is not planned")


def _labels(plan: Plan, host: str) -> Iterator[tuple[str, str, Mapping[str, str]]]:
    for stack in plan.stacks:
        if stack.kind == "lab" or host not in stack.hosts:
            continue
        document = stack_input(plan, stack.name)
        for kind, entries in (("container", "containers"), ("network", "networks"), ("volume", "volumes")):
            for entry in document[entries]:
                if entry["host"] == host:
                    yield kind, entry.get("docker_name", entry["name"]), entry["labels"]


def test_everything_carries_its_labels(snapshot: Snapshot, context_of_run: Context, checks: Checks) -> None:
    """Each container, network and volume says to which centre, stack and plan it belongs."""
    plan, engine = context_of_run.plan, snapshot.engine.value
    found = {("container", e.name): e.labels for e in engine.containers}
    found |= {("network", e.name): e.labels for e in engine.networks}
    found |= {("volume", e.name): e.labels for e in engine.volumes}
    planned = list(_labels(plan, snapshot.host))
    if not planned:
        checks.nothing("nothing is planned on this host's engine")
    for kind, name, labels in planned:
        if (kind, name) in found:
            wanted = {**labels, "idc.station": context_of_run.station}
            wrong = sorted(key for key, value in wanted.items() if found[kind, name].get(key) != value)
            checks.that(not wrong, f"{kind} {name}", f"its labels are not the plan's: {', '.join(wrong)}")


def test_segments_are_the_planned_bridges(snapshot: Snapshot, plan: Plan, checks: Checks) -> None:
    """Each segment is one bridge with its subnet, its Linux name, and no address translation."""
    networks = {entry.name: entry for entry in snapshot.engine.value.networks}
    segments = [segment for segment in plan.segments if segment.host == snapshot.host]
    if not segments:
        checks.nothing("no segment is planned on this host")
    for segment in segments:
        state = networks.get(segment.name)
        if state is None:
            continue
        subject = f"network {segment.name}"
        pools = [(str(segment.subnet), str(segment.gateway))]
        if segment.subnet6 and segment.gateway6:
            pools.append((str(segment.subnet6), str(segment.gateway6)))
        checks.equal(subject, "its driver", state.driver, "bridge")
        checks.equal(subject, "its subnets", set(state.subnets), set(pools))
        options = state.options
        checks.equal(subject, "its bridge", options.get("com.docker.network.bridge.name"), segment.bridge)
        masquerade = options.get("com.docker.network.bridge.enable_ip_masquerade")
        checks.equal(subject, "its address translation", masquerade, "false")
        names = {container.docker_name() for container in plan.containers if container.segment == segment.name}
        checks.equal(subject, "its containers", set(state.containers), names)
