"""Bandwidth in a real kernel: two tenants that contend get what is theirs, one alone may borrow up to its limit."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from idc import paths
from idc.plan.types import Bandwidth, Plan
from idc.render import bandwidth, firewall
from tests.roles.namespaces import Namespaces
from tests.unit.render.small_plan import PLAN

pytestmark = pytest.mark.live

TAX, PARKS = ("tax-www-web-a", "10.64.16.2"), ("parks-www-web-a", "10.64.16.50")
SCRIPT = str(paths.resources() / "roles/bandwidth/files/idc-bandwidth")
SECONDS = 2.5
MBIT = 1_000_000


def plan_with(tax: tuple[int, int], parks: tuple[int, int], uplink: int = 16 * MBIT) -> Plan:
    """The small centre with (rate, ceil) of its tenants on web-1 and a narrow uplink."""
    shares = {"tax": tax, "parks": parks}

    def share(entry: Bandwidth) -> Bandwidth:
        rate, ceil = shares[entry.tenant]
        return replace(entry, rate=rate, ceil=ceil)

    hosts = tuple(replace(host, uplink=uplink) if host.name == "web-1" else host for host in PLAN.hosts)
    return replace(
        PLAN, hosts=hosts, bandwidth=tuple(share(entry) for entry in PLAN.bandwidth if entry.host == "web-1")
    )


@pytest.fixture(scope="module")
def centre() -> Iterator[Namespaces]:
    namespaces = Namespaces(PLAN)
    try:
        namespaces.build()
        for host in PLAN.hosts:
            namespaces.load(host.name, firewall(PLAN, host.name))
        yield namespaces
    finally:
        namespaces.destroy()


def apply(centre: Namespaces, plan: Plan, folder: Path) -> None:
    file = folder / "bandwidth"
    file.write_text(bandwidth(plan, "web-1"))
    centre.run("web-1", "env", f"IDC_BANDWIDTH={file}", SCRIPT, "apply")


def rates(centre: Namespaces, *senders: tuple[str, str], upload: bool = False) -> list[float]:
    """Bits per second that each sender gets through to the edge (or, uploading, from it), all at the same time."""
    received = [0.0] * len(senders)
    stop = threading.Event()
    begin = threading.Barrier(2 * len(senders) + 1)

    def send(end: socket.socket) -> None:
        begin.wait()
        block = bytes(64 << 10)
        while not stop.is_set():
            try:
                end.send(block)
            except OSError:
                return

    def receive(index: int, end: socket.socket) -> None:
        begin.wait()
        time.sleep(0.5)  # past slow start
        began, count = time.monotonic(), 0
        while (elapsed := time.monotonic() - began) < SECONDS:
            count += len(end.recv(1 << 20))
        received[index] = 8 * count / elapsed
        stop.set()

    threads: list[threading.Thread] = []
    ends: list[socket.socket] = []
    for index, (name, address) in enumerate(senders):
        with centre.listening(name, 8080) as server:
            client = centre.connect("edge-a", address, 8080, patience=4)
            assert client is not None
            connection = server.accept()[0]
        client.settimeout(5)
        connection.settimeout(5)
        ends += [client, connection]
        source, sink = (client, connection) if upload else (connection, client)
        threads.append(threading.Thread(target=send, args=(source,)))
        threads.append(threading.Thread(target=receive, args=(index, sink)))
    for thread in threads:
        thread.start()
    begin.wait()
    for thread in threads[1::2]:
        thread.join()
    for end in ends:
        end.close()
    for thread in threads:
        thread.join()
    return received


def test_a_tenant_is_limited_to_its_ceiling_in_both_directions(centre: Namespaces, tmp_path: Path) -> None:
    apply(centre, plan_with((6 * MBIT, 6 * MBIT), (6 * MBIT, 6 * MBIT)), tmp_path)
    [out] = rates(centre, TAX)
    [into] = rates(centre, TAX, upload=True)
    print(f"limit 6 Mbit/s: {out / MBIT:.2f} out, {into / MBIT:.2f} in")
    assert 4.8 * MBIT < out < 6.6 * MBIT
    assert 4.8 * MBIT < into < 6.6 * MBIT


def test_two_contending_tenants_get_their_guarantees(centre: Namespaces, tmp_path: Path) -> None:
    apply(centre, plan_with((9 * MBIT, 16 * MBIT), (3 * MBIT, 16 * MBIT)), tmp_path)
    tax, parks = rates(centre, TAX, PARKS)
    [alone] = rates(centre, PARKS)
    print(
        f"guaranteed 9 and 3 of 16 Mbit/s: {tax / MBIT:.2f} and {parks / MBIT:.2f}; the second alone {alone / MBIT:.2f}"
    )
    assert tax > 0.85 * 9 * MBIT
    assert parks > 0.85 * 3 * MBIT
    assert tax + parks < 17.6 * MBIT
    assert alone > 12 * MBIT, "what nobody uses is lent"


def test_a_change_touches_only_what_changed(centre: Namespaces, tmp_path: Path) -> None:
    apply(centre, plan_with((2 * MBIT, 2 * MBIT), (2 * MBIT, 2 * MBIT)), tmp_path)
    rates(centre, TAX)
    before = sent(centre, "1:b")
    assert before > 0
    both = plan_with((3 * MBIT, 3 * MBIT), (2 * MBIT, 2 * MBIT))
    apply(centre, replace(both, bandwidth=tuple(b for b in both.bandwidth if b.tenant == "tax")), tmp_path)
    assert sent(centre, "1:b") >= before, "the class was changed in place"
    assert "rate 3Mbit" in centre.run("web-1", "tc", "class", "show", "dev", "uplink")
    assert "1:c" not in centre.run("web-1", "tc", "class", "show", "dev", "uplink"), "the other tenant's class is gone"
    assert "htb" not in centre.run("web-1", "tc", "qdisc", "show", "dev", "br-0a401030")
    assert "htb" in centre.run("web-1", "tc", "qdisc", "show", "dev", "br-0a401000")


def sent(centre: Namespaces, classid: str) -> int:
    lines = centre.run("web-1", "tc", "-s", "class", "show", "dev", "uplink").splitlines()
    index = next(i for i, line in enumerate(lines) if line.startswith(f"class htb {classid} "))
    return int(lines[index + 1].split()[1])


def test_a_bridge_that_is_made_anew_gets_its_classes_back(centre: Namespaces, tmp_path: Path) -> None:
    file = tmp_path / "bandwidth"
    file.write_text(bandwidth(plan_with((2 * MBIT, 2 * MBIT), (2 * MBIT, 2 * MBIT)), "web-1"))
    with subprocess.Popen(
        ["ip", "netns", "exec", centre.prefix + "web-1", "env", f"IDC_BANDWIDTH={file}", SCRIPT, "watch"],
        start_new_session=True, stderr=subprocess.DEVNULL,
    ) as watch:  # fmt: skip
        try:
            limited(centre, "br-0a401020")
            centre.ip("web-1", "link del br-0a401020")
            centre.ip("web-1", "link add br-0a401020 type bridge", "link set br-0a401020 up")
            limited(centre, "br-0a401020")
            centre.run("web-1", "tc", "qdisc", "del", "dev", "uplink", "root")
            centre.ip("web-1", "link set br-0a401020 down", "link set br-0a401020 up")
            limited(centre, "uplink")
        finally:
            subprocess.run(["kill", "--", f"-{watch.pid}"], check=False)


def limited(centre: Namespaces, link: str) -> None:
    """Wait until a link has its classes; fail after a few seconds."""
    for _ in range(50):
        if "class htb 1:b" in centre.run("web-1", "tc", "class", "show", "dev", link):
            return
        time.sleep(0.1)
    pytest.fail(f"{link} has no classes")
