"""Which flow, or which rule of a host, declares a set of connections: looked up after the rules have spoken."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Network

from idc.plan.types import Flow, HostRule, Plan
from idc.proof.connections import Begun
from idc.proof.contract import intervals
from idc.proof.fields import TCP, UDP
from idc.proof.parties import Party
from idc.proof.space import Interval

_NUMBERS = {"tcp": TCP, "udp": UDP}


@dataclass(frozen=True)
class Declaring:
    """What a plan declares, by its ends."""

    plan: Plan

    @cached_property
    def _between(self) -> dict[tuple[str, str, int, int], list[Flow]]:
        """Flows between two segments."""
        found: dict[tuple[str, str, int, int], list[Flow]] = {}
        for flow in self.plan.flows:
            if flow.source.segment and flow.destination.segment:
                key = flow.source.segment, flow.destination.segment, _NUMBERS[flow.protocol], flow.port
                found.setdefault(key, []).append(flow)
        return found

    @cached_property
    def _others(self) -> dict[tuple[int, int], list[Flow]]:
        """Flows with an end that is no segment."""
        found: dict[tuple[int, int], list[Flow]] = {}
        for flow in self.plan.flows:
            if not (flow.source.segment and flow.destination.segment):
                found.setdefault((_NUMBERS[flow.protocol], flow.port), []).append(flow)
        return found

    def of(
        self, begun: Begun, source: Party, target: Party, origin: Interval, to: Interval, protocol: Interval,
        port: Interval, asked: tuple[Interval, Interval] | None,
    ) -> Flow | HostRule | None:  # fmt: skip
        """What declares all of these connections; None where nothing does, or not for all of them.

        ``asked`` is where somebody outside sent what a listener translates.
        """
        if protocol[0] != protocol[1] or port[0] != port[1]:
            return None
        if asked is not None:
            return self._listener(begun, source, target, port[0], asked)
        if begun.entering.boxes.family != 4:
            return None
        flows = list(self._between.get((source.segment, target.segment, protocol[0], port[0]), []))
        for flow in flows + self._others.get((protocol[0], port[0]), []):
            if self._from(flow.source.networks, origin, begun, flow.source.host) and _in(flow.destination.networks, to):
                return flow
        return self._host_rule(begun, origin, to, protocol[0], port[0])

    @staticmethod
    def _from(networks: tuple[IPv4Network, ...], origin: Interval, begun: Begun, host: str | None) -> bool:
        """Whether a source is a flow's. Of what a host itself sends no rule looks at the source."""
        return begun.host == host if begun.place == "output" else _in(networks, origin)

    def _listener(
        self, begun: Begun, source: Party, target: Party, port: int, asked: tuple[Interval, Interval]
    ) -> Flow | None:
        for listener in self.plan.listeners:
            addresses = [int(listener.address)] + ([int(listener.address6)] if listener.address6 else [])
            at_it = listener.host == begun.host and asked[1] == (listener.port, listener.port)
            if at_it and asked[0] in [(one, one) for one in addresses] and port == listener.target_port:
                for flow in self._others.get((TCP, port), ()):
                    if (flow.source.ref, flow.destination.segment) == (source.ref, target.segment):
                        return flow
        return None

    def _host_rule(self, begun: Begun, origin: Interval, to: Interval, protocol: int, port: int) -> HostRule | None:
        """What a host takes in or sends without any flow: administration."""
        for rule in self.plan.host_rules:
            if (_NUMBERS[rule.protocol], rule.port) != (protocol, port):
                continue
            if rule.direction == "out" and begun.place == "output" and rule.host == begun.host:
                if _in(rule.networks, to):
                    return rule
            elif rule.direction == "in" and _in(rule.networks, origin):
                own = int(self.plan.host_by_name[rule.host].address)
                if to == (own, own):
                    return rule
        return None


def _in(networks: tuple[IPv4Network, ...], interval: Interval) -> bool:
    return any(low <= interval[0] and interval[1] <= high for low, high in intervals(networks))
