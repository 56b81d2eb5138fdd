"""One grammar of reference, in flows, findings and commands alike.

tenant/tax/site/file   a site              service/dns   a platform service
tenant/tax             a tenant            zone/edge     a zone of this fabric
host/web-1             a host              10.1.2.0/24   an IPv4 network outside the fabric
internet               a fabric of the profile, by its bare name
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Final, Literal

from idc.model.text import NAME, BadValueError, did_you_mean, name

Kind = Literal["tenant", "site", "service", "zone", "host", "fabric", "network"]

_SHAPES: Final = "tenant/ID/site/NAME, service/NAME, zone/NAME, host/NAME, internet, or an IPv4 network"

__all__ = ["NAME", "Kind", "Reference", "parse"]


@dataclass(frozen=True)
class Reference:
    """Something of a centre, by name. ``site`` is only set for a site, ``network`` only for a network."""

    kind: Kind
    name: str
    site: str = ""
    network: IPv4Network | None = None

    def __str__(self) -> str:
        if self.kind == "site":
            return f"tenant/{self.name}/site/{self.site}"
        return self.name if self.kind in ("fabric", "network") else f"{self.kind}/{self.name}"


def parse(text: object) -> Reference:
    """The reference that a text means. Raises BadValueError for other shapes; whether it exists is not asked."""
    if not isinstance(text, str) or not text:
        raise BadValueError(f"`{text}` is not a reference", f"write {_SHAPES}")
    if text[0].isdigit():
        try:
            network = IPv4Network(text)
        except ValueError as error:
            raise BadValueError(f"`{text}` is not an IPv4 network: {error}", _network_hint(text)) from None
        return Reference("network", str(network), network=network)
    match text.split("/"):
        case [fabric]:
            return Reference("fabric", name(fabric))
        case ["tenant", tenant]:
            return Reference("tenant", name(tenant))
        case ["tenant", tenant, "site", site]:
            return Reference("site", name(tenant), site=name(site))
        case ["service", service]:
            return Reference("service", name(service))
        case ["zone", zone]:
            return Reference("zone", name(zone))
        case ["host", host]:
            return Reference("host", name(host))
        case [kind, *_] if kind not in ("tenant", "service", "zone", "host"):
            raise BadValueError(
                f"`{text}` is not a reference: `{kind}` is no kind of thing",
                did_you_mean(kind, ("tenant", "service", "zone", "host"), what="kinds"),
            )
    raise BadValueError(f"`{text}` is not a reference", f"write {_SHAPES}")


def _network_hint(text: str) -> str:
    try:
        return f"did you mean `{IPv4Network(text, strict=False)}`?"
    except ValueError:
        return "as 10.1.2.0/24 or 10.1.2.3/32"
