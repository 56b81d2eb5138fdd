"""The header of a packet as numbers: the dimensions of the space in which rules and declarations are compared.

A packet is one point, a rule's matches are boxes. IPv4 and IPv6 are two spaces with the same dimensions; addresses of
the second need more than 64 bits, so its boxes hold Python's own integers.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Final, Literal

import numpy as np

Family = Literal[4, 6]
FAMILIES: Final[tuple[Family, ...]] = (4, 6)


class Field(IntEnum):
    """One dimension. ``SPORT`` and ``DPORT`` are the first four bytes after the IP header, whatever the protocol."""

    IIF = 0  # number of the interface by which it entered
    OIF = 1  # number of the interface by which it leaves
    SADDR = 2
    DADDR = 3  # after translation
    PROTO = 4  # protocol, or IPv6's next header
    SPORT = 5  # source port; of ICMP: type * 256 + code
    DPORT = 6  # destination port, after translation
    CT = 7  # ``Ct``
    ORIG_DADDR = 8  # destination with which its connection began
    ORIG_DPORT = 9
    TCP_FLAGS = 10
    HOPS = 11  # IPv6's hop limit, IPv4's time to live


class Ct(IntEnum):
    """State and direction of a packet in its connection, as conntrack sees them; only these can occur together."""

    NEW = 0
    ESTABLISHED = 1
    RELATED = 2
    ESTABLISHED_REPLY = 3
    RELATED_REPLY = 4
    INVALID = 5
    UNTRACKED = 6

    @property
    def tracked(self) -> bool:
        """True when the packet belongs to a connection, so that it has a direction and an original tuple."""
        return self <= Ct.RELATED_REPLY

    @property
    def reply(self) -> bool:
        """True against the direction in which the connection began."""
        return self in (Ct.ESTABLISHED_REPLY, Ct.RELATED_REPLY)


DIMENSIONS: Final = len(Field)
NAMES_MOST: Final = (1 << 20) - 1  # interfaces a host may have
ADDRESS_MOST: Final = {4: (1 << 32) - 1, 6: (1 << 128) - 1}
ICMP: Final = 1
TCP: Final = 6
UDP: Final = 17
ICMPV6: Final = 58


def most(field: Field, family: Family) -> int:
    """Greatest value of a field."""
    if field in (Field.SADDR, Field.DADDR, Field.ORIG_DADDR):
        return ADDRESS_MOST[family]
    if field in (Field.SPORT, Field.DPORT, Field.ORIG_DPORT):
        return 0xFFFF
    if field in (Field.IIF, Field.OIF):
        return NAMES_MOST
    return len(Ct) - 1 if field is Field.CT else 0xFF


def number_type(family: Family) -> Any:
    """What an array of this family's numbers holds."""
    return np.int64 if family == 4 else object
