"""The edge: its segment and container, the listeners by which the outside enters, and the sites behind them by name.

One listener a visibility. A site without `visibility: internet` has no vhost on the Internet's listener at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from idc.model.types import CentreSpec, Service, Stage, Visibility, Zone
from idc.plan import addresses, catalogue
from idc.plan.inputs import Inputs
from idc.plan.lock import SiteLock, SlotLock
from idc.plan.sites import Parts, seal
from idc.plan.types import Container, Listener, Mount, Segment, Site, Vhost

REF: Final = "service/edge"
NAME: Final = "edge"
STACK: Final = "platform"
FOLDER: Final = "/etc/idc-edge"
FOLDER_ON_HOST: Final = "/var/lib/idc/edge"
PUBLIC_PORT: Final = 80
TARGET_PORTS: Final[Mapping[Visibility, int]] = {Visibility.INTERNET: 8080, Visibility.FABRIC: 8081}

# What a stage needs and no more: reading, writing in, and (in transactions) replacing what one has sent.
METHODS: Final[Mapping[str, tuple[str, ...]]] = {
    Stage.PUBLICATION.value: ("GET", "HEAD"),
    Stage.CONSULTATION.value: ("GET", "HEAD", "POST"),
    Stage.TRANSACTION.value: ("GET", "HEAD", "POST", "PUT"),
}

# The largest request body (bytes) of a stage: none to speak of, a form with a picture, a form with documents. The
# image's modsecurity.conf has the largest of them too.
BODIES: Final[Mapping[str, int]] = {
    Stage.PUBLICATION.value: 1 << 10,
    Stage.CONSULTATION.value: 1 << 20,
    Stage.TRANSACTION.value: 10 << 20,
}


def edge_host(centre: CentreSpec) -> str:
    """The host of the listeners, or "" where the centre has no edge."""
    return next(iter(centre.services.get(Service.EDGE, ())), "")


def add_edge(lock: SiteLock, inputs: Inputs, parts: Parts) -> SiteLock:
    """Plan the edge into ``parts``; returns its lock with the slot that serves after this plan."""
    centre = inputs.declaration.centre
    dual_stack = any(listener.address6 for listener in centre.listeners.values())
    subnet = lock.segments[NAME]
    subnet6 = addresses.unique_local(centre.prefix, NAME) if dual_stack else None
    segment = Segment(NAME, REF, "", Zone.EDGE, lock.host, subnet, addresses.bridge(subnet), STACK, subnet6)
    container = _container(lock, inputs, segment)
    parts.segments.append(segment)
    parts.containers.append(container)
    return SiteLock(lock.host, lock.segments, {NAME: SlotLock(container.slot, container.digest)}, lock.volumes)


def _container(lock: SiteLock, inputs: Inputs, segment: Segment) -> Container:
    host = inputs.declaration.centre.hosts[lock.host]
    image = catalogue.IMAGES[catalogue.EDGE_IMAGE]
    limits = catalogue.edge_limits(host.cpus, host.memory, Zone.WEB in host.zones)
    first, second = addresses.slots(segment.subnet)
    first6, second6 = addresses.slots6(segment.subnet6) if segment.subnet6 else (None, None)
    container = Container(
        name=NAME,
        owner=REF,
        tenant="",
        host=lock.host,
        segment=segment.name,
        address_a=first,
        address_b=second,
        slot="a",
        blue_green=image.blue_green,
        image=image.name,
        image_id=inputs.images.get(image.name, ""),
        port=image.port,
        command=(),
        env={},
        mounts=(Mount("folder", FOLDER_ON_HOST, FOLDER, read_only=True),),
        tmpfs=catalogue.edge_tmpfs(limits.memory),
        cpus=limits.cpus,
        memory=limits.memory,
        pids=image.pids,
        capabilities=(),
        user=image.user,
        healthcheck=image.check,
        stack=STACK,
        digest="",
        address6_a=first6,
        address6_b=second6,
    )
    return seal(container, lock.slots.get(NAME))


def listeners(centre: CentreSpec, host: str) -> tuple[Listener, ...]:
    """The listeners of the edge on its host."""
    return tuple(
        Listener(
            visibility=visibility,
            host=host,
            address=spec.address.ip,
            address6=spec.address6.ip if spec.address6 else None,
            port=PUBLIC_PORT,
            segment=NAME,
            container=NAME,
            target_port=TARGET_PORTS[visibility],
        )
        for visibility, spec in sorted(centre.listeners.items())
    )


def vhosts(
    sites: Iterable[Site], containers: Mapping[str, Container], centre: CentreSpec, isolated: frozenset[str]
) -> tuple[Vhost, ...]:
    """The sites by name, each on the listener of its own visibility. Isolated tenants have none."""
    found = []
    for site in sites:
        if site.tenant in isolated or site.visibility not in centre.listeners:
            continue
        container = containers[site.container]
        vhost = Vhost(
            visibility=site.visibility,
            names=tuple(sorted(site.names)),
            site=site.ref,
            tenant=site.tenant,
            upstream=container.address(),
            upstream_port=container.port,
            methods=METHODS[site.stage],
            stage=site.stage,
        )
        found.append(vhost)
    return tuple(sorted(found, key=lambda vhost: (vhost.visibility, vhost.site)))
