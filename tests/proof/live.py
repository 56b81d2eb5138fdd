"""Live snapshots of a plan's hosts: rule sets as the kernel lists them, the rest as the plan has it."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_interface

from idc.live import nft
from idc.live.snapshot import Engine, Link, NetworkState, Part, Route, Snapshot, Traffic
from idc.plan.types import Host, Plan
from idc.proof.from_plan import routed
from idc.render.bandwidth import redirects
from tests.unit.live import tc


def listed(text: str) -> str:
    """A rule set as this kernel and nft list it, from a network namespace of its own."""
    words = ["unshare", "--net", "sh", "-c", "nft -f - && nft -j list ruleset"]
    done = subprocess.run(words, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def snapshots(plan: Plan, rules: Mapping[str, str]) -> dict[str, Snapshot]:
    """Snapshots of all hosts; ``rules`` are each host's listing."""
    routes = routed(plan)
    return {host.name: _snapshot(plan, host, rules[host.name], routes[host.name]) for host in plan.hosts}


def _snapshot(plan: Plan, host: Host, listing: str, routes: str) -> Snapshot:
    segments = [segment for segment in plan.segments if segment.host == host.name]
    addresses: dict[str, list[str]] = {}
    for interface in host.interfaces:
        six = [str(interface.address6)] if interface.address6 else []
        addresses[interface.name] = [str(interface.address), *six]
    for segment in segments:
        six = [f"{segment.gateway6}/{segment.subnet6.prefixlen}"] if segment.subnet6 else []
        addresses[segment.bridge] = [f"{segment.gateway}/{segment.subnet.prefixlen}", *six]
    bridges = {segment.bridge for segment in segments}
    links = [Link("lo", "", True, "", ("127.0.0.1/8",))]
    links += [Link(name, "bridge" if name in bridges else "", True, "", tuple(own)) for name, own in addresses.items()]
    found = [_written(line) for line in routes.splitlines() if line and not line.startswith("#")]
    found += [Route("default", "203.0.113.1", "internet", "main", "static", "unicast")] * ("internet" in addresses)
    for name, own in addresses.items():
        for interface_ in map(ip_interface, own):
            network = interface_.network
            found.append(Route(str(network), "", name, "main", "kernel", "unicast"))
            found.append(Route(str(interface_.ip), "", name, "local", "kernel", "local"))
            if network.version == 4:
                found.append(Route(str(network[-1]), "", name, "local", "kernel", "broadcast"))
    networks = tuple(
        NetworkState(s.name, "bridge", False, s.subnet6 is not None, (), {"com.docker.network.bridge.name": s.bridge},
                     {}, tuple(c.docker_name() for c in plan.containers if c.segment == s.name))
        for s in segments
    )  # fmt: skip
    planned = redirects(plan, host.name)
    filters = {f"{name} egress": tc.shown(entries) for name, entries in planned.items()}
    devices = {entry.device for entries in planned.values() for entry in entries} - {""}
    links += [Link(name, "ifb", True, "", ()) for name in sorted(devices)]
    nothing: Part[str] = Part("")
    return Snapshot(
        host=host.name, began=0.0, ended=1.0, boot=Part("0"), kernel="6.1", rules=Part(nft.parse(listing)),
        expected=Part(nft.parse(listing)), iptables=nothing, ip6tables=nothing, legacy=Part({}),
        links=Part(tuple(links)), routes=Part(tuple(found)), policy_routes=Part(()),
        traffic=Part(Traffic((), filters, ())), xfrm=nothing,
        sysctls=Part({"net/ipv4/ip_forward": "1", "net/ipv6/conf/all/forwarding": "1"}), units=Part({}),
        listeners=Part(()), sshd=Part({}), files=Part({}), folders=Part({}), roles=Part({}),
        engine=Part(Engine("20.10", (), networks, ())), conntrack=Part(0),
    )  # fmt: skip


def _written(line: str) -> Route:
    words = line.split()
    if words[0] == "blackhole":
        return Route(words[1], "", "", "main", "73", "blackhole")
    return Route(words[0], words[2], words[4], "main", "73", "unicast")


def spoiled(found: Mapping[str, Snapshot], host: str, **change: object) -> dict[str, Snapshot]:
    """The snapshots with parts of one host's changed."""
    parts = {name: Part(value) for name, value in change.items()}
    return {**found, host: replace(found[host], **parts)}  # type: ignore[arg-type]
