"""Exact sets of packets: unions of boxes over the header, in arrays, so that tens of thousands cost milliseconds.

Nothing is approximated: what ``subtract`` leaves is exactly what is in the one and not in the other. Two boxes are
looked at together only where they can meet: one side is sorted by the field that tells its boxes apart best.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from idc.proof.fields import DIMENSIONS, FAMILIES, Family, Field, most, number_type

Numbers = NDArray[Any]  # int64, or Python's integers for IPv6
Interval = tuple[int, int]  # both inclusive
_FEW: Final = 16  # boxes that are compared with all others without sorting
_PAIRS: Final = 1 << 20  # pairs looked at in one go


_LEAST: Final = {family: np.zeros((1, DIMENSIONS), dtype=number_type(family)) for family in FAMILIES}
_MOST: Final = {
    family: np.array([[most(field, family) for field in Field]], dtype=number_type(family)) for family in FAMILIES
}


@dataclass(frozen=True, eq=False)
class Boxes:
    """A union of boxes: ``low`` and ``high`` are n rows of one number a field, both inclusive."""

    family: Family
    low: Numbers
    high: Numbers

    # -- making -----------------------------------------------------------------------------------------------------

    @staticmethod
    def full(family: Family) -> Boxes:
        """Every packet of a family."""
        return Boxes(family, _LEAST[family].copy(), _MOST[family].copy())

    @staticmethod
    def none(family: Family) -> Boxes:
        """No packet."""
        empty = np.zeros((0, DIMENSIONS), dtype=number_type(family))
        return Boxes(family, empty, empty)

    @staticmethod
    def of(family: Family, fields: Mapping[Field, int | Interval]) -> Boxes:
        """One box: a number or an interval for some fields, anything for the others."""
        box = Boxes.full(family)
        for field, value in fields.items():
            box.low[0, field], box.high[0, field] = value if isinstance(value, tuple) else (value, value)
        return box

    @staticmethod
    def table(family: Family, fields: Sequence[Field], low: Numbers, high: Numbers) -> Boxes:
        """A box for each row of two tables with these fields as columns."""
        lows, highs = np.repeat(_LEAST[family], len(low), axis=0), np.repeat(_MOST[family], len(low), axis=0)
        for column, field in enumerate(fields):
            lows[:, field], highs[:, field] = low[:, column], high[:, column]
        return Boxes(family, lows, highs)

    @staticmethod
    def union(family: Family, parts: Iterable[Boxes]) -> Boxes:
        """All boxes of several."""
        kept = [part for part in parts if len(part)]
        if not kept:
            return Boxes.none(family)
        if len(kept) == 1:
            return kept[0]
        return Boxes(family, np.concatenate([p.low for p in kept]), np.concatenate([p.high for p in kept]))

    def __len__(self) -> int:
        return len(self.low)

    def __bool__(self) -> bool:
        return len(self.low) > 0

    def rows(self, which: Any) -> Boxes:
        """Some of the boxes."""
        return Boxes(self.family, self.low[which], self.high[which])

    def holds(self, point: Sequence[int]) -> bool:
        """Whether a packet is in it."""
        at = np.array(point, dtype=number_type(self.family))
        return bool(((self.low <= at) & (at <= self.high)).all(axis=1).any())

    def limited(self, field: Field, interval: Interval) -> Boxes:
        """Those packets whose field is in an interval."""
        low, high = self.low.copy(), self.high.copy()
        low[:, field] = np.maximum(low[:, field], interval[0])
        high[:, field] = np.minimum(high[:, field], interval[1])
        return Boxes(self.family, low, high).rows(low[:, field] <= high[:, field])

    def freed(self, *fields: Field) -> Boxes:
        """The same with any value in some fields."""
        low, high = self.low.copy(), self.high.copy()
        for field in fields:
            low[:, field], high[:, field] = 0, most(field, self.family)
        return Boxes(self.family, low, high)

    # -- what is looked up again and again ----------------------------------------------------------------------------

    @cached_property
    def _bounds(self) -> tuple[Numbers, Numbers]:
        return self.low.min(axis=0), self.high.max(axis=0)

    @cached_property
    def _narrow(self) -> list[int]:
        """The fields in which some box does not take every value."""
        low, high = self.low.max(axis=0), self.high.min(axis=0)
        wide = (low == _LEAST[self.family][0]) & (high == _MOST[self.family][0])
        return [int(field) for field in np.flatnonzero(~wide.astype(bool))]

    @cached_property
    def _same(self) -> NDArray[np.bool_]:
        """Per field: whether all boxes have the same interval."""
        return np.asarray(((self.low == self.low[0]) & (self.high == self.high[0])).all(axis=0), dtype=bool)

    @cached_property
    def _order(self) -> tuple[int, NDArray[np.intp], Numbers, Numbers]:
        """The field that tells the boxes apart best; their order by it, lower ends, and the highest end so far."""
        varying = np.flatnonzero(~self._same)
        key = max(varying, key=lambda field: len(np.unique(self.low[:, field])), default=0)
        order = np.argsort(self.low[:, key], kind="stable")
        return int(key), order, self.low[order, key], np.maximum.accumulate(self.high[order, key])

    # -- algebra ------------------------------------------------------------------------------------------------------

    def intersect(self, other: Boxes) -> Boxes:
        """Packets in both."""
        if len(self) == 1 or len(other) == 1:
            low, high = np.maximum(self.low, other.low), np.minimum(self.high, other.high)
            return Boxes(self.family, low, high).rows((low <= high).all(axis=1).astype(bool))
        parts = [
            Boxes(self.family, np.maximum(self.low[a], other.low[b]), np.minimum(self.high[a], other.high[b]))
            for a, b in self._meeting(other)
        ]
        return Boxes.union(self.family, parts)

    def subtract(self, other: Boxes) -> Boxes:
        """Packets in this one and not in the other."""
        return self._split(other, common=False)[1]

    def split(self, other: Boxes) -> tuple[Boxes, Boxes]:
        """Packets in both, and those in this one only."""
        return self._split(other, common=True)

    def _split(self, other: Boxes, *, common: bool) -> tuple[Boxes, Boxes]:
        none = Boxes.none(self.family)
        if not self or not other:
            return none, self
        both: list[Boxes] = []
        covered = np.zeros(len(self), dtype=bool)
        partly: list[tuple[NDArray[np.intp], NDArray[np.intp]]] = []
        for a, b in self._meeting(other):
            inside = np.ones(len(a), dtype=bool)
            for field in other._narrow:
                inside &= ((other.low[b, field] <= self.low[a, field])
                           & (self.high[a, field] <= other.high[b, field])).astype(bool)  # fmt: skip
            covered[a[inside]] = True
            if common:
                low, high = np.maximum(self.low[a], other.low[b]), np.minimum(self.high[a], other.high[b])
                both.append(Boxes(self.family, low, high))
            partly.append((a[~inside], b[~inside]))
        if not partly:
            return none, self
        a = np.concatenate([pair[0] for pair in partly])
        b = np.concatenate([pair[1] for pair in partly])
        open_ = ~covered[a]
        a, b = a[open_], b[open_]
        untouched = ~covered
        untouched[a] = False
        parts = [self.rows(untouched)]
        order = np.argsort(a, kind="stable")
        a, b = a[order], b[order]
        starts = np.flatnonzero(np.r_[True, a[1:] != a[:-1]]) if len(a) else np.zeros(0, dtype=np.intp)
        for start, end in zip(starts, np.r_[starts[1:], len(a)], strict=False):
            parts.append(_carve(self.rows(a[start : start + 1]), other.rows(b[start:end])))
        return Boxes.union(self.family, both), Boxes.union(self.family, parts)

    def within(self, other: Boxes) -> bool:
        """Whether every packet of this one is in the other."""
        return not self.subtract(other)

    def _meeting(self, other: Boxes) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Pairs of boxes, by number, that have a packet in common."""
        if not self or not other:
            return
        low, high = other._bounds
        own_low, own_high = self._bounds
        near = np.arange(len(self), dtype=np.intp)
        for field in other._narrow:
            if own_low[field] > high[field] or low[field] > own_high[field]:
                return
            if own_low[field] < low[field] or own_high[field] > high[field]:
                meet = (self.low[near, field] <= high[field]) & (low[field] <= self.high[near, field])
                near = near[meet.astype(bool)]
        if not len(near):
            return
        fields = [field for field in other._narrow if not other._same[field]]  # for the others the bounds have told
        if not fields:  # one box, or equal ones
            yield near, np.zeros(len(near), dtype=np.intp)
            return
        if len(other) <= _FEW:
            order = np.arange(len(other), dtype=np.intp)
            first, last = np.zeros(len(near), dtype=np.intp), np.full(len(near), len(other), dtype=np.intp)
        else:
            key, order, lows, reach = other._order
            first = np.searchsorted(reach, self.low[near, key], side="left")
            last = np.maximum(first, np.searchsorted(lows, self.high[near, key], side="right"))
        ends = np.cumsum(last - first)
        begin = 0
        while begin < len(near):
            done = ends[begin - 1] if begin else 0
            stop = max(begin + 1, int(np.searchsorted(ends, done + _PAIRS, side="right")))
            count = (last - first)[begin:stop]
            a = np.repeat(near[begin:stop], count)
            offset = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
            b = order[np.repeat(first[begin:stop], count) + offset]
            for field in fields:
                meet = ((self.low[a, field] <= other.high[b, field])
                        & (other.low[b, field] <= self.high[a, field])).astype(bool)  # fmt: skip
                if not meet.all():
                    a, b = a[meet], b[meet]
            if len(a):
                yield a, b
            begin = stop


