"""What the plan knows of each container image (images/README.md has the same table), and how a quota is divided.

A tenant's quota bounds all that its containers may use *at any moment*: a container that is replaced blue/green runs
twice for a while, so it is counted twice. The rest is divided by weight.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from idc.model.types import Quota, SiteKind, SiteSpec
from idc.plan.types import Healthcheck

MIB: Final = 1 << 20
DATABASE_IMAGE: Final = "postgresql"
STATIC_IMAGE: Final = "nginx-static"
EDGE_IMAGE: Final = "edge"
EDGE_USER: Final = 10080
EDGE_WORKERS: Final = 2.0  # worker_processes of images/edge
EDGE_MEMORY: Final = 4096 * MIB
EDGE_LEAST_MEMORY: Final = 512 * MIB
EDGE_TMP_KEPT: Final = 16 * MIB  # of the edge's /tmp, for what is no request's body


@dataclass(frozen=True)
class Image:
    """How an image wants to be run. It runs as ``uid``, read-only but for ``tmpfs``, with no capability."""

    name: str
    uid: int
    gid: int
    port: int
    healthcheck: tuple[str, ...]
    tmpfs: tuple[str, ...]
    pids: int
    weight: int  # its part of a quota, beside the tenant's other containers
    least_memory: int  # bytes below which it does not start
    least_cpus: float  # cores below which its start takes minutes
    start_period: int = 10  # seconds in which a failing check is not yet counted
    blue_green: bool = True
    application: bool = False  # may be named by a site of kind app

    @property
    def user(self) -> str:
        """As Docker takes it."""
        return f"{self.uid}:{self.gid}"

    @property
    def check(self) -> Healthcheck:
        """As the plan has it."""
        return Healthcheck(self.healthcheck, start_period=self.start_period)


def _tmpfs(path: str, size: str, uid: int) -> str:
    return f"{path}:rw,noexec,nosuid,nodev,size={size},mode=0700,uid={uid},gid={uid}"


def _http(port: int) -> tuple[str, ...]:
    return ("/usr/local/bin/idc-healthy", str(port), "/healthz")


def edge_tmpfs(memory: int) -> tuple[str, ...]:
    """The edge's /tmp, by its memory limit (bytes), of which it is a part: a quarter.

    Twice as much is what ModSecurity holds of the same bodies; the last quarter is nginx, and what it knows of sites.
    """
    return (_tmpfs("/tmp", f"{_edge_tmp(memory) // MIB}m", EDGE_USER),)


def edge_bodies(memory: int, largest: int) -> int:
    """How many bodies of ``largest`` bytes the edge's /tmp holds at once, by its memory limit (bytes)."""
    return (_edge_tmp(memory) - EDGE_TMP_KEPT) // largest


def _edge_tmp(memory: int) -> int:
    return memory // 4 // MIB * MIB


IMAGES: Final[Mapping[str, Image]] = MappingProxyType({
    image.name: image
    for image in (
        Image(
            name=EDGE_IMAGE, uid=EDGE_USER, gid=EDGE_USER, port=8080, healthcheck=_http(8089),
            tmpfs=edge_tmpfs(EDGE_LEAST_MEMORY), pids=256, weight=1, least_memory=EDGE_LEAST_MEMORY, least_cpus=0.05,
            start_period=30,
        ),
        Image(
            name=STATIC_IMAGE, uid=10081, gid=10081, port=8080, healthcheck=_http(8080),
            tmpfs=(_tmpfs("/tmp", "16m", 10081),), pids=64, weight=1, least_memory=24 * MIB, least_cpus=0.01,
        ),
        Image(
            name="filing", uid=10082, gid=10082, port=8080, healthcheck=_http(8080),
            tmpfs=(_tmpfs("/tmp", "16m", 10082),), pids=128, weight=2, least_memory=48 * MIB, least_cpus=0.05,
            start_period=60, application=True,  # it waits for its database
        ),
        Image(
            name=DATABASE_IMAGE, uid=10432, gid=10432, port=5432,
            healthcheck=("/usr/lib/postgresql/15/bin/pg_isready", "-q", "-h", "/tmp"),
            tmpfs=(_tmpfs("/tmp", "16m", 10432),), pids=128, weight=2, least_memory=128 * MIB, least_cpus=0.1,
            start_period=120, blue_green=False,  # its first start makes the database
        ),
    )
})  # fmt: skip

APPLICATIONS: Final = tuple(sorted(name for name, image in IMAGES.items() if image.application))


@dataclass(frozen=True)
class Limits:
    """What one container may use."""

    cpus: float
    memory: int  # bytes, whole MiB


def images_of(site: SiteSpec) -> dict[str, Image]:
    """A site's containers by the last part of their names ("web", "app", "database").

    Raises KeyError for an application image that is not in the catalogue.
    """
    if site.kind is not SiteKind.APP:
        return {"web": IMAGES[STATIC_IMAGE]}
    images = {"app": IMAGES[site.image]}
    if site.database:
        images["database"] = IMAGES[site.database]
    return images


def weight(site: SiteSpec) -> int:
    """A site's part of its tenant's quota."""
    return sum(image.weight * (2 if image.blue_green else 1) for image in images_of(site).values())


def divide(quota: Quota, sites: Sequence[SiteSpec]) -> dict[str, Limits]:
    """Limits by image name, the same for all containers of an image.

    Their sum, with each blue/green container running twice, is never above the quota.
    """
    total = sum(weight(site) for site in sites)
    found: dict[str, Limits] = {}
    for site in sites:
        for image in images_of(site).values():
            found[image.name] = _part(quota.cpus, quota.memory, image.weight, total)
    return found


def _part(cpus: float, memory: int, part: int, total: int) -> Limits:
    hundredths = int(round(cpus * 100, 6)) * part // total
    return Limits(hundredths / 100, memory * part // total // MIB * MIB)


def least_memory(sites: Sequence[SiteSpec]) -> int:
    """The smallest quota of memory (bytes) with which every container of these sites starts."""
    total = sum(weight(site) for site in sites)
    images = [image for site in sites for image in images_of(site).values()]
    return max((-(-image.least_memory * total // (image.weight * MIB)) * MIB for image in images), default=0)


def least_cpus(sites: Sequence[SiteSpec]) -> float:
    """The smallest quota of processor cores with which every container of these sites starts in good time."""
    total = sum(weight(site) for site in sites)
    images = [image for site in sites for image in images_of(site).values()]
    return max((-(-round(image.least_cpus * 100) * total // image.weight) / 100 for image in images), default=0.0)


def edge_limits(cpus: float, memory: int, shared: bool) -> Limits:
    """Limits of the edge's container: a quarter of its host, an eighth of one that it shares with tenants.

    Its two workers use no more than two cores. The limits hang on nothing that a tenant changes: adding one must never
    replace the edge.
    """
    part = 8 if shared else 4
    least = IMAGES[EDGE_IMAGE]
    cores = min(EDGE_WORKERS, max(least.least_cpus, int(cpus * 100 / part) / 100))
    return Limits(cores, min(EDGE_MEMORY, max(least.least_memory, memory // part // MIB * MIB)))
