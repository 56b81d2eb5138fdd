"""Hosts that need no engine: they keep their rule sets and edge folders, and list them as the kernel would."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from idc import render
from idc.engine import folders
from idc.engine.hosts import Command, Completed
from idc.errors import EngineError, Unreachable
from idc.operate import closing, edges
from idc.plan.types import Plan
from idc.render.edge import edge

_ELEMENT = re.compile(r"^\t\t\t([0-9./]+) \. ([0-9./]+) \. (tcp|udp) \. (\d+),$", re.MULTILINE)


class Field:
    """The hosts of a centre, as ``idc.engine.hosts.Hosts`` is used by what closes."""

    def __init__(self, **stands: Plan) -> None:
        plans = {name.replace("_", "-"): plan for name, plan in stands.items()}
        self.rules = {name: render.firewall(plan, name) for name, plan in plans.items()}
        self.names = {name: edge(plan) for name, plan in plans.items()}
        self.gone: set[str] = set()  # hosts that are not reached
        self.deaf: set[str] = set()  # hosts that say they have loaded rules and have not
        self.hung: set[str] = set()  # hosts whose engine does not answer
        self.cuts: dict[str, list[list[str]]] = {}

    # -- what Hosts has ----------------------------------------------------------------------------------------------

    def __call__(self, *_: object) -> Field:
        return self

    def close(self) -> None:
        pass

    def connect(self, names: Sequence[str], _: float) -> dict[str, Unreachable]:
        return {name: Unreachable(f"{name}: no answer", host=name) for name in names if name in self.gone}

    def run_all(self, names: Sequence[str], _: Command, deadline: float = 0) -> dict[str, Completed | EngineError]:
        found = {name: hashlib.sha256(self.rules[name].encode()).hexdigest() for name in names}
        return {n: Completed(n, 0, f"{digest}  {closing.RULESET}\n".encode(), b"") for n, digest in found.items()}

    def run_each(
        self, orders: Mapping[str, tuple[Command, bytes]], deadline: float = 0
    ) -> dict[str, Completed | EngineError]:
        return {name: self._load(name, json.loads(data)) for name, (_, data) in orders.items()}

    def run(self, host: str, command: Command, data: bytes = b"", deadline: float = 0) -> Completed:
        if host in self.hung:
            raise Unreachable(f"{host}: its engine hangs", host=host)
        assert command[2] == edges.SCRIPT
        running = json.loads(data)["containers"][:1]
        return Completed(host, 0, json.dumps({"files": self.names[host], "running": running}).encode(), b"")

    def sync(self, _: Field, host: str, tree: folders.HostTree, deadline: float) -> bool:
        """In place of ``folders.sync``."""
        files = {path: text.decode() for path, text in tree.releases[0].files.items()}
        changed = files != self.names[host]
        self.names[host] = files
        return changed

    # -- what the kernel does ----------------------------------------------------------------------------------------

    def _load(self, name: str, order: dict[str, Any]) -> Completed:
        changed = order["ruleset"] is not None and order["ruleset"] != self.rules[name]
        if changed and name not in self.deaf:
            self.rules[name] = order["ruleset"]
        self.cuts[name] = order["cut"]
        elements = [{"concat": [_network(a), _network(b), c, int(d)]} for a, b, c, d in self.flows(name)]
        answer = {"changed": changed, "cut": len(order["cut"]), "loaded": {"flows": elements}}
        return Completed(name, 0, json.dumps(answer).encode(), b"")

    def flows(self, name: str) -> list[tuple[str, ...]]:
        """What a host lets pass."""
        return _ELEMENT.findall(self.rules[name])

    def vhosts(self, host: str) -> set[str]:
        """The names that an edge has: ``internet/tax_www.conf``."""
        return {path for path in self.names[host] if path.startswith(("internet/", "fabric/"))}


def _network(text: str) -> Any:
    address, _, length = text.partition("/")
    return {"prefix": {"addr": address, "len": int(length)}} if length and length != "32" else address
