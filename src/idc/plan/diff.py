"""What would change from the plan that was last applied to a new one: resources, flows, vhosts, outages, capacity."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from idc.model.units import format_bytes
from idc.plan import capacity, labs, outages, settings
from idc.plan.capacity import Amount
from idc.plan.changes import CapacityChange, Changes, Kind, ResourceChange, SettingChange, actions, equal
from idc.plan.labels import Entry
from idc.plan.types import Container, HostRule, Plan, Segment, Vhost, Volume

T = TypeVar("T")

_STACK_ORDER = {"lab": "0", "platform": "1"}


def compare(old: Plan | None, new: Plan) -> Changes:
    """The changes from ``old`` (what was last applied; None when nothing was) to ``new``."""
    resources = [
        *_lab(old, new),
        *_segments(old.segments if old else (), new.segments),
        *_volumes(old.volumes if old else (), new.volumes),
        *_containers(old.containers if old else (), new.containers),
    ]
    resources.sort(key=lambda change: (_STACK_ORDER.get(change.stack, "2"), change.stack, change.kind, change.name))
    opened, closed = _both_ways(old.flows if old else (), new.flows, lambda flow: flow.key)
    rules_opened, rules_closed = _both_ways(old.host_rules if old else (), new.host_rules, _rule_key)
    vhosts_opened, vhosts_closed = _both_ways(old.vhosts if old else (), new.vhosts, _vhost_key)
    changed = tuple(settings.compare(old, new))
    found = Changes(
        centre=new.id,
        first=old is None,
        resources=tuple(resources),
        settings=changed,
        flows_opened=opened,
        flows_closed=closed,
        rules_opened=rules_opened,
        rules_closed=rules_closed,
        vhosts_opened=vhosts_opened,
        vhosts_closed=vhosts_closed,
        outages=outages.expected(old, new, resources) if old else (),
        capacity=_capacity(old, new),
        hosts=len(new.hosts),
        sites=len(new.sites),
        flows=len(new.flows),
    )
    if found.empty and old is not None and old.declaration_digest != new.declaration_digest:
        # Whatever it is, a declaration that was changed is never called unchanged.
        words = "something that stands on no host, as where Pulumi keeps its state"
        return replace(found, settings=(SettingChange("centre", new.id, "change", words, recorded=True),))
    return found


def _both_ways(old: Iterable[T], new: Iterable[T], key: Any) -> tuple[tuple[T, ...], tuple[T, ...]]:
    """What only the new has, and what only the old had."""
    before, after = {key(item): item for item in old}, {key(item): item for item in new}
    return (
        tuple(item for name, item in after.items() if name not in before),
        tuple(item for name, item in before.items() if name not in after),
    )


def _rule_key(rule: HostRule) -> Hashable:
    return rule.host, rule.direction, rule.networks, rule.protocol, rule.port


def _vhost_key(vhost: Vhost) -> Hashable:
    """Without the upstream's address: a takeover moves it, and the site answers as before."""
    return vhost.visibility, vhost.names, vhost.site, vhost.methods


# -- resources ---------------------------------------------------------------------------------------------------


def _lab(old: Plan | None, new: Plan) -> Iterator[ResourceChange]:
    kinds: tuple[tuple[str, Kind], ...] = (
        ("networks", "network"), ("volumes", "volume"), ("lab_hosts", "lab host"), ("people", "person"),
    )  # fmt: skip
    before, after = _lab_entries(old), _lab_entries(new)
    for key, kind in kinds:
        for name, action in actions(before.get(key, {}), after.get(key, {}), labs.same):
            entries = [entries[key][name] for entries in (before, after) if name in entries.get(key, {})]
            detail = labs.difference(*entries) if action == "replace" else ""
            yield ResourceChange("lab", kind, name, labs.MACHINE, action, detail)


def _lab_entries(plan: Plan | None) -> dict[str, dict[str, Entry]]:
    if plan is None or "lab" not in plan.stack_by_name:
        return {}
    document = labs.lab_input(plan)
    return {
        key: {str(entry.get("docker_name", entry["name"])): entry for entry in document[key]}
        for key in ("networks", "volumes", "lab_hosts", "people")
    }


def _segments(old: Sequence[Segment], new: Sequence[Segment]) -> Iterator[ResourceChange]:
    before, after = {s.name: s for s in old}, {s.name: s for s in new}
    for name, action in actions(before, after, equal):
        segment = after.get(name) or before[name]
        detail = f"{before[name].subnet} -> {segment.subnet}" if action == "replace" else str(segment.subnet)
        yield ResourceChange(segment.stack, "network", name, segment.host, action, detail)


def _volumes(old: Sequence[Volume], new: Sequence[Volume]) -> Iterator[ResourceChange]:
    before, after = {f"{v.host}/{v.name}": v for v in old}, {f"{v.host}/{v.name}": v for v in new}
    for key, action in actions(before, after, equal):
        volume = after.get(key) or before[key]
        detail = f"{volume.purpose} of {volume.owner}" + (", with all its data" if action == "destroy" else "")
        yield ResourceChange(volume.stack, "volume", volume.name, volume.host, action, detail)


def _containers(old: Sequence[Container], new: Sequence[Container]) -> Iterator[ResourceChange]:
    before, after = {c.name: c for c in old}, {c.name: c for c in new}

    def same(one: Container, other: Container) -> bool:
        return one.digest == other.digest and one.slot == other.slot

    for name, action in actions(before, after, same):
        container = after.get(name) or before[name]
        detail = container.image
        if action == "replace":
            how = f"beside itself, slot {before[name].slot} -> {container.slot}" if container.blue_green else "in place"
            what = ", ".join(_container_differences(before[name], container)) or "slot"
            detail = f"{what}; {how}"
        yield ResourceChange(container.stack, "container", name, container.host, action, detail)


def _container_differences(old: Container, new: Container) -> Iterator[str]:
    """What of a container differs, in words."""
    if old.image_id != new.image_id or old.image != new.image:
        yield f"image {new.image}"
    if old.cpus != new.cpus:
        yield f"cpus {old.cpus:g} -> {new.cpus:g}"
    if old.memory != new.memory:
        yield f"memory {format_bytes(old.memory)} -> {format_bytes(new.memory)}"
    for name in sorted({*old.env, *new.env}):
        if old.env.get(name) != new.env.get(name):
            yield f"environment {name}"
    if (old.host, old.segment, old.address_a) != (new.host, new.segment, new.address_a):
        yield f"place {old.host} {old.address_a} -> {new.host} {new.address_a}"
    rest = (
        "mounts", "tmpfs", "pids", "capabilities", "user", "healthcheck", "command", "port", "blue_green", "address6_a",
    )  # fmt: skip
    for field in rest:
        if getattr(old, field) != getattr(new, field):
            yield field


# -- capacity ----------------------------------------------------------------------------------------------------


def _capacity(old: Plan | None, new: Plan) -> tuple[CapacityChange, ...]:
    before = {entry.host: entry.used for entry in capacity.of_plan(old)} if old else {}
    empty = Amount() if old is None else None
    return tuple(
        CapacityChange(entry.host, entry.offered, before.get(entry.host, empty), entry.used)
        for entry in capacity.of_plan(new)
    )
