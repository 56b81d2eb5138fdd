"""What each tenant has on the hosts: segments, containers with their slots, volumes and secrets, by its sites."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from idc.model.types import SiteKind, SiteSpec, TenantSpec, TenantState, Zone
from idc.plan import addresses, catalogue, codec
from idc.plan.catalogue import Image, Limits
from idc.plan.inputs import Inputs
from idc.plan.lock import SiteLock, SlotLock, TenantLock
from idc.plan.types import Container, Mount, Secret, Segment, Site, Slot, Volume

CONTENT: Final = "/srv/site"
DATABASE: Final = "/var/lib/postgresql/data"
SECRETS: Final = "/run/secrets/idc"
SECRETS_ON_HOST: Final = "/var/lib/idc/secrets"
SECRET_FILE: Final = "database"


@dataclass
class Parts:
    """What has been planned so far, in no order."""

    segments: list[Segment] = field(default_factory=list)
    containers: list[Container] = field(default_factory=list)
    volumes: list[Volume] = field(default_factory=list)
    secrets: list[Secret] = field(default_factory=list)
    sites: list[Site] = field(default_factory=list)


def stack_name(tenant: str) -> str:
    """The Pulumi stack of a tenant."""
    return f"tenant-{tenant}"


def site_ref(tenant: str, site: str) -> str:
    """The reference of a site."""
    return f"tenant/{tenant}/site/{site}"


def zones(site: SiteSpec) -> tuple[Zone, ...]:
    """The zones in which a site has a segment."""
    return (Zone.WEB, Zone.DATA) if site.database else (Zone.WEB,)


def seal(container: Container, locked: SlotLock | None) -> Container:
    """The container with its digest and slot: another slot than before when it changed and may run beside itself."""
    plain = codec.encode(container)
    del plain["slot"], plain["digest"]
    digest = codec.digest(plain)[:16]
    slot: Slot = locked.slot if locked and container.blue_green else "a"
    if locked is not None and container.blue_green and locked.digest != digest:
        slot = "b" if slot == "a" else "a"
    return replace(container, digest=digest, slot=slot)


def add_tenant(spec: TenantSpec, lock: TenantLock, inputs: Inputs, parts: Parts) -> TenantLock:
    """Plan a tenant's sites into ``parts``; returns its lock with the slots that serve after this plan.

    Volumes stay, whatever has gone from the declaration. Of a retiring tenant nothing else stays.
    """
    for name, entry in lock.sites.items():
        for volume, purpose in entry.volumes.items():
            known = Volume(
                volume, site_ref(spec.tenant, name), spec.tenant, entry.host, stack_name(spec.tenant),
                "database" if purpose == "database" else "content",
            )  # fmt: skip
            parts.volumes.append(known)
    active = spec.state is TenantState.ACTIVE
    limits = catalogue.divide(spec.quota, spec.sites) if active else {}
    declared = {site.name: site for site in spec.sites} if active else {}
    sites: dict[str, SiteLock] = {}
    for name, entry in lock.sites.items():
        site = declared.get(name)
        # Without all its segments the prefix is full: that is noted, and the rest planned to find what else is wrong.
        complete = site is not None and all(zone.value in entry.segments for zone in zones(site))
        slots = _Site(spec, site, entry, limits, inputs).plan(parts) if site and complete else {}
        sites[name] = replace(entry, slots=slots)
    return replace(lock, sites=sites)


@dataclass(frozen=True)
class _Site:
    """One site while it is planned."""

    tenant: TenantSpec
    site: SiteSpec
    lock: SiteLock
    limits: Mapping[str, Limits]
    inputs: Inputs

    @property
    def prefix(self) -> str:
        return f"{self.tenant.tenant}-{self.site.name}"

    @property
    def ref(self) -> str:
        return site_ref(self.tenant.tenant, self.site.name)

    def plan(self, parts: Parts) -> dict[str, SlotLock]:
        images = catalogue.images_of(self.site)
        for zone in zones(self.site):
            parts.segments.append(self._segment(zone))
        containers = [self._container(kind, image) for kind, image in sorted(images.items())]
        parts.containers.extend(containers)
        if self.site.database:
            parts.secrets.extend(self._secret(kind, image) for kind, image in images.items())
        parts.sites.append(self._site(next(kind for kind in images if kind != "database")))
        return {container.name: SlotLock(container.slot, container.digest) for container in containers}

    def _segment(self, zone: Zone) -> Segment:
        subnet = self.lock.segments[zone.value]
        return Segment(
            name=f"{self.prefix}-{zone.value}",
            owner=self.ref,
            tenant=self.tenant.tenant,
            zone=zone,
            host=self.lock.host,
            subnet=subnet,
            bridge=addresses.bridge(subnet),
            stack=stack_name(self.tenant.tenant),
        )

    def _container(self, kind: str, image: Image) -> Container:
        zone = Zone.DATA if kind == "database" else Zone.WEB
        first, second = addresses.slots(self.lock.segments[zone.value])
        limits = self.limits[image.name]
        name = f"{self.prefix}-{kind}"
        container = Container(
            name=name,
            owner=self.ref,
            tenant=self.tenant.tenant,
            host=self.lock.host,
            segment=f"{self.prefix}-{zone.value}",
            address_a=first,
            address_b=second,
            slot="a",
            blue_green=image.blue_green,
            image=image.name,
            image_id=self.inputs.images.get(image.name, ""),
            port=image.port,
            command=(),
            env=self._env(kind),
            mounts=self._mounts(kind),
            tmpfs=image.tmpfs,
            cpus=limits.cpus,
            memory=limits.memory,
            pids=image.pids,
            capabilities=(),
            user=image.user,
            healthcheck=image.check,
            stack=stack_name(self.tenant.tenant),
            digest="",
        )
        return seal(container, self.lock.slots.get(name))

    def _env(self, kind: str) -> dict[str, str]:
        if not self.site.database:
            return {}
        name = self.prefix.replace("-", "_")  # as an SQL identifier without quotes
        password = f"{SECRETS}/{SECRET_FILE}"
        if kind == "database":
            return {"IDC_DATABASE": name, "IDC_PASSWORD_FILE": password, "IDC_USER": name}
        database = catalogue.IMAGES[self.site.database]
        host, _ = addresses.slots(self.lock.segments["data"])
        return {
            "IDC_DATABASE_HOST": str(host),
            "IDC_DATABASE_NAME": name,
            "IDC_DATABASE_PORT": str(database.port),
            "IDC_DATABASE_USER": name,
            "IDC_PASSWORD_FILE": password,
        }

    def _mounts(self, kind: str) -> tuple[Mount, ...]:
        mounts: list[Mount] = []
        if kind == "web":
            mounts.append(Mount("volume", f"{self.prefix}-content", CONTENT, read_only=True))
        if kind == "database":
            mounts.append(Mount("volume", f"{self.prefix}-database", DATABASE, read_only=False))
        if self.site.database:
            mounts.append(Mount("folder", f"{SECRETS_ON_HOST}/{self.prefix}-{kind}", SECRETS, read_only=True))
        return tuple(mounts)

    def _secret(self, kind: str, image: Image) -> Secret:
        return Secret(
            name=f"{self.tenant.tenant}/{self.site.name}/database",
            host=self.lock.host,
            folder=f"{SECRETS_ON_HOST}/{self.prefix}-{kind}",
            file=SECRET_FILE,
            uid=image.uid,
        )

    def _site(self, kind: str) -> Site:
        hosted = self.site.kind is not SiteKind.APP
        return Site(
            ref=self.ref,
            tenant=self.tenant.tenant,
            department=self.tenant.department,
            name=self.site.name,
            kind=self.site.kind.value,
            names=self.site.names,
            visibility=self.site.visibility,
            audience=tuple(audience.value for audience in self.site.audience),
            stage=self.site.stage.value,
            host=self.lock.host,
            container=f"{self.prefix}-{kind}",
            content=self.site.content,
            content_volume=f"{self.prefix}-content" if hosted else "",
            database=f"{self.prefix}-database" if self.site.database else "",
        )
