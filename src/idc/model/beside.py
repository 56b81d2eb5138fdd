"""What is declared and stands on no host, in words that a plan shows: people, waivers, further domains."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence

from idc.model.types import CentreSpec, PersonSpec, WaiverSpec


def of(centre: CentreSpec, people: Mapping[str, PersonSpec], waivers: Sequence[WaiverSpec]) -> dict[str, str]:
    """Name -> words. ``domains`` is always among them."""
    return dict([("domains", ", ".join((centre.domain, *centre.domains))), *_people(people), *_waivers(waivers)])


def _people(people: Mapping[str, PersonSpec]) -> Iterator[tuple[str, str]]:
    for login, person in sorted(people.items()):
        keys = ", ".join(_fingerprint(key) for key in person.keys)
        yield f"person {login}", f"{person.name}, {person.role} administrator until {person.until}, {keys}"


def _fingerprint(key: str) -> str:
    """As ``ssh-keygen -l`` shows a public key."""
    return f"SHA256:{base64.b64encode(hashlib.sha256(base64.b64decode(key.split()[1])).digest()).decode().rstrip('=')}"


def _waivers(waivers: Sequence[WaiverSpec]) -> Iterator[tuple[str, str]]:
    for waiver in waivers:
        words = f"until {waiver.until} by {waiver.approver}: {waiver.reason}"
        yield f"waiver of {waiver.policy} for {waiver.scope}", words
