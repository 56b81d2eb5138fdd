"""What a mutation is: a change of the good centre, in words, and what of the pack must find it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from idc.policy import View


@dataclass(frozen=True)
class Mutation:
    """``make`` gives the view after the change; ``kills`` are the policies that have to find it."""

    words: str
    kills: tuple[str, ...]
    make: Callable[[], View]
