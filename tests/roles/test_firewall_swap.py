"""While rules are swapped nothing denied passes, and nothing declared is lost: real packets during many reloads."""

from __future__ import annotations

import multiprocessing
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from idc.render import firewall
from tests.roles.mutations import MARK, TAX_WWW, load
from tests.roles.namespaces import Namespaces
from tests.unit.render.small_plan import PLAN

pytestmark = pytest.mark.live

RELOADS = 300
MOST = 2000  # reloads within which rules without a drop of their own must have let something through
PORT = 9999  # that no flow names
FORCED_BUFFER = 33  # SO_RCVBUFFORCE


@pytest.fixture(scope="module")
def centre() -> Iterator[Namespaces]:
    namespaces = Namespaces(PLAN)
    try:
        namespaces.build()
        load(namespaces)
        yield namespaces
    finally:
        namespaces.destroy()


def _without_drops(text: str) -> str:
    """The same rules with nothing but the chains' policy to drop what they do not accept."""
    found, count = re.subn(r'(counter name "(?:spoofed|deny_\w+)") drop\n\t}', r"\1\n\t}", text)
    assert count == 4
    return found


@contextmanager
def flood(centre: Namespaces, source: str) -> Iterator[None]:
    """Datagrams that no flow allows, as fast as one process can send them."""

    def connected() -> socket.socket:
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sender.connect((TAX_WWW, PORT))
        return sender

    def send() -> None:
        while True:
            with suppress(OSError):
                sender.send(MARK)

    with centre.inside(source, connected) as sender:
        process = multiprocessing.get_context("fork").Process(target=send, daemon=True)
        process.start()
        try:
            yield
        finally:
            process.kill()
            process.join()


def _arrived(receiver: socket.socket) -> int:
    """How many datagrams wait to be read."""
    found = 0
    with suppress(BlockingIOError):
        while True:
            receiver.recv(64)
            found += 1
    return found


def _receiver() -> socket.socket:
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.setsockopt(socket.SOL_SOCKET, FORCED_BUFFER, 1 << 24)
    receiver.bind(("0.0.0.0", PORT))
    receiver.setblocking(False)
    return receiver


def test_a_flood_of_denied_packets_finds_no_gap_in_a_swap(centre: Namespaces) -> None:
    """The kernel gives a new chain its policy a moment after its rules: a policy alone lets some packets through."""
    good = firewall(PLAN, "web-1")
    with centre.inside("tax-www-web-a", _receiver) as receiver, flood(centre, "parks-www-web-a"):
        for _ in range(RELOADS):
            centre.run("web-1", "nft", "-f", "-", input=good)
        assert _arrived(receiver) == 0
        # Teeth: without the last rules some of the same flood arrives.
        for _ in range(MOST):
            centre.run("web-1", "nft", "-f", "-", input=_without_drops(good))
            if _arrived(receiver):
                break
        else:
            pytest.fail(f"no packet in {MOST} swaps of rules that rest on their policy: the flood proves nothing")
    counters = centre.run("web-1", "nft", "list", "counter", "inet", "idc", "deny_forward")
    assert "packets 0 " not in counters, "the flood came as far as the rules"


def test_rules_are_swapped_without_a_gap(centre: Namespaces) -> None:
    """A connection that is allowed before and after notices nothing of fifty reloads."""
    with centre.listening("tax-www-web-a", 8080) as server:
        client = centre.connect("edge-a", TAX_WWW, 8080)
        assert client is not None
        with client, server.accept()[0] as connection:
            connection.settimeout(0.15)  # less than TCP's first retransmission: a lost packet would be seen
            for _ in range(50):
                centre.run("web-1", "nft", "-f", "-", input=firewall(PLAN, "web-1"))
                client.sendall(MARK)
                assert connection.recv(64) == MARK
