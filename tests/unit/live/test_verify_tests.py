"""Each test of `idc verify` is silent about a host as planned, and speaks when one thing is spoiled."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from idc.live.nft import Ruleset, Table
from idc.live.snapshot import (
    FileState,
    Listener,
    MountState,
    NetworkState,
    Route,
    Snapshot,
    Traffic,
    Unit,
    UnreadError,
    VolumeState,
)
from idc.live.suite import Checks, NotApplicableError
from tests.live.verify import test_engines, test_files, test_network, test_rules, test_units
from tests.unit.live import good
from tests.unit.live.spoil import Spoil, chain, entry, first, less, more, parts, unread

MODULES = (test_engines, test_files, test_network, test_rules, test_units)
TESTS: dict[str, Callable[..., None]] = {
    name.removeprefix("test_"): function
    for module in MODULES
    for name, function in inspect.getmembers(module, inspect.isfunction)
    if name.startswith("test_")
}


def look(name: str, snapshot: Snapshot) -> list[tuple[str, str]] | None:
    """What a test finds; None when there is nothing for it to look at."""
    checks, function = Checks(), TESTS[name]
    offered = {"snapshot": snapshot, "plan": good.PLAN, "context_of_run": good.context(), "checks": checks}
    try:
        function(**{key: offered[key] for key in inspect.signature(function).parameters})
    except NotApplicableError:
        return None
    assert checks.looked
    return checks.found


def container(**changes: Any) -> Spoil:
    return first("containers", **changes)


def sysctl(key: str, value: str) -> Spoil:
    return entry("sysctls", key, value)


def mode(bits: int) -> Callable[[dict[str, FileState]], dict[str, FileState]]:
    return lambda files: {path: replace(state, mode=bits) for path, state in files.items()}


STRAY = replace(good.container(good.PLAN, good.PLAN.containers[0]), name="stray")
NETWORK = NetworkState("x", "bridge", internal=False, ipv6=False, subnets=(), options={}, labels={}, containers=())
RELATED = '{"expr":[{"match":{"left":{"ct":{"key":"state"}},"right":["established","related"]}},{"accept":null}]}'
BLANKET = '{"expr":[{"match":{"left":{"ct":{"key":"state"}},"right":"established"}},{"accept":null}]}'
RULE_THAT_DROPS = good.RULE.replace("accept", "drop")
ACCEPT = '{"expr":[{"accept":null}]}'
OPEN = '{"name":"forward","type":"filter","hook":"forward","prio":0,"policy":"accept"}'
LEGACY = "*nat\n-A PREROUTING -p tcp --dport 80 -j DNAT --to-destination 10.0.0.1\n"
DOCKERS = "*filter\n:DOCKER - [0:0]\n-A FORWARD -j DOCKER\n"
DEAD = Unit("idc-firewall.service", "loaded", "failed", "failed", "enabled", stale=False)
LOOSE = Unit("docker.service", "loaded", "active", "running", "disabled", stale=False)
LOADER = Unit("nftables.service", "loaded", "active", "exited", "enabled", stale=False)
SOCKET = MountState("bind", "/var/run/docker.sock", "/run/docker.sock", read_only=False)
SHARED = MountState("volume", "tax-file-content", "/x", read_only=True)

# test -> what it must notice
SPOILED: dict[str, dict[str, Spoil]] = {
    "engines_hold_what_is_planned_and_nothing_else": {
        "an undeclared container": more("containers", STRAY),
        "an undeclared network": more("networks", NETWORK),
        "an undeclared volume": more("volumes", VolumeState("x", "local", {}, {})),
        "a missing container": less("containers"),
        "a missing network": less("networks"),
        "a missing volume": less("volumes"),
    },
    "containers_run_the_planned_image_and_are_healthy": {
        "an unhealthy container": container(health="unhealthy"),
        "another image": container(image="sha256:other"),
        "a stopped container": container(running=False),
        "no restart": container(restart="no"),
    },
    "containers_are_hardened": {
        "a writable root": container(read_only=False),
        "a privileged container": container(privileged=True),
        "a capability more": container(capabilities_added=("CAP_NET_ADMIN",)),
        "capabilities not dropped": container(capabilities_dropped=()),
        "new privileges": container(security=()),
        "no seccomp": container(security=("no-new-privileges:true", "seccomp=unconfined")),
        "the host's network": container(network_mode="host"),
        "another container's network": container(network_mode="container:abc"),
        "the host's processes": container(pid_mode="host"),
        "a device": container(devices=("/dev/mem",)),
        "root": container(user="0"),
    },
    "containers_have_their_limits": {
        "more memory": container(memory=1 << 40),
        "swap": container(memory_swap=-1),
        "more processor": container(nano_cpus=0),
        "processes without limit": container(pids=0),
        "logs without limit": container(log_options={}),
    },
    "containers_are_on_their_own_segment_only": {
        "another network too": container(networks=lambda c: (*c.networks, replace(c.networks[0], network="x"))),
        "a sibling's address": container(networks=lambda c: (replace(c.networks[0], address="10.64.16.9"),)),
        "a published port": container(published=("8080/tcp",)),
    },
    "containers_see_their_own_volumes_and_folders_only": {
        "the engine's socket": container(mounts=lambda c: (*c.mounts, SOCKET)),
        "a shared volume": container(mounts=lambda c: (*c.mounts, SHARED)),
        "a missing mount": container(mounts=()),
        "a writable mount": container(mounts=lambda c: tuple(replace(m, read_only=False) for m in c.mounts)),
        "a writable place more": container(tmpfs={"/tmp": "", "/srv": ""}),
    },
    "containers_environment_is_as_planned": {
        "another value": container(env=lambda c: dict.fromkeys(c.env, "00")),
        "a variable less": container(env={}),
        "a secret in it": container(env=lambda c: {**c.env, "DB_PASSWORD": "00"}),
    },
    "everything_carries_its_labels": {
        "labels of nobody": container(labels={}),
        "another station's": container(labels=lambda c: {**c.labels, "idc.station": "ffffffff"}),
        "a network without": first("networks", labels={}),
    },
    "segments_are_the_planned_bridges": {
        "another subnet": first("networks", subnets=(("10.9.0.0/24", "10.9.0.1"),)),
        "address translation": first("networks", options={}),
        "another driver": first("networks", driver="macvlan"),
        "a guest": first("networks", containers=lambda n: (*n.containers, "stray")),
    },
    "rendered_files_are_as_planned": {
        "another content": entry("files", "/etc/idc/routes", FileState("/etc/idc/routes", "file", 0o600, sha256="00")),
        "a missing file": entry("files", "/etc/idc/routes", FileState("/etc/idc/routes", "missing")),
        "for all eyes": parts(files=mode(0o644)),
    },
    "nobody_but_their_owner_can_change_what_roles_and_services_read": {
        "a folder that all can write": entry("folders", "/var/lib/idc/x", FileState("/var/lib/idc/x", "folder", 0o777)),
        "a file that was not read": entry("folders", "/etc/idc/x", FileState("/etc/idc/x", "unread")),
    },
    "secrets_are_where_they_belong_and_nowhere_else": {
        "a secret of nobody": entry(
            "folders", "/var/lib/idc/secrets/x/y", FileState("/var/lib/idc/secrets/x/y", "file", 0o400)
        ),
    },
    "the_roles_have_left_their_record": {"no record": parts(roles={})},
    "interfaces_have_the_planned_addresses_and_no_others": {
        "no address": parts(links=lambda links: tuple(replace(link, addresses=()) for link in links)),
        "an address more": parts(
            links=lambda links: (*links, replace(links[0], name="x0", addresses=("192.0.2.1/24",)))
        ),
        "a missing bridge": parts(links=lambda links: links[:-1]),
    },
    "routes_are_as_planned": {
        "a route elsewhere": parts(
            routes=lambda routes: (*routes, Route("10.99.0.0/16", "192.0.2.9", "x0", "main", "", "unicast"))
        ),
        "a default route": parts(routes=lambda routes: (*routes, Route("default", "", "x0", "main", "", "unicast"))),
        "a missing route": parts(routes=lambda routes: routes[1:]),
        "no blackhole": parts(routes=lambda routes: routes[:-1]),
    },
    "tenants_have_their_bandwidth": {
        "none": parts(traffic=Traffic((), {}, ())),
        "more than planned": parts(
            traffic=lambda t: replace(t, classes=tuple(replace(c, ceil=c.ceil * 2) for c in t.classes))
        ),
        "more than planned towards it": parts(
            traffic=lambda t: replace(
                t, classes=tuple(replace(c, ceil=c.ceil * 2) if c.interface == "idc-in" else c for c in t.classes)
            )
        ),
        "a bridge whose packets are not gathered": parts(
            traffic=lambda t: replace(t, filters=dict(list(t.filters.items())[:-1]))
        ),
    },
    "the_rules_in_the_kernel_are_the_plans": {
        "an accept more": chain("forward", ACCEPT),
        "our table flushed": parts(rules=Ruleset({})),
        "a table more": parts(rules=lambda r: Ruleset({**r.tables, "netdev x": Table({}, {}, frozenset())})),
    },
    "whatever_no_rule_accepts_is_dropped": {
        "policy accept": chain("forward", definition=OPEN),
        "a rule behind the last drop": chain("input", ACCEPT),
        "a last drop for some": chain("output", RULE_THAT_DROPS),
    },
    "no_reply_passes_without_its_flow": {
        "related accepted": chain("forward", RELATED),
        "a blanket established": chain("forward", BLANKET),
    },
    "nobody_else_has_rules": {
        "the engine's own": parts(iptables=DOCKERS),
        "by IPv6": parts(ip6tables=DOCKERS),
        "a legacy rule": parts(legacy={"ip": LEGACY}),
    },
    "nothing_moves_packets_past_the_rules": {
        "a tc redirect": parts(traffic=Traffic((), {"br-0a401000 ingress": "mirred"}, ())),
        "a policy route": parts(policy_routes=('{"priority": 100}',)),
        "a tunnel": parts(xfrm="src 10.0.0.0/8 dst 0.0.0.0/0 dir out"),
        "an XDP program": parts(links=lambda links: tuple(replace(link, xdp=True) for link in links)),
    },
    "forwarding_is_on_only_where_the_rules_want_it": {
        "bridges past the rules": sysctl("net/bridge/bridge-nf-call-iptables", "0"),
        "by IPv6 too": sysctl("net/ipv6/conf/all/forwarding", "1"),
        "off": sysctl("net/ipv4/ip_forward", "0"),
    },
    "interfaces_trust_nobody": {
        "proxy ARP": sysctl("net/ipv4/conf/uplink/proxy_arp", "1"),
        "routes to loopback": sysctl("net/ipv4/conf/br-0a401000/route_localnet", "1"),
        "router advertisements": sysctl("net/ipv6/conf/uplink/accept_ra", "2"),
        "the sender's choice": sysctl("net/ipv4/conf/uplink/accept_source_route", "1"),
        "redirects": sysctl("net/ipv4/conf/all/accept_redirects", "1"),
    },
    "units_run_and_come_back_after_a_restart": {
        "a dead firewall unit": entry("units", "idc-firewall.service", DEAD),
        "lost by a restart": entry("units", "docker.service", LOOSE),
        "an older file": entry("units", "docker.service", replace(LOOSE, enabled="enabled", stale=True)),
        "not there": entry("units", "idc-routes.service", replace(DEAD, load="not-found")),
    },
    "nothing_else_loads_packet_rules": {"Debian's loader": entry("units", "nftables.service", LOADER)},
    "ssh_lets_in_by_key_only_and_forwards_no_port": {
        "passwords": entry("sshd", "passwordauthentication", "yes"),
        "forwarding": entry("sshd", "allowtcpforwarding", "yes"),
        "unsaid": parts(sshd={}),
    },
    "hosts_listen_on_nothing_but_what_is_planned": {
        "a relay": parts(listeners=(Listener("tcp", "0.0.0.0", 8888, "socat"),)),
        "an engine's port": parts(listeners=(Listener("tcp", "::", 2375, "dockerd"),)),
    },
}
EDGE, RELEASE = good.EDGE, f"{good.EDGE}/releases/0123456789abcdef"
ALIAS = FileState(f"{RELEASE}/internet/parks_www.conf", "file", 0o644, sha256=good.digest("server_name staff.parks"))
STAFF = FileState(f"{RELEASE}/internet/parks_staff.conf", "file", 0o644, sha256=good.digest("server {}"))

# what only another host than web-1 has: test -> host, what it must notice
ELSEWHERE: dict[str, tuple[str, dict[str, Spoil]]] = {
    "the_edge_serves_the_planned_sites_and_no_others": (
        "edge-1",
        {
            "an alias added by hand": entry("folders", ALIAS.path, ALIAS),
            "a vhost more": entry("folders", STAFF.path, STAFF),
            "a link to a vhost": entry("folders", STAFF.path, FileState(STAFF.path, "link", target="/srv/x")),
            "a file for nginx's http part": entry(
                "folders", f"{RELEASE}/http/x.conf", FileState(f"{RELEASE}/http/x.conf", "file", 0o644)
            ),
            "a vhost less": parts(folders=lambda found: {p: s for p, s in found.items() if "tax_www.conf" not in p}),
            "another release": entry(
                "folders", f"{EDGE}/current", FileState(f"{EDGE}/current", "link", target="releases/fedcba9876543210")
            ),
            "a folder in its place": entry("folders", f"{EDGE}/current", FileState(f"{EDGE}/current", "folder", 0o755)),
            "nothing at all": parts(folders={}),
            "a release that nginx never read": entry(
                "folders", f"{EDGE}/releases/.taken-over",
                FileState(f"{EDGE}/releases/.taken-over", "file", 0o644, sha256=good.digest("fedcba9876543210")),
            ),
            "a file beside the releases": entry("folders", f"{EDGE}/x", FileState(f"{EDGE}/x", "file", 0o644)),
        },
    ),
}  # fmt: skip
CASES = [(name, words, spoil) for name, cases in SPOILED.items() for words, spoil in cases.items()]


@pytest.mark.parametrize("host", [host.name for host in good.PLAN.hosts])
@pytest.mark.parametrize("name", TESTS)
def test_a_host_as_planned_has_no_findings(name: str, host: str) -> None:
    assert not look(name, good.snapshot(host))


@pytest.mark.parametrize(("name", "spoil"), [(n, s) for n, _, s in CASES], ids=[f"{n}: {w}" for n, w, _ in CASES])
def test_a_spoiled_host_is_found(name: str, spoil: Spoil) -> None:
    assert look(name, spoil(good.snapshot("web-1")))


@pytest.mark.parametrize(
    ("name", "host", "spoil"),
    [
        pytest.param(name, host, spoil, id=f"{name}: {words}")
        for name, (host, cases) in ELSEWHERE.items()
        for words, spoil in cases.items()
    ],
)
def test_a_spoiled_host_of_another_kind_is_found(name: str, host: str, spoil: Spoil) -> None:
    assert look(name, spoil(good.snapshot(host)))


def test_every_test_has_something_that_it_finds() -> None:
    assert SPOILED.keys() | ELSEWHERE.keys() == TESTS.keys()


@pytest.mark.parametrize("name", TESTS)
def test_an_unread_host_is_never_as_planned(name: str) -> None:
    host = ELSEWHERE[name][0] if name in ELSEWHERE else "web-1"
    with pytest.raises(UnreadError):
        look(name, unread(good.snapshot(host)))
