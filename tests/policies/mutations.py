"""Mutations of the good centre: what somebody could change, and the policies that must refuse it.

Each is one change of one thing. A policy that no mutation needs is a defect, and so is a mutation that all let pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from idc.policy import CONTAINER, NETWORK, VOLUME, Resource, View
from tests.policies.mutation import Mutation
from tests.policies.mutations_declared import declared
from tests.policies.mutations_planned import planned
from tests.policies.reference import changed, plan, prop, resources, view

APP, DATABASE, EDGE = "tax-file-app-a", "tax-file-database-a", "edge-a"
SEGMENT, EDGE_SEGMENT = "tax-file-web", "edge"
OPTION = "com.docker.network.bridge."


def container(words: str, *kills: str, of: str = APP, **props: Any) -> Mutation:
    return Mutation(words, kills, lambda: view(changed(of, "container", **props)))


def network(words: str, *kills: str, of: str = SEGMENT, **props: Any) -> Mutation:
    return Mutation(words, kills, lambda: view(changed(of, "network", **props)))


def option(words: str, *kills: str, **options: str) -> Mutation:
    def make() -> View:
        given = {**prop(SEGMENT, "network", "options"), **{f"{OPTION}{key}": value for key, value in options.items()}}
        return view(changed(SEGMENT, "network", options={key: value for key, value in given.items() if value}))

    return Mutation(words, kills, make)


def ipam(words: str, *kills: str, of: str = SEGMENT, **config: Any) -> Mutation:
    def make() -> View:
        first, *rest = prop(of, "network", "ipamConfigs")
        return view(changed(of, "network", ipamConfigs=[{**first, **config}, *rest]))

    return Mutation(words, kills, make)


def mount(words: str, *kills: str, of: str = APP, number: int = 0, **more: Any) -> Mutation:
    def make() -> View:
        mounts = [dict(each) for each in prop(of, "container", "mounts")]
        mounts[number].update(more)
        return view(changed(of, "container", mounts=mounts))

    return Mutation(words, kills, make)


def attached(words: str, *kills: str, **more: Any) -> Mutation:
    def make() -> View:
        (only,) = prop(APP, "container", "networksAdvanced")
        return view(changed(APP, "container", networksAdvanced=[{**only, **more}]))

    return Mutation(words, kills, make)


def labelled(words: str, *kills: str, of: str = APP, kind: str = "container", **labels: str) -> Mutation:
    def make() -> View:
        given = {each["label"]: each["value"] for each in prop(of, kind, "labels")}
        given |= {f"idc.{key}": value for key, value in labels.items()}
        pairs = [{"label": key, "value": value} for key, value in given.items() if value]
        return view(changed(of, kind, labels=pairs))

    return Mutation(words, kills, make)


def added(words: str, *kills: str, kind: str, name: str, stack: str = "tenant-tax") -> Mutation:
    return Mutation(words, kills, lambda: view((*resources(), Resource(kind, name, stack, {}))))


def _second_network() -> View:
    (only,) = prop(APP, "container", "networksAdvanced")
    other = {"name": "tax-file-data", "ipv4Address": "10.64.32.38", "aliases": []}
    return view(changed(APP, "container", networksAdvanced=[only, other]))


def _same_subnet() -> View:
    other = prop("civil-affairs-www-web", "network", "ipamConfigs")
    bridge = prop("civil-affairs-www-web", "network", "options")
    moved = changed(SEGMENT, "network", ipamConfigs=other, options=bridge)
    (only,) = prop(APP, "container", "networksAdvanced")
    props = {"networksAdvanced": [{**only, "ipv4Address": "10.64.16.6"}]}
    return view(tuple(replace(r, props={**r.props, **props}) if r.name == APP else r for r in moved))


def _second_writer() -> View:
    data = prop(DATABASE, "container", "mounts")
    mine = [*prop(APP, "container", "mounts"), next(each for each in data if each["type"] == "volume")]
    return view(changed(APP, "container", mounts=mine))


def _at_the_database() -> View:
    return view(changed(APP, "container", networksAdvanced=prop(DATABASE, "container", "networksAdvanced")))


def _without_prefix() -> View:
    return replace(view(), prefix=None)


def _of_another_centre() -> View:
    return replace(view(), prefix=plan("intranet").prefix)


UNCONFINED = ["no-new-privileges:true", "seccomp=unconfined"]


def containers() -> Iterator[Mutation]:
    """Mutations of containers."""
    yield container("privileged", "hardening.privileged", privileged=True)
    yield container("the host's network", "hardening.namespaces", networkMode="host")
    yield container("another container's network", "hardening.namespaces", networkMode="container:edge-a")
    yield container("a network mode that is not known", "hardening.namespaces", networkMode=None)
    yield container("the host's processes", "hardening.namespaces", pidMode="host")
    yield container("the host's shared memory", "hardening.namespaces", ipcMode="host")
    yield container("no user namespace", "hardening.namespaces", usernsMode="host")
    yield container("the host's control groups", "hardening.namespaces", cgroupnsMode="host")
    yield container("a published port", "hardening.ports", ports=[{"internal": 8080, "external": 80}])
    yield container("all ports published", "hardening.ports", publishAllPorts=True)
    yield container("capabilities not dropped", "hardening.capabilities", capabilities={"adds": []})
    yield container("no word about capabilities", "hardening.capabilities", capabilities=None)
    yield container(
        "a capability added", "hardening.capabilities", capabilities={"drops": ["ALL"], "adds": ["CAP_SYS_ADMIN"]}
    )
    yield container("a writable root", "hardening.filesystem", readOnly=False)
    yield container("programs in a folder in memory", "hardening.filesystem", tmpfs={"/tmp": "rw,exec"})
    yield container("privileges may be gained", "hardening.confinement", securityOpts=["no-new-privileges:false"])
    yield container("no word about privileges", "hardening.confinement", securityOpts=None)
    yield container("no filter of system calls", "hardening.confinement", securityOpts=UNCONFINED)
    yield container(
        "no mandatory access control", "hardening.confinement", securityOpts=[UNCONFINED[0], "apparmor=unconfined"]
    )
    yield container("root by number", "hardening.user", user="0:0")
    yield container("root in another spelling", "hardening.user", user="00:0")
    yield container("the group of root", "hardening.user", user="10082:0")
    yield container("a user by name", "hardening.user", user="postgres")
    yield container("no word about the user", "hardening.user", user=None)
    yield container("the group of root besides", "hardening.user", groupAdds=["0"])
    yield container("a disk of the host", "hardening.devices", devices=[{"hostPath": "/dev/sda"}])
    yield container("graphics processors", "hardening.devices", gpus="all")
    yield container("devices by request", "hardening.devices", deviceRequests=[{"count": -1}])
    yield container("devices allowed by rule", "hardening.devices", deviceCgroupRules=["c *:* rmw"])
    yield container("forwarding inside the container", "hardening.kernel", sysctls={"net.ipv4.ip_forward": "1"})
    yield container("an image by name", "hardening.image", image="filing:latest")
    yield container("an image by an id that is cut short", "hardening.image", image="sha256:0123")
    yield container("an image that no plan knows", "provenance.image", image=f"sha256:{'f' * 64}")
    yield container("another container's image", "provenance.image", image=prop(EDGE, "container", "image"))
    yield container("an image that is not known yet", "hardening.image", image=None)
    yield container("another runtime", "hardening.unknown", runtime="unconfined-runtime")
    yield container("names of others in its hosts file", "hardening.unknown", hosts=[{"host": "a", "ip": "10.64.0.2"}])
    yield container("a name server of its own", "hardening.unknown", dns=["192.0.2.53"])
    yield container("a control group outside its limits", "hardening.unknown", cgroupParent="/")
    yield container("a file put in by the provider", "hardening.unknown", uploads=[{"file": "/etc/passwd"}])
    yield container("a property of tomorrow", "hardening.unknown", hostEverything=True)


def limits() -> Iterator[Mutation]:
    """Mutations of limits, logs and restarts."""
    yield container("no memory limit", "limits.resources", memory=None)
    yield container("swap without end", "limits.resources", memorySwap=-1)
    yield container("no processor limit", "limits.resources", cpus="0")
    yield labelled("no limit of processes", "limits.resources", pids="")
    yield labelled("processes without end", "limits.resources", pids="-1")
    yield container("logs to nowhere", "limits.logs", logDriver="none")
    yield container("logs without bound", "limits.logs", logOpts={})
    yield container("logs of a terabyte", "limits.logs", logOpts={"max-size": "1024g", "max-file": "3"})
    yield container("no restart", "limits.restart", restart="no")
    yield container("no word about restarts", "limits.restart", restart=None)
    yield container("it need not run", "limits.restart", mustRun=False)


def mounts() -> Iterator[Mutation]:
    """Mutations of mounts and volumes."""
    yield mount("the engine's socket", "mounts.folders", source="/var/run/docker.sock")
    yield mount("another tenant's secrets", "mounts.folders", source="/var/lib/idc/secrets/personnel-staff-web")
    yield mount("the secrets of its own database", "mounts.folders", source="/var/lib/idc/secrets/tax-file-database")
    yield mount("everybody's secrets", "mounts.folders", source="/var/lib/idc/secrets")
    yield mount("all of idc's folder", "mounts.folders", source="/var/lib/idc/")
    yield mount("its secrets by a way around", "mounts.folders", source="/var/lib/idc/secrets/tax-file-app/../x")
    yield mount("the edge's folder", "mounts.folders", source="/var/lib/idc/edge")
    yield mount("its own secrets, to write", "mounts.folders", readOnly=False)
    yield mount("a mount of a kind that is not known", "mounts.folders", type="npipe")
    yield mount("shared propagation", "mounts.other", bindOptions={"propagation": "rshared"})
    yield mount("a driver inside a mount", "mounts.other", volumeOptions={"driverName": "nfs"})
    yield container("a folder by the older way", "mounts.other", volumes=[{"hostPath": "/", "containerPath": "/host"}])
    yield container("another's volumes", "mounts.other", volumes=[{"fromContainer": "edge-a"}])
    yield mount("another tenant's volume", "mounts.volumes", of=DATABASE, source="personnel-staff-content")
    yield mount("another site's volume", "mounts.volumes", of=DATABASE, source="tax-www-content")
    yield Mutation("two containers write to one volume", ("mounts.one-writer",), _second_writer)
    yield Mutation(
        "a volume that is the host's root", ("mounts.driver",),
        lambda: view(changed("tax-www-content", "volume", driverOpts={"type": "none", "o": "bind", "device": "/"})),
    )  # fmt: skip
    yield Mutation(
        "a volume of another driver", ("mounts.driver",),
        lambda: view(changed("tax-www-content", "volume", driver="sshfs")),
    )  # fmt: skip


def networks() -> Iterator[Mutation]:
    """Mutations of segments and of how containers are attached to them."""
    yield Mutation("a second network", ("networks.one-segment",), _second_network)
    yield container("no network", "networks.one-segment", networksAdvanced=[])
    yield attached("another tenant's segment", "networks.one-segment", name="personnel-staff-web")
    yield attached("no fixed address", "networks.one-segment", ipv4Address="")
    yield attached("the gateway's address", "networks.one-segment", ipv4Address="10.64.32.17")
    yield attached("another segment's address", "networks.one-segment", ipv4Address="10.64.32.38")
    yield attached("further addresses", "networks.one-segment", linkLocalIps=["169.254.169.254"])
    yield network("an overlay", "networks.bridge", driver="overlay")
    yield network("macvlan", "networks.bridge", driver="macvlan")
    yield network("a driver that is not known", "networks.bridge", driver=None)
    yield network("attachable", "networks.bridge", attachable=True)
    yield network("internal", "networks.bridge", internal=True)
    yield network("ingress", "networks.bridge", ingress=True)
    yield option("masquerading", "networks.options", enable_ip_masquerade="true")
    yield option("masquerading by default", "networks.options", enable_ip_masquerade="")
    yield option("no address of the host", "networks.options", inhibit_ipv4="true")
    yield option("a default bridge", "networks.options", default_bridge="true")
    yield option("ports bound to an address", "networks.options", host_binding_ipv4="0.0.0.0")
    yield network("addresses from elsewhere", "networks.options", ipamDriver="dhcp")
    yield ipam("a subnet outside", "networks.prefix", subnet="192.168.7.0/28", gateway="192.168.7.1")
    yield ipam("a range inside the subnet", "networks.prefix", ipRange="10.64.32.16/30")
    yield ipam("another gateway", "networks.prefix", gateway="10.64.32.30")
    yield network("no subnet", "networks.prefix", ipamConfigs=[])
    yield option("a bridge of another name", "networks.prefix", name="docker0")
    yield Mutation("a prefix that is not known", ("networks.prefix",), _without_prefix)
    yield Mutation("another centre's prefix", ("networks.prefix",), _of_another_centre)
    yield Mutation("a sibling's address", ("networks.sibling",), _at_the_database)
    yield Mutation("another tenant's subnet", ("networks.overlap",), _same_subnet)
    yield ipam("a subnet around others", "networks.overlap", subnet="10.64.32.0/24", gateway="10.64.32.1")
    yield network("IPv6 inside the centre", "networks.ipv6", ipv6=True)
    yield network("no IPv6 where it was planned", "networks.ipv6", of=EDGE_SEGMENT, ipv6=False)


def ownership() -> Iterator[Mutation]:
    """Mutations of labels and of what there is at all."""
    yield labelled("a container without an owner", "ownership.labels", owner="")
    yield labelled("a container of another tenant", "ownership.labels", tenant="personnel")
    yield labelled("a platform's name on a tenant's volume", "ownership.labels", of="tax-www-content", kind="volume",
                   owner="service/edge")  # fmt: skip
    yield labelled("a segment of another stack", "ownership.labels", of=SEGMENT, kind="network", stack="platform")
    yield labelled("no hash of what was planned", "ownership.labels", digest="")
    yield container("another name on the engine", "ownership.labels", name="edge-a")
    yield container("no labels", "ownership.labels", labels=None)
    yield added("a service of a swarm", "ownership.kinds", kind="docker:index/service:Service", name="more")
    yield added("a command on this machine", "ownership.kinds", kind="command:local:Command", name="more")
    yield added("a container that is in no plan", "provenance.image", kind=CONTAINER, name="more-a")
    yield added("a container without anything", "hardening.image", kind=CONTAINER, name="more")
    yield added("a network without anything", "networks.prefix", kind=NETWORK, name="more")
    yield added("a volume without anything", "ownership.labels", kind=VOLUME, name="more")


def all_mutations() -> Mapping[str, Mutation]:
    """Every mutation by its words."""
    found = [*containers(), *limits(), *mounts(), *networks(), *ownership(), *planned(), *declared()]
    by_words = {mutation.words: mutation for mutation in found}
    assert len(by_words) == len(found), "two mutations have the same words"
    return by_words