def joined(found: Iterable[Interval]) -> list[Interval]:
    """The same numbers in the fewest intervals, sorted."""
    result: list[Interval] = []
    for low, high in sorted(found):
        if result and low <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(result[-1][1], high))
        else:
            result.append((low, high))
    return result


def _carve(box: Boxes, holes: Boxes) -> Boxes:
    """One box without several others that meet it: exact, piece by piece."""
    left: list[Boxes] = []
    todo = [(box.low[0], box.high[0], holes.low, holes.high)]
    while todo:
        low, high, lows, highs = todo.pop()
        meet = ((lows <= high) & (low <= highs)).all(axis=1).astype(bool)
        lows, highs = lows[meet], highs[meet]
        if not len(lows):
            left.append(Boxes(box.family, low[None, :], high[None, :]))
            continue
        if ((lows <= low) & (high <= highs)).all(axis=1).any():
            continue
        # The hole that sticks out least is split off: the pieces beside it meet fewer of the others.
        hole = int(np.argmax(((lows <= low) & (high <= highs)).astype(int).sum(axis=1)))
        inner_low, inner_high = np.maximum(low, lows[hole]), np.minimum(high, highs[hole])
        rest = np.arange(len(lows)) != hole
        low, high = low.copy(), high.copy()
        for field in range(DIMENSIONS):
            if low[field] < inner_low[field]:
                below = high.copy()
                below[field] = inner_low[field] - 1
                todo.append((low.copy(), below, lows[rest], highs[rest]))
                low[field] = inner_low[field]
            if high[field] > inner_high[field]:
                above = low.copy()
                above[field] = inner_high[field] + 1
                todo.append((above, high.copy(), lows[rest], highs[rest]))
                high[field] = inner_high[field]
    return Boxes.union(box.family, left)
