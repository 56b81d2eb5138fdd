"""The closed word lists of a declaration, without any dependency: the plan and the Pulumi programs use them too."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Zone(StrEnum):
    """Security zones of a fabric."""

    EDGE = "edge"
    WEB = "web"
    DATA = "data"
    MANAGEMENT = "management"
    TRUST = "trust"
    EXCHANGE = "exchange"
    BACKUP = "backup"


class Service(StrEnum):
    """Platform services of a fabric."""

    EDGE = "edge"
    CA = "ca"
    DNS = "dns"
    TIME = "time"
    MONITORING = "monitoring"
    LOGS = "logs"
    BACKUP = "backup"
    EXCHANGE = "exchange"
    PORTAL = "portal"


class Visibility(StrEnum):
    """From where a site may be asked for."""

    INTERNET = "internet"
    FABRIC = "fabric"


class Audience(StrEnum):
    """For whom a site is made."""

    CITIZEN = "citizen"
    BUSINESS = "business"
    GOVERNMENT = "government"
    EMPLOYEE = "employee"


class Stage(StrEnum):
    """How far a site goes: publishes, consults, transacts."""

    PUBLICATION = "publication"
    CONSULTATION = "consultation"
    TRANSACTION = "transaction"


class SiteKind(StrEnum):
    """What runs behind a site: released files, an application image, or the portal page made from the plan."""

    STATIC = "static"
    APP = "app"
    PORTAL = "portal"


class TenantState(StrEnum):
    """Life of a tenant. Absence never destroys: going away is ``retiring`` plus ``idc retire``."""

    ACTIVE = "active"
    RETIRING = "retiring"


class Role(StrEnum):
    """Administrators of a centre; nobody holds two of these roles (separation of duties)."""

    SYSTEM = "system"
    SECURITY = "security"
    AUDIT = "audit"


#: The zone in which a service's containers run; a host offers a service only when it offers this zone.
SERVICE_ZONE: Final[Mapping[Service, Zone]] = MappingProxyType(
    {
        Service.EDGE: Zone.EDGE,
        Service.CA: Zone.TRUST,
        Service.DNS: Zone.MANAGEMENT,
        Service.TIME: Zone.MANAGEMENT,
        Service.MONITORING: Zone.MANAGEMENT,
        Service.LOGS: Zone.MANAGEMENT,
        Service.BACKUP: Zone.BACKUP,
        Service.EXCHANGE: Zone.EXCHANGE,
        Service.PORTAL: Zone.WEB,
    }
)
