"""Services of the hosts, and how they are reached."""

from __future__ import annotations

from idc.live.snapshot import Snapshot
from idc.live.suite import Checks, control
from idc.plan.types import Plan

WANTED = (
    "idc-firewall.service",
    "idc-firewall-watch.service",
    "idc-routes.service",
    "idc-bandwidth.service",
    "docker.service",
)
LAB_WANTED = ("idc-links.service",)

# sshd -T prints its keywords in small letters.
SSHD = {
    "passwordauthentication": {"no"},
    "kbdinteractiveauthentication": {"no"},
    "permitemptypasswords": {"no"},
    "hostbasedauthentication": {"no"},
    "permitrootlogin": {"no", "without-password", "prohibit-password"},
    "x11forwarding": {"no"},
    "allowtcpforwarding": {"local"},
    "allowagentforwarding": {"no"},
    "gatewayports": {"no"},
    "permittunnel": {"no"},
    "permituserenvironment": {"no"},
}


@control("8.1.3.2 a")
def test_units_run_and_come_back_after_a_restart(snapshot: Snapshot, plan: Plan, checks: Checks) -> None:
    """Packet rules, routes, bandwidth and the engine run, and start by themselves."""
    found = snapshot.units.value
    lab = plan.host_by_name[snapshot.host].is_lab
    for name in (*WANTED, *(LAB_WANTED if lab else ())):
        unit = found.get(name)
        checks.that(unit is not None and unit.load == "loaded", name, "is not there")
        if unit is None or unit.load != "loaded":
            continue
        checks.that(unit.active == "active", name, f"is {unit.active} ({unit.sub})")
        checks.that(
            unit.enabled in ("enabled", "static"), name, f"is {unit.enabled or 'not enabled'}: a restart loses it"
        )
        checks.that(not unit.stale, name, "runs by an older file than the one that lies there")


def test_nothing_else_loads_packet_rules(snapshot: Snapshot, checks: Checks) -> None:
    """Debian's nftables.service, which flushes every table, cannot start."""
    unit = snapshot.units.value.get("nftables.service")
    if unit is None or unit.load in ("not-found", "masked"):
        checks.that(True, "nftables.service", "")
        return
    checks.that(unit.active == "inactive", "nftables.service", f"is {unit.active}")
    checks.that(unit.enabled in ("disabled", "masked"), "nftables.service", f"is {unit.enabled}: a restart starts it")


@control("8.1.4.1 a")
def test_ssh_lets_in_by_key_only_and_forwards_no_port(snapshot: Snapshot, checks: Checks) -> None:
    """The SSH server lets administrators in by key only, and forwards no port."""
    found = snapshot.sshd.value
    for keyword, good in SSHD.items():
        value = found.get(keyword, "")
        checks.that(value in good, f"sshd {keyword}", f"is {value or 'not set'}, must be {' or '.join(sorted(good))}")


@control("8.1.4.4 b")
def test_hosts_listen_on_nothing_but_what_is_planned(snapshot: Snapshot, plan: Plan, checks: Checks) -> None:
    """No port of the host listens but those that its rules name."""
    planned = {(r.protocol, r.port) for r in plan.host_rules if r.host == snapshot.host and r.direction == "in"}
    planned.add(("tcp", 22))  # the way in, where there is one; the packet rules say from where
    listeners = snapshot.listeners.value
    checks.looked += 1  # that the list of sockets was read
    for listener in listeners:
        inner = listener.address.startswith("127.") or listener.address in ("::1", "[::1]")
        subject = f"{listener.program or 'somebody'} on {listener.address}:{listener.port}/{listener.protocol}"
        checks.that(inner or (listener.protocol, listener.port) in planned, subject, "listens and nobody declared it")
