"""The tests of `idc verify` over this machine and the hosts themselves are silent about what is as planned only."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest

from idc.live.snapshot import Attachment, ContainerState, Link, MountState, Route, Snapshot, UnreadError
from idc.live.suite import Checks, NotApplicableError
from idc.plan.types import Plan
from tests.live.verify import test_hosts, test_lab
from tests.unit.live import good
from tests.unit.live.machine import container, machine, network
from tests.unit.live.plans import PLAN
from tests.unit.live.spoil import Spoil, first, less, more, parts, unread


def functions_of(module: ModuleType) -> dict[str, Callable[..., None]]:
    found = inspect.getmembers(module, inspect.isfunction)
    return {name.removeprefix("test_"): function for name, function in found if name.startswith("test_")}


# -- this machine ------------------------------------------------------------------------------------------------------

LAB = functions_of(test_lab)
UPLINK = f"{good.PLAN.slug}-uplink"
HOST = machine().engine.value.containers[0]


def link(**changes: Any) -> Spoil:
    plain = Link("x0", "", up=True, master="", addresses=())
    return parts(links=lambda links: (*links, replace(plain, **changes)))


def on_another(state: ContainerState) -> tuple[Attachment, ...]:
    return (*state.networks, Attachment("other", "", ""))


def route(destination: str) -> Spoil:
    return parts(routes=(Route(destination, "", "x0", "main", "", "unicast"),))


LAB_SPOILED: dict[str, dict[str, Spoil]] = {
    "lab_hosts_are_on_their_own_networks_only": {
        "a host less": less("containers"),
        "a host more": more("containers", container("stray", [UPLINK])),
        "another network": first("containers", networks=on_another),
        "a network less": first("containers", networks=()),
        "stopped": first("containers", running=False),
        "privileged": first("containers", privileged=True),
        "a published port": first("containers", published=("22/tcp",)),
        "a folder of this machine": first("containers", mounts=(MountState("bind", "/", "/x", read_only=True),)),
    },
    "nothing_is_shared_with_another_centre": {
        "a host on another's network": first("containers", networks=on_another),
        "a host with another's volume": first("containers", mounts=(MountState("volume", "x", "/x", read_only=True),)),
        "this machine's network": first("containers", network_mode="host"),
        "this machine's processes": first("containers", pid_mode="host"),
        "this machine's memory": first("containers", ipc_mode="host"),
        "this machine's name": first("containers", uts_mode="host"),
        "memory for all": first("containers", ipc_mode="shareable"),
        "another's processes": first("containers", pid_mode="container:other"),
        "a stranger on a network": more("containers", container("stray", [UPLINK], labels={})),
        "a stranger with a volume": more("containers", container("stray", ["other"], labels={}, mounts=HOST.mounts)),
        **{
            f"a stranger in a host's {kind}": more(
                "containers", container("stray", ["other"], labels={}, **{f"{kind}_mode": f"container:{word}"})
            )
            for kind, word in (("network", HOST.id), ("ipc", HOST.id), ("pid", HOST.name))
        },
        "no lab at all": parts(engine=lambda engine: replace(engine, containers=())),
    },
    "no_bridge_or_address_range_is_anothers_too": {
        "a network less": less("networks"),
        "a network more": more("networks", network("stray", "br-x", "192.0.2.0/24")),
        "another bridge": first("networks", options={}),
        "another range": first("networks", subnets=(("192.0.2.0/24", ""),)),
        "a bridge that is not there": parts(links=lambda links: tuple(e for e in links if e.kind != "bridge")),
        "this machine's card on it": link(name="eth1", master=f"idc-{int(PLAN.hosts[0].address) & ~255:08x}"),
        "another's on the same bridge": more(
            "networks", network("y", machine().engine.value.networks[0].options[test_lab.BRIDGE], labels={})
        ),
        "an overlapping range": more("networks", network("y", "br-y", "10.71.255.128/25", labels={})),
        "an overlapping IPv6 range": more("networks", network("y", "br-y", "2001:db8:113::/56", labels={})),
    },
    "this_machine_has_no_address_among_the_hosts": {
        "an address": link(addresses=("10.71.255.77/24",)),
        "a route": route("10.64.0.0/12"),
    },
}
LAB_CASES = [(name, words, spoil) for name, cases in LAB_SPOILED.items() for words, spoil in cases.items()]


def look(name: str, snapshot: Snapshot, plan: Plan = good.PLAN) -> list[tuple[str, str]]:
    checks = Checks()
    LAB[name](this_machine=snapshot, plan=plan, checks=checks)
    assert checks.looked
    return checks.found


@pytest.mark.parametrize("name", LAB)
def test_a_lab_as_planned_has_no_findings(name: str) -> None:
    assert not look(name, machine())


@pytest.mark.parametrize(
    ("name", "spoil"), [(n, s) for n, _, s in LAB_CASES], ids=[f"{n}: {w}" for n, w, _ in LAB_CASES]
)
def test_a_spoiled_lab_is_found(name: str, spoil: Spoil) -> None:
    assert look(name, spoil(machine()))


@pytest.mark.parametrize("name", LAB)
def test_an_unread_machine_is_never_as_planned_and_machines_of_their_own_need_no_lab(name: str) -> None:
    with pytest.raises(UnreadError):
        look(name, unread(machine()))
    hosts = tuple(replace(host, ssh=host.address) for host in good.PLAN.hosts)
    with pytest.raises(NotApplicableError):
        look(name, machine(), replace(good.PLAN, hosts=hosts))


# -- the hosts themselves ----------------------------------------------------------------------------------------------

HOSTS = functions_of(test_hosts)
UNIT = "systemctl show docker.service --property=Requires,After"
GOOD: Mapping[str, str] = {
    UNIT: "Requires=idc-firewall.service sysinit.target\nAfter=idc-firewall.service network.target",
    "hostname": "web-1.lab",
    "sshd -t": "0",
}


@dataclass(frozen=True)
class FakeHost:
    """As testinfra's, but with answers of its own."""

    answers: Mapping[str, str]
    running: bool = True
    enabled: bool = True
    user: str = "root"
    mode: int = 0o644

    def service(self, _name: str) -> Any:
        return SimpleNamespace(is_running=self.running, is_enabled=self.enabled)

    def check_output(self, command: str) -> str:
        return self.answers[command]

    def run(self, command: str) -> Any:
        return SimpleNamespace(rc=int(self.answers[command]))

    def file(self, _path: str) -> Any:
        return SimpleNamespace(user=self.user, mode=self.mode)

    @property
    def backend(self) -> Any:
        return SimpleNamespace(get_hostname=lambda: "web-1")


