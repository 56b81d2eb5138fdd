"""A snapshot of a host of the small centre that is in every way as planned: what tests spoil one thing of."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cache

from idc.live.nft import Chain, Ruleset, Table
from idc.live.snapshot import (
    Attachment,
    ContainerState,
    Engine,
    FileState,
    Link,
    Listener,
    MountState,
    NetworkState,
    Part,
    Route,
    Snapshot,
    Traffic,
    TrafficClass,
    Unit,
    VolumeState,
)
from idc.live.suite import Context
from idc.plan.stacks import stack_input
from idc.plan.types import Container, Mount, Plan, Segment, Stack
from idc.render.bandwidth import redirects
from idc.render.edge import edge
from idc.render.host_files import host_files
from tests.unit.live import tc
from tests.unit.live.plans import PLAN as BARE

STATION = "0a1b2c3d"
STACKS = (
    Stack("platform", "platform", ("edge-1",)),
    Stack("tenant-parks", "tenant", ("web-1", "web-2")),
    Stack("tenant-tax", "tenant", ("web-1",)),
)
EDGE = "/var/lib/idc/edge"
CONTAINERS = tuple(
    replace(c, mounts=(Mount("folder", EDGE, "/etc/idc-edge", read_only=True),)) if c.image == "edge" else c
    for c in BARE.containers
)
PLAN = replace(BARE, stacks=STACKS, containers=CONTAINERS)
DROP = '{"name":"%s","type":"filter","hook":"%s","prio":0,"policy":"drop"}'
LAST = '{"expr":[{"counter":"denied"},{"drop":null}]}'
RULE = '{"expr":[{"match":{"right":{"payload":{"field":"saddr"}}}},{"accept":null}]}'


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def rules() -> Ruleset:
    """Our table with its four dropping chains."""
    hooks = {"antispoof": "prerouting", "forward": "forward", "input": "input", "output": "output"}
    chains = {name: Chain(DROP % (name, hook), (RULE, LAST)) for name, hook in hooks.items()}
    return Ruleset({"inet idc": Table(chains, {}, frozenset())})


@cache
def _labels() -> dict[str, dict[str, str]]:
    found = {}
    for stack in PLAN.stacks:
        document = stack_input(PLAN, stack.name)
        for entry in (*document["containers"], *document["networks"], *document["volumes"]):
            found[entry.get("docker_name", entry["name"])] = {**entry["labels"], "idc.station": STATION}
    return found


def container(plan: Plan, planned: Container) -> ContainerState:
    """A planned container as its engine should show it."""
    name = planned.docker_name()
    return ContainerState(
        name=name, id=digest(name), image=planned.image_id, running=True, status="running", health="healthy",
        restarts=0,
        labels=_labels()[name], env={key: digest(value) for key, value in planned.env.items()},
        command=planned.command, user=planned.user, read_only=True, privileged=False,
        capabilities_added=planned.capabilities, capabilities_dropped=("ALL",), security=("no-new-privileges:true",),
        memory=planned.memory, memory_swap=planned.memory, nano_cpus=round(planned.cpus * 1e9), pids=planned.pids,
        tmpfs={line.partition(":")[0]: "" for line in planned.tmpfs},
        mounts=tuple(
            MountState("bind" if m.kind == "folder" else "volume", m.source, m.target, m.read_only)
            for m in planned.mounts
        ),
        network_mode=planned.segment, ipc_mode="private", pid_mode="", uts_mode="", userns_mode="",
        networks=(
            Attachment(planned.segment, str(planned.address()), str(planned.address6_a) if planned.address6_a else ""),
        ),
        published=(), devices=(), restart="unless-stopped", health_test=(), log_driver="json-file",
        log_options={"max-size": "10m"},
    )  # fmt: skip


def network(plan: Plan, segment: Segment) -> NetworkState:
    """A segment as its engine should show it."""
    pools = [(str(segment.subnet), str(segment.gateway))]
    if segment.subnet6 and segment.gateway6:
        pools.append((str(segment.subnet6), str(segment.gateway6)))
    return NetworkState(
        name=segment.name, driver="bridge", internal=False, ipv6=segment.subnet6 is not None, subnets=tuple(pools),
        options={
            "com.docker.network.bridge.name": segment.bridge,
            "com.docker.network.bridge.enable_ip_masquerade": "false",
        },
        labels=_labels()[segment.name],
        containers=tuple(c.docker_name() for c in plan.containers if c.segment == segment.name),
    )  # fmt: skip


def engine(plan: Plan, host: str) -> Engine:
    """All that is planned on a host's engine."""
    labels = _labels()
    return Engine(
        "20.10.24",
        tuple(container(plan, entry) for entry in plan.on(host)),
        tuple(network(plan, segment) for segment in plan.segments if segment.host == host),
        tuple(VolumeState(v.name, "local", labels[v.name], {}) for v in plan.volumes if v.host == host),
    )


def links(plan: Plan, host: str) -> tuple[Link, ...]:
    """The host's interfaces and bridges."""
    found = [Link("lo", "", up=True, master="", addresses=("127.0.0.1/8", "::1/128"))]
    for interface in plan.host_by_name[host].interfaces:
        six = (str(interface.address6),) if interface.address6 else ()
        found.append(Link(interface.name, "veth", up=True, master="", addresses=(str(interface.address), *six)))
    for segment in plan.segments:
        if segment.host == host:
            six = (f"{segment.gateway6}/64",) if segment.subnet6 else ()
            found.append(Link(segment.bridge, "bridge", up=True, master="", addresses=(f"{segment.gateway}/28", *six)))
    return tuple(found)


