"""Bandwidth in a real kernel: a tenant has one limit each way, wherever it passes, and its guarantee beside others."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from idc import paths
from idc.live.redirects import read
from idc.plan.types import Bandwidth, Endpoint, Flow, Plan
from idc.render import bandwidth, firewall
from idc.render.bandwidth import redirects
from tests.roles.namespaces import Namespaces
from tests.unit.render.small_plan import PLAN, segment

pytestmark = pytest.mark.live

SCRIPT = str(paths.resources() / "roles/bandwidth/files/idc-bandwidth")
SECONDS = 2.5
MBIT = 1_000_000


@dataclass(frozen=True)
class Way:
    """A connection on which a server, of a tenant, sends to a client (or is sent to)."""

    server: str
    address: str
    client: str = "edge-a"
    port: int = 8080


TAX, FILE = Way("tax-www-web-a", "10.64.16.2"), Way("tax-file-web-a", "10.64.16.18")
PARKS = Way("parks-www-web-a", "10.64.16.50")
WITHIN = Way("tax-file-data-a", "10.64.16.34", "tax-file-web-a", 5432)


def plan_with(tax: tuple[int, int], parks: tuple[int, int], uplink: int = 16 * MBIT, plan: Plan = PLAN) -> Plan:
    """A centre with (rate, ceil) of its tenants and narrow uplinks."""
    shares = {"tax": tax, "parks": parks}

    def share(entry: Bandwidth) -> Bandwidth:
        rate, ceil = shares[entry.tenant]
        return replace(entry, rate=rate, ceil=ceil)

    hosts = tuple(replace(host, uplink=uplink) for host in plan.hosts)
    return replace(plan, hosts=hosts, bandwidth=tuple(share(entry) for entry in plan.bandwidth))


class Centre(Namespaces):
    """Namespaces with the place where their bandwidth stands."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        super().__init__(plan)
        self.prefix += f"{folder.name[0]}-"  # two centres stand at the same time
        self.folder = folder

    def script(self, host: str, plan: Plan) -> list[str]:
        """The script's words, after its file was written."""
        file = self.folder / f"{host}.bandwidth"
        file.write_text(bandwidth(plan, host))
        return ["env", f"IDC_BANDWIDTH={file}", f"IDC_BANDWIDTH_MARKS={self.folder / host}", SCRIPT]

    def apply(self, plan: Plan, host: str = "web-1") -> None:
        self.run(host, *self.script(host, plan), "apply")


def made(plan: Plan, folder: Path) -> Iterator[Centre]:
    centre = Centre(plan, folder)
    try:
        centre.build()
        for host in plan.hosts:
            centre.load(host.name, firewall(plan, host.name))
        yield centre
    finally:
        centre.destroy()


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Centre]:
    yield from made(PLAN, tmp_path_factory.mktemp("bandwidth"))


def rates(centre: Namespaces, *ways: Way, upload: bool = False) -> list[float]:
    """Bits per second that each server gets through to its client (or, uploading, from it), all at the same time."""
    received = [0.0] * len(ways)
    stop = threading.Event()
    begin = threading.Barrier(2 * len(ways) + 1)

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
        began, count = time.monotonic() + 0.5, 0  # past slow start
        while (elapsed := time.monotonic() - began) < SECONDS:
            data = len(end.recv(1 << 20))
            count += data if elapsed > 0 else 0
        received[index] = 8 * count / elapsed
        stop.set()

    threads: list[threading.Thread] = []
    ends: list[socket.socket] = []
    for index, way in enumerate(ways):
        with centre.listening(way.server, way.port) as server:
            client = centre.connect(way.client, way.address, way.port, patience=4)
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
    print([f"{way.server} {rate / MBIT:.2f} Mbit/s" for way, rate in zip(ways, received, strict=True)])
    return received


BOTH_WAYS = pytest.mark.parametrize("upload", [False, True], ids=["out", "in"])


@BOTH_WAYS
def test_a_tenant_is_limited_to_its_ceiling(centre: Centre, upload: bool) -> None:
    centre.apply(plan_with((6 * MBIT, 6 * MBIT), (6 * MBIT, 6 * MBIT)))
    [found] = rates(centre, TAX, upload=upload)
    assert 4.8 * MBIT < found < 6.6 * MBIT


@BOTH_WAYS
def test_a_tenant_with_several_bridges_has_one_limit(centre: Centre, upload: bool) -> None:
    centre.apply(plan_with((6 * MBIT, 6 * MBIT), (6 * MBIT, 6 * MBIT)))
    www, file, parks = rates(centre, TAX, FILE, PARKS, upload=upload)
    assert 4.8 * MBIT < www + file < 6.6 * MBIT
    assert 4.8 * MBIT < parks < 6.6 * MBIT, "the other tenant has its own"


@BOTH_WAYS
def test_two_contending_tenants_get_their_guarantees(centre: Centre, upload: bool) -> None:
    centre.apply(plan_with((9 * MBIT, 16 * MBIT), (3 * MBIT, 16 * MBIT)))
    www, file, parks = rates(centre, TAX, FILE, PARKS, upload=upload)
    [alone] = rates(centre, PARKS, upload=upload)
    assert www + file > 0.85 * 9 * MBIT
    assert parks > 0.85 * 3 * MBIT
    assert www + file + parks < 17.6 * MBIT
    assert alone > 12 * MBIT, "what nobody uses is lent"


