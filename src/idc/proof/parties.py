"""Who is meant by addresses, in words that a department's officer understands."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address, summarize_address_range

from idc.plan.types import Host, Plan, Segment, Site
from idc.proof.contract import intervals
from idc.proof.fields import Family
from idc.proof.forwarding import HostForwarding
from idc.proof.space import Interval


@dataclass(frozen=True, order=True)
class Party:
    """One side of a connection: ``ref`` as in flows, ``words`` for people, ``segment`` where it is one."""

    ref: str
    words: str
    segment: str = ""


@dataclass(frozen=True)
class Parties:
    """A plan's addresses with whose they are."""

    plan: Plan

    @cached_property
    def _segments(self) -> tuple[list[int], list[Segment]]:
        ordered = sorted(self.plan.segments, key=lambda segment: int(segment.subnet.network_address))
        return [int(segment.subnet.network_address) for segment in ordered], ordered

    @cached_property
    def _hosts(self) -> dict[int, Host]:
        return {int(host.address): host for host in self.plan.hosts}

    @cached_property
    def _sites(self) -> dict[str, Site]:
        return {site.ref: site for site in self.plan.sites}

    @cached_property
    def _departments(self) -> dict[str, str]:
        return {tenant.id: tenant.department for tenant in self.plan.tenants}

    @cached_property
    def _cuts(self) -> list[int]:
        """Where somebody's addresses begin or are over: in the sets of rules neighbours stand as one network."""
        ends = [end for flow in self.plan.flows for end in (flow.source, flow.destination) if not end.segment]
        ranges = [one for networks in {end.networks for end in ends} for one in intervals(networks)]
        ranges += intervals(segment.subnet for segment in self.plan.segments)
        ranges += [(address, address) for address in self._hosts]
        return sorted({low for low, _ in ranges} | {high + 1 for _, high in ranges})

    def parts(self, interval: Interval) -> list[Interval]:
        """IPv4 addresses as parts that are each one party's."""
        first, last = bisect_right(self._cuts, interval[0]), bisect_right(self._cuts, interval[1])
        starts = [interval[0], *self._cuts[first:last]]
        return list(zip(starts, [*(start - 1 for start in starts[1:]), interval[1]], strict=True))

    def of(
        self, interval: Interval, family: Family = 4, *, link: str = "", host: HostForwarding | None = None
    ) -> Party:
        """Who has these addresses; of those that come in by a link to the outside, who comes in there."""
        if host is not None and link in host.links and host.links[link].role == "outside":
            return self._outside(host.name, link)
        if host is not None and link in host.links and host.links[link].segment:
            return self.segment(self.plan.segment_by_name.get(host.links[link].segment), interval, family)
        if family == 4 and (found := self._holding(interval)) is not None:
            return self.segment(found, interval, family)
        if family == 4 and interval[0] == interval[1] and interval[0] in self._hosts:
            return self.host(self._hosts[interval[0]].name)
        text = spelled(interval, family)
        return Party(text, text)

    def host(self, name: str) -> Party:
        """A host itself."""
        return Party(f"host/{name}", f"the host {name} itself")

    def segment(self, segment: Segment | None, interval: Interval, family: Family) -> Party:
        """Whose segment it is, and of a site which part."""
        if segment is None:
            text = spelled(interval, family)
            return Party(text, text)
        if segment.owner.startswith("service/"):
            name = segment.owner.removeprefix("service/")
            return Party(segment.owner, f"the {name} of the centre", segment.name)
        site = self._sites.get(segment.owner)
        name = site.name if site else segment.owner.rpartition("/")[2]
        department = site.department if site else self._departments.get(segment.tenant, segment.tenant)
        what = "the database of the site" if segment.zone.value == "data" else "the site"
        return Party(segment.owner, f"{what} {name} of {department}", segment.name)

    def _holding(self, interval: Interval) -> Segment | None:
        starts, segments = self._segments
        at = bisect_right(starts, interval[0]) - 1
        if at < 0:
            return None
        last = starts[at] + (1 << (32 - segments[at].subnet.prefixlen)) - 1
        return segments[at] if interval[1] <= last else None

    def _outside(self, host: str, link: str) -> Party:
        role = next((i.role.value for i in self.plan.host_by_name[host].interfaces if i.name == link), "")
        if role == "internet":
            return Party("internet", "anybody on the Internet")
        return Party(self.plan.fabric, f"the users of {self.plan.fabric}")


def spelled(interval: Interval, family: Family) -> str:
    """An address, a network, or from which to which."""
    kind = IPv4Address if family == 4 else IPv6Address
    low, high = interval
    if family == 4:
        networks = list(summarize_address_range(IPv4Address(low), IPv4Address(high)))
        if len(networks) == 1:
            return str(networks[0]).removesuffix("/32")
    return str(kind(low)) if low == high else f"{kind(low)}-{kind(high)}"