def routes(plan: Plan, host: str) -> tuple[Route, ...]:
    """Routes to the other hosts, and nowhere for the rest."""
    ours = [
        Route(str(block), str(other.address), "uplink", "main", "73", "unicast")
        for other in plan.hosts
        if other.name != host
        for block in other.blocks
    ]
    return (*ours, Route(str(plan.prefix), "", "", "main", "73", "blackhole"))


def traffic(plan: Plan, host: str) -> Traffic:
    """The tenants' classes."""
    machine = plan.host_by_name[host]
    planned = redirects(plan, host)
    links = ("uplink", *sorted({entry.device for entries in planned.values() for entry in entries} - {""}))
    classes = []
    for link in links:
        classes.append(TrafficClass(link, "1:ffff", "root", machine.uplink, machine.uplink))
        classes += [
            TrafficClass(link, f"1:{share.class_id:x}", "1:ffff", share.rate, share.ceil)
            for share in plan.bandwidth
            if share.host == host
        ]
    filters = {f"{link} egress": tc.shown(entries) for link, entries in planned.items()}
    return Traffic(tuple(classes), filters, tuple((link, "htb", "1:", True) for link in links))


def folders(host: str) -> dict[str, FileState]:
    """What lies below /var/lib/idc: on the edge's host the release that is served."""
    found = {"/var/lib/idc": FileState("/var/lib/idc", "folder", 0o755)}
    if host == "edge-1":
        root = f"{EDGE}/releases/0123456789abcdef"
        states = [
            FileState(f"{EDGE}/current", "link", 0o777, target="releases/0123456789abcdef"),
            FileState(f"{EDGE}/releases", "folder", 0o755),
            FileState(f"{EDGE}/releases/.taken-over", "file", 0o644, sha256=digest("0123456789abcdef")),
            FileState(f"{EDGE}/releases/fedcba9876543210/internet/old.conf", "file", 0o644),  # kept to go back to
            FileState(f"{root}/internet", "folder", 0o755),
            *(FileState(f"{root}/{path}", "file", 0o644, sha256=digest(text)) for path, text in edge(PLAN).items()),
        ]
        found |= {state.path: state for state in states}
    return found


@cache
def snapshot(host: str) -> Snapshot:
    """A host that is in every way as planned."""
    plan = PLAN
    names = [link.name for link in links(plan, host)]
    six = host == "edge-1"
    sysctls = {
        "net/ipv4/ip_forward": "1",
        "net/ipv6/conf/all/forwarding": "1" if six else "0",
        "net/ipv4/conf/all/accept_redirects": "0",
        "net/bridge/bridge-nf-call-iptables": "1",
        "net/bridge/bridge-nf-call-ip6tables": "1",
    }
    for name in names:
        sysctls |= {
            f"net/ipv4/conf/{name}/{key}": "0" for key in ("route_localnet", "accept_source_route", "proxy_arp")
        }
        sysctls |= {f"net/ipv6/conf/{name}/{key}": "0" for key in ("proxy_ndp", "accept_ra")}
    files = host_files(plan, host)
    units = ("idc-firewall", "idc-firewall-watch", "idc-routes", "idc-bandwidth", "docker", "idc-links")
    state = {
        f"{unit}.service": Unit(f"{unit}.service", "loaded", "active", "running", "enabled", stale=False)
        for unit in units
    }
    state["nftables.service"] = Unit("nftables.service", "masked", "inactive", "dead", "masked", stale=False)
    return Snapshot(
        host=host, began=1.0, ended=2.0, boot=Part("boot"), kernel="6.1", rules=Part(rules()), expected=Part(rules()),
        iptables=Part(""), ip6tables=Part(""), legacy=Part({}), links=Part(links(plan, host)),
        routes=Part(routes(plan, host)), policy_routes=Part(()), traffic=Part(traffic(plan, host)), xfrm=Part(""),
        sysctls=Part(sysctls), units=Part(state),
        listeners=Part((Listener("tcp", "0.0.0.0", 22, "sshd"), Listener("udp", "127.0.0.1", 323, "chronyd"))),
        sshd=Part(
            {
                "passwordauthentication": "no", "kbdinteractiveauthentication": "no", "permitemptypasswords": "no",
                "hostbasedauthentication": "no", "permitrootlogin": "without-password", "x11forwarding": "no",
                "allowtcpforwarding": "local", "allowagentforwarding": "no", "gatewayports": "no", "permittunnel": "no",
                "permituserenvironment": "no",
            }
        ),
        files=Part({path: FileState(path, "file", 0o600, sha256=digest(text)) for path, text in files.items()}),
        folders=Part(folders(host)),
        roles=Part({"base": "1"}), engine=Part(engine(plan, host)), conntrack=Part(10),
    )  # fmt: skip


@cache
def context() -> Context:
    """A run over the small centre."""
    files = {h.name: {path: digest(text) for path, text in host_files(PLAN, h.name).items()} for h in PLAN.hosts}
    return Context(PLAN, {h.name: snapshot(h.name) for h in PLAN.hosts}, {}, None, STATION, files)