FINE = FakeHost(GOOD)
HOSTS_SPOILED: dict[str, dict[str, FakeHost]] = {
    "the_packet_rules_stand": {"stopped": replace(FINE, running=False), "not enabled": replace(FINE, enabled=False)},
    "the_engine_starts_only_behind_the_rules": {
        "not needed": replace(FINE, answers={**GOOD, UNIT: "Requires=\nAfter=idc-firewall.service"}),
        "not after": replace(FINE, answers={**GOOD, UNIT: "Requires=idc-firewall.service\nAfter="}),
    },
    "the_ssh_servers_settings_are_roots": {
        "broken": replace(FINE, answers={**GOOD, "sshd -t": "1"}),
        "somebody's": replace(FINE, user="alice"),
        "for all to write": replace(FINE, mode=0o666),
    },
    "the_host_is_the_one_that_is_meant": {"another": replace(FINE, answers={**GOOD, "hostname": "web-2"})},
}
HOST_CASES = [(name, words, host) for name, cases in HOSTS_SPOILED.items() for words, host in cases.items()]


@pytest.mark.parametrize("name", HOSTS)
def test_a_host_as_planned_passes(name: str) -> None:
    HOSTS[name](host=cast("Any", FINE))


@pytest.mark.parametrize(
    ("name", "host"), [(n, h) for n, _, h in HOST_CASES], ids=[f"{n}: {w}" for n, w, _ in HOST_CASES]
)
def test_a_spoiled_host_does_not(name: str, host: FakeHost) -> None:
    with pytest.raises(AssertionError):
        HOSTS[name](host=cast("Any", host))


def test_every_test_has_something_that_it_finds() -> None:
    assert LAB_SPOILED.keys() == LAB.keys()
    assert HOSTS_SPOILED.keys() == HOSTS.keys()
