"""The small centre's rules loaded with one thing changed, and how to see whether a packet gets through them."""

from __future__ import annotations

from collections.abc import Callable

from idc.render import firewall
from tests.roles.namespaces import Namespaces
from tests.unit.render.small_plan import PLAN

EDGE, TAX_WWW, TAX_FILE, TAX_DATA = "10.64.0.2", "10.64.16.2", "10.64.16.18", "10.64.16.34"
PARKS_WWW, PARKS_BLOG = "10.64.16.50", "10.64.32.2"
MARK = b"idc-was-here"
Mutation = Callable[[str], str]


def load(centre: Namespaces, mutation: Mutation = lambda text: text) -> None:
    for host in PLAN.hosts:
        centre.load(host.name, mutation(firewall(PLAN, host.name)))


def instead(old: str, new: str) -> Mutation:
    """Replace text wherever a host's rules have it; at least one host must."""
    assert any(old in firewall(PLAN, host.name) for host in PLAN.hosts), f"no rule says {old!r}"
    return lambda text: text.replace(old, new)


def before(chain: str, rule: str) -> Mutation:
    """Insert a rule right after the chain's policy."""
    return lambda text: "\n".join(
        line + (f"\n\t\t{rule}" if line.strip().startswith(f"type filter hook {chain} ") else "")
        for line in text.splitlines()
    )


def exchange(
    centre: Namespaces, source: str, listener: str, address: str, port: int, listen: int = 0, patience: float = 4
) -> str:
    """Connect and greet; the client's address as the server saw it, or "" when nothing passed within the patience."""
    with centre.listening(listener, listen or port) as server:
        client = centre.connect(source, address, port, patience)
        if client is None:
            return ""
        with client:
            connection, peer = server.accept()
            with connection:
                client.sendall(MARK)
                assert connection.recv(64) == MARK
                connection.sendall(MARK)
                assert client.recv(64) == MARK
            return str(peer[0]).removeprefix("::ffff:")


OPEN_ALL = before("forward", "accept")
OPEN_INPUT = before("input", "accept")
ANSWER = before("output", "accept")


def both(*mutations: Mutation) -> Mutation:
    def apply(text: str) -> str:
        for mutation in mutations:
            text = mutation(text)
        return text

    return apply


BOUND_OFF = both(before("prerouting", "accept"), before("forward", "accept"))
