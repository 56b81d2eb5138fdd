"""What hosts themselves accept and may send: SSH from the management hosts, and what declared flows name hosts for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Network
from typing import Final

from idc.model.types import Zone
from idc.plan.types import Flow, Host, HostRule

SSH: Final = 22
SSH_REASON: Final = "administration over SSH, from the management hosts only (8.2.5.1 b)"


def derive(hosts: Mapping[str, Host], flows: Iterable[Flow]) -> tuple[HostRule, ...]:
    """All rules, sorted and without duplicates."""
    rules = {*_ssh(hosts), *_declared(flows)}
    return tuple(sorted(rules, key=lambda rule: (rule.host, rule.direction, rule.protocol, rule.port, rule.networks)))


def _ssh(hosts: Mapping[str, Host]) -> Iterator[HostRule]:
    managers = [host for host in hosts.values() if Zone.MANAGEMENT in host.zones]
    for host in hosts.values():
        sources = _addresses(manager for manager in managers if manager is not host)
        if sources:
            yield HostRule(host.name, "in", sources, "tcp", SSH, SSH_REASON)
        others = _addresses(other for other in hosts.values() if other is not host)
        if host in managers and others:
            yield HostRule(host.name, "out", others, "tcp", SSH, SSH_REASON)


def _addresses(hosts: Iterable[Host]) -> tuple[IPv4Network, ...]:
    return tuple(sorted(IPv4Network(host.address) for host in hosts))


def _declared(flows: Iterable[Flow]) -> Iterator[HostRule]:
    """An end that is a host itself is met by its own input or output rules, not by what it forwards."""
    for flow in flows:
        source, destination = flow.source, flow.destination
        if destination.host and not destination.segment:
            yield HostRule(destination.host, "in", source.networks, flow.protocol, flow.port, flow.reason)
        if source.host and not source.segment:
            yield HostRule(source.host, "out", destination.networks, flow.protocol, flow.port, flow.reason)
