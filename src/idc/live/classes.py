"""Of which classes a plan has no pair at all, and why. Pure, and apart from how probes are chosen.

A verification asks for packets in every class that is not named here, so that a chooser that forgets a class, or
chooses nothing, is found rather than believed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from idc.live.census import Census
from idc.live.probe import Family
from idc.model.types import Visibility
from idc.plan.types import Container


def absent(census: Census) -> dict[Family, str]:
    """Each class without a pair in this plan, with the reason."""
    return {family: why for family in Family if (why := _REASONS[family](census))}


def _inner(census: Census) -> list[Container]:
    return [container for container in census.containers if container.name not in census.edges]


def _whose(container: Container) -> str:
    """Whom it belongs to: a tenant, or a service, each of which is a stranger to all others."""
    return container.tenant or container.owner


# -- what must pass ----------------------------------------------------------------------------------------------------


def _flow(census: Census) -> str:
    for flow in census.plan.flows:
        if census.is_outside(flow):
            continue
        sources, targets = census.ends(flow.source), census.ends(flow.destination)
        if any(source.place != target.place for source in sources for target in targets):
            return ""
        if sources and not targets and flow.destination.host is None:
            return ""
    return "no flow inside is declared whose both ends stand"


def _site(census: Census) -> str:
    if any(vhost.visibility in census.people for vhost in census.plan.vhosts):
        return ""
    return "no site is served" if not census.plan.vhosts else _NOBODY


def _management(census: Census) -> str:
    rules = [rule for rule in census.plan.host_rules if rule.direction == "in"]
    if any(
        host.name != rule.host and any(host.address in network for network in rule.networks)
        for rule in rules
        for host in census.plan.hosts
    ):
        return ""
    return "no host accepts anything from another host"


def _person(visibility: Visibility) -> Callable[[Census], str]:
    def reason(census: Census) -> str:
        if visibility in census.people:
            return ""
        side = f"this fabric has no listener on the {_SIDES[visibility]} side"
        return _NOBODY if visibility in census.listeners else side

    return reason


def _refusal(census: Census) -> str:
    if census.people:
        return ""
    return _NOBODY if census.plan.listeners else "this fabric has no listener"


def _control(census: Census) -> str:
    return "" if census.containers or census.people else "there is nothing that packets could be sent from"


# -- what must be blocked ----------------------------------------------------------------------------------------------


def _tenants(*, same_host: bool) -> Callable[[Census], str]:
    def reason(census: Census) -> str:
        inner = _inner(census)
        on: dict[str, set[str]] = defaultdict(set)
        for container in inner:
            on[container.host].add(_whose(container))
        if same_host:
            return "" if any(len(held) > 1 for held in on.values()) else "no host holds containers of two tenants"
        if len({_whose(container) for container in inner}) < 2:
            return "there are no two tenants with containers"
        return "" if len(on) > 1 else f"all containers of tenants are on {', '.join(on)}"

    return reason


def _own_tenant(census: Census) -> str:
    sites: dict[str, set[str]] = defaultdict(set)
    for container in _inner(census):
        if container.tenant:
            sites[container.tenant].add(container.owner)
    return "" if any(len(owners) > 1 for owners in sites.values()) else "no tenant has two sites that run"


def _beside_a_flow(census: Census) -> str:
    return "" if next(census.inside_pairs(), None) else "no flow joins two containers"


def _any_container(census: Census) -> str:
    return "" if census.containers else "there is no container"


def _other_host(census: Census) -> str:
    managing = {host.name for host in census.management}
    plain = {host.name for host in census.plan.hosts} - managing
    if any(plain - {container.host} for container in census.containers):
        return ""
    return "beside the container's own there is no host but those of management"


def _management_host(census: Census) -> str:
    if any(host.name != container.host for host in census.management for container in census.containers):
        return ""
    return "no host but the container's own is of management" if census.management else "no host is of management"


def _fabric_listener(census: Census) -> str:
    return _person(Visibility.INTERNET)(census) or _person(Visibility.FABRIC)(census)


def _audience(census: Census) -> str:
    served = {
        visibility: {name for vhost in census.plan.vhosts if vhost.visibility is visibility for name in vhost.names}
        for visibility in Visibility
    }
    if not served[Visibility.FABRIC] - served[Visibility.INTERNET]:
        return "no site is served to the fabric's users alone"
    return _person(Visibility.INTERNET)(census)


def _spoofed(census: Census) -> str:
    pairs = [(source, target) for flow, source, target in census.inside_pairs() if flow.protocol == "tcp"]
    inner = _inner(census)
    if pairs and census.people:
        return ""
    if any(_whose(one) != _whose(target) and one.name != source.name for source, target in pairs for one in inner):
        return ""
    managing = {host.name for host in census.management[:1]}
    if managing and any(
        container.host not in managing and {host.name for host in census.plan.hosts} - managing - {container.host}
        for container in inner
    ):
        return ""
    return "no address has more rights than another that a container could forge"


def _ipv6(census: Census) -> str:
    if any(person.listener.address6 for person in census.people.values()):
        return ""
    return "no listener has an IPv6 address" if census.people else _refusal(census)


def _shut(census: Census) -> str:
    served = {(vhost.visibility, name) for vhost in census.plan.vhosts for name in vhost.names}
    for site in census.plan.sites:
        if site.visibility in census.people and any((site.visibility, name) not in served for name in site.names):
            return ""
    if census.edges and any(container.tenant in census.closed for container in census.containers):
        return ""
    return "no tenant is isolated or going away"


_SIDES: Final = {Visibility.INTERNET: "Internet's", Visibility.FABRIC: "users'"}
_NOBODY: Final = "no machine of ours stands on the listeners' networks: only a lab has people of its own"

_REASONS: Final[Mapping[Family, Callable[[Census], str]]] = MappingProxyType({
    Family.FLOW: _flow,
    Family.SITE: _site,
    Family.MANAGEMENT: _management,
    Family.CONTROL: _control,
    Family.REFUSAL: _refusal,
    Family.SAME_HOST: _tenants(same_host=True),
    Family.OTHER_HOST: _tenants(same_host=False),
    Family.OWN_TENANT: _own_tenant,
    Family.REVERSE: _beside_a_flow,
    Family.WRONG_PORT: _beside_a_flow,
    Family.WRONG_PROTOCOL: _beside_a_flow,
    Family.GATEWAY: _any_container,
    Family.HOST: _other_host,
    Family.MANAGEMENT_HOST: _management_host,
    Family.INTERNET_INSIDE: _person(Visibility.INTERNET),
    Family.FABRIC_INSIDE: _person(Visibility.FABRIC),
    Family.FABRIC_LISTENER: _fabric_listener,
    Family.AUDIENCE: _audience,
    Family.SPOOFED: _spoofed,
    Family.IPV6: _ipv6,
    Family.SHUT: _shut,
})  # fmt: skip