@BOTH_WAYS
def test_what_stays_within_a_tenant_is_not_counted(centre: Centre, upload: bool) -> None:
    centre.apply(plan_with((2 * MBIT, 2 * MBIT), (2 * MBIT, 2 * MBIT)))
    [within] = rates(centre, WITHIN, upload=upload)
    assert within > 40 * MBIT


# -- a host that has the edge too --------------------------------------------------------------------------------------

SHARED_SEGMENTS = (
    next(entry for entry in PLAN.segments if entry.name == "edge"),
    segment("parks-blog-web", "parks", "web-2", "10.64.32.0/28"),
    segment("parks-www-web", "parks", "edge-1", "10.64.0.48/28"),
    segment("tax-file-web", "tax", "edge-1", "10.64.0.32/28"),
    segment("tax-www-web", "tax", "edge-1", "10.64.0.16/28"),
)
ENDS = {entry.name: entry for entry in SHARED_SEGMENTS}


def share(tenant: str, number: int, *names: str) -> Bandwidth:
    own = [ENDS[name] for name in names]
    return Bandwidth(
        tenant, own[0].host, number, MBIT, MBIT, tuple(s.subnet for s in own), tuple(s.bridge for s in own)
    )


def shared_flow(source: str, destination: str) -> Flow:
    ends = [Endpoint(ENDS[s].owner, s, ENDS[s].host, (ENDS[s].subnet,)) for s in (source, destination)]
    return Flow(ends[0], ends[1], "tcp", 8080, "small centre", "8.1.3.2 b", "site")


SHARED = replace(
    PLAN, segments=SHARED_SEGMENTS,
    flows=tuple(
        shared_flow(*names)
        for names in (
            ("edge", "parks-www-web"), ("edge", "tax-www-web"), ("edge", "tax-file-web"),
            ("parks-blog-web", "tax-file-web"),
        )
    ),
    bandwidth=(
        share("parks", 12, "parks-www-web"), share("tax", 11, "tax-www-web", "tax-file-web"),
        share("parks", 12, "parks-blog-web"),
    ),
)  # fmt: skip
TO_EDGE, OVER_UPLINK = Way("tax-www-web-a", "10.64.0.18"), Way("tax-file-web-a", "10.64.0.34", "parks-blog-web-a")
PARKS_TO_EDGE = Way("parks-www-web-a", "10.64.0.50")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Centre]:
    yield from made(SHARED, tmp_path_factory.mktemp("shared"))


@BOTH_WAYS
def test_a_tenant_beside_the_edge_has_one_limit(shared: Centre, upload: bool) -> None:
    """As on a host that has every zone: what goes to the edge never sees an uplink."""
    shared.apply(plan_with((6 * MBIT, 6 * MBIT), (6 * MBIT, 6 * MBIT), plan=SHARED), "edge-1")
    [alone] = rates(shared, TO_EDGE, upload=upload)
    assert 4.8 * MBIT < alone < 6.6 * MBIT
    near, far, parks = rates(shared, TO_EDGE, OVER_UPLINK, PARKS_TO_EDGE, upload=upload)
    assert 4.8 * MBIT < near + far < 6.6 * MBIT
    assert 4.8 * MBIT < parks < 6.6 * MBIT


@BOTH_WAYS
def test_tenants_beside_the_edge_get_their_guarantees(shared: Centre, upload: bool) -> None:
    shared.apply(plan_with((9 * MBIT, 16 * MBIT), (3 * MBIT, 16 * MBIT), plan=SHARED), "edge-1")
    near, far, parks = rates(shared, TO_EDGE, OVER_UPLINK, PARKS_TO_EDGE, upload=upload)
    assert near + far > 0.85 * 9 * MBIT
    assert parks > 0.85 * 3 * MBIT
    assert near + far + parks < 17.6 * MBIT


# -- changes -----------------------------------------------------------------------------------------------------------


def test_a_change_touches_only_what_changed(centre: Centre) -> None:
    centre.apply(plan_with((2 * MBIT, 2 * MBIT), (2 * MBIT, 2 * MBIT)))
    rates(centre, TAX)
    before = sent(centre, "1:b")
    assert before > 0
    kept = filters(centre, "br-0a401000", "-s")
    both = plan_with((3 * MBIT, 3 * MBIT), (2 * MBIT, 2 * MBIT))
    centre.apply(replace(both, bandwidth=tuple(b for b in both.bandwidth if b.tenant == "tax")))
    assert sent(centre, "1:b") >= before, "the class was changed in place"
    assert filters(centre, "br-0a401000", "-s").split("installed")[0] == kept.split("installed")[0]
    assert "Sent 0 bytes" not in filters(centre, "br-0a401000", "-s"), "its filters are those that stood"
    for link in ("uplink", "idc-in"):
        classes = centre.run("web-1", "tc", "class", "show", "dev", link)
        assert "rate 3Mbit" in classes
        assert "1:c" not in classes, "the other tenant's class is gone"
    assert "clsact" not in centre.run("web-1", "tc", "qdisc", "show", "dev", "br-0a401030")
    assert "clsact" in centre.run("web-1", "tc", "qdisc", "show", "dev", "br-0a401000")


