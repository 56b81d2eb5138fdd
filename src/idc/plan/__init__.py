"""The plan: everything a declaration comes to, as pure data. ``make`` makes it, the rest reads it."""

from __future__ import annotations

from idc.plan.codec import digest
from idc.plan.make import make
from idc.plan.stacks import stack_input

__all__ = ["digest", "make", "stack_input"]