def test_what_is_changed_by_hand_is_put_again(centre: Centre) -> None:
    wanted = plan_with((2 * MBIT, 2 * MBIT), (2 * MBIT, 2 * MBIT))
    centre.apply(wanted)
    planned = redirects(wanted, "web-1")["br-0a401000"]
    assert read(filters(centre, "br-0a401000")) == planned
    centre.run("web-1", "tc", "filter", "del", "dev", "br-0a401000", "egress")
    assert read(filters(centre, "br-0a401000")) == ()
    centre.apply(wanted)
    assert read(filters(centre, "br-0a401000")) == planned
    centre.ip("web-1", "link del idc-in")
    assert read(filters(centre, "br-0a401000")) != planned, "it leads nowhere"
    centre.apply(wanted)
    assert read(filters(centre, "br-0a401000")) == planned
    assert rates(centre, TAX, upload=True)[0] < 2.2 * MBIT


def test_the_kernels_filters_are_read_as_what_was_rendered(shared: Centre, centre: Centre) -> None:
    for place, plan, host in ((shared, SHARED, "edge-1"), (centre, PLAN, "web-1")):
        place.apply(plan, host)
        planned = redirects(plan, host)
        assert planned
        for link, entries in planned.items():
            assert read(place.run(host, "tc", "filter", "show", "dev", link, "egress")) == entries
            for other in ("ingress", ""):
                assert place.run(host, "tc", "filter", "show", "dev", link, *other.split()).strip() == ""


def test_the_devices_have_no_addresses(shared: Centre) -> None:
    shared.sysctl("edge-1", "net/ipv6/conf/default/disable_ipv6", 0)
    shared.apply(replace(SHARED, bandwidth=()), "edge-1")
    shared.apply(SHARED, "edge-1")
    time.sleep(0.5)
    for device in ("idc-in", "idc-out"):
        assert shared.run("edge-1", "ip", "-o", "link", "show", device)
        assert shared.run("edge-1", "ip", "-o", "address", "show", "dev", device) == ""


def test_a_host_without_tenants_has_no_devices(centre: Centre) -> None:
    centre.apply(plan_with((2 * MBIT, 2 * MBIT), (2 * MBIT, 2 * MBIT)))
    centre.apply(replace(PLAN, bandwidth=()))
    shown = centre.run("web-1", "tc", "qdisc", "show")
    assert "clsact" not in shown
    assert "idc-in" not in shown
    assert "htb 1: dev uplink root" in shown


def sent(centre: Centre, classid: str) -> int:
    lines = centre.run("web-1", "tc", "-s", "class", "show", "dev", "uplink").splitlines()
    index = next(i for i, line in enumerate(lines) if line.startswith(f"class htb {classid} "))
    return int(lines[index + 1].split()[1])


def filters(centre: Centre, link: str, *options: str) -> str:
    return centre.run("web-1", "tc", *options, "filter", "show", "dev", link, "egress")


def test_a_bridge_that_is_made_anew_gets_its_filters_back(centre: Centre) -> None:
    words = centre.script("web-1", plan_with((2 * MBIT, 2 * MBIT), (2 * MBIT, 2 * MBIT)))
    with subprocess.Popen(
        ["ip", "netns", "exec", centre.prefix + "web-1", *words, "watch"],
        start_new_session=True, stderr=subprocess.DEVNULL,
    ) as watch:  # fmt: skip
        try:
            eventually(centre, "redirect to device idc-in", "filter", "show", "dev", "br-0a401020", "egress")
            centre.ip("web-1", "link del br-0a401020")
            centre.ip("web-1", "link add br-0a401020 type bridge", "link set br-0a401020 up")
            eventually(centre, "redirect to device idc-in", "filter", "show", "dev", "br-0a401020", "egress")
            centre.run("web-1", "tc", "qdisc", "del", "dev", "uplink", "root")
            centre.ip("web-1", "link set br-0a401020 down", "link set br-0a401020 up")
            eventually(centre, "class htb 1:b", "class", "show", "dev", "uplink")
            centre.ip("web-1", "link del idc-in")
            eventually(centre, "class htb 1:b", "class", "show", "dev", "idc-in")
            eventually(centre, "redirect to device idc-in", "filter", "show", "dev", "br-0a401000", "egress")
        finally:
            subprocess.run(["kill", "--", f"-{watch.pid}"], check=False)


def eventually(centre: Centre, what: str, *words: str) -> None:
    """Wait until tc lists something; fail after a few seconds."""
    command = ["ip", "netns", "exec", centre.prefix + "web-1", "tc", *words]
    for _ in range(50):
        shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        if what.lower() in shown.lower():
            return
        time.sleep(0.1)
    pytest.fail(f"tc {' '.join(words)} never lists {what}")
