"""The accumulators that a reading needs, and the `Reader` that returns their values.

A need names an accumulator; equal needs of several features are one accumulator (`streams/features/bank.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.accumulators import distinct
from models.arrays import Floats
from models.state.columns import Columns, Slots
from streams.features.expressions import Expr


@dataclass(frozen=True)
class Sum:
    """A decayed sum of `value` over the events where `given` is known too. `half_life` is in seconds."""

    value: Expr
    given: Expr
    half_life: float

    @property
    def label(self) -> str:
        """The sum's name within its column."""
        return f"{self.value.name} given {self.given.name}"


@dataclass(frozen=True)
class Histogram:
    """A decayed histogram: of an expression's bins from `low` to `high`, or, without limits, of a column's hashed cells."""

    of: Expr
    bins: int
    half_life: float
    low: float = 0.0
    high: float = 0.0

    @property
    def label(self) -> str:
        """The histogram's column."""
        return f"histogram of {self.of.name} in {self.bins} over {self.half_life:g}"


@dataclass(frozen=True)
class Distinct:
    """The number of different values of a hash or text column in this window (seconds) and the one before."""

    of: Expr
    window: float

    @property
    def label(self) -> str:
        """The registers' column."""
        return f"distinct {self.of.name} over {self.window:g}"


@dataclass(frozen=True)
class Last:
    """The newest known value of an expression."""

    of: Expr

    @property
    def label(self) -> str:
        """The value's name within its column."""
        return self.of.name


Need = Sum | Histogram | Distinct | Last


class Reader:
    """The accumulators of some entities, as of each entity's newest event. Every array has one row an entity."""

    def __init__(self, state: Columns, slots: Slots, position: Mapping[Need, int], counted: Sequence[Distinct]) -> None:
        """Read these slots of a table.

        Args:
            state: The entities' accumulators, with the fields of a `Bank`.
            slots: The rows to read, (entities,).
            position: Position of each need within its column.
            counted: All that count different values: they are estimated together, when the first is asked for.
        """
        self._state = state
        self._slots = slots
        self._position = position
        self._rows: dict[str, NDArray[Any]] = {}
        self._sums: dict[float, Floats] = {}
        self._counted = counted
        self._different: dict[Distinct, Floats] = {}

    def _column(self, name: str) -> NDArray[Any]:
        rows = self._rows.get(name)
        if rows is None:
            rows = self._rows[name] = self._state[name][self._slots]
        return rows

    def sum(self, need: Sum) -> Floats:
        """Return a decayed sum, (entities,)."""
        values: Floats = self.sums(need.half_life)[self._position[need]]
        return values

    def sums(self, half_life: float) -> Floats:
        """Return all decayed sums with this half-life (seconds), (sums, entities)."""
        sums = self._sums.get(half_life)
        if sums is None:
            rows = self._column(f"sums over {half_life:g}")
            sums = self._sums[half_life] = np.ascontiguousarray(rows.T, np.float64)
        return sums

    def cells(self, need: Histogram) -> NDArray[np.float32]:
        """Return a decayed histogram, (entities, bins)."""
        return self._column(need.label)

    def different(self, need: Distinct) -> Floats:
        """Return the estimated number of different values, (entities,)."""
        if not self._different:
            registers = np.concatenate([self._column(each.label) for each in self._counted])
            estimates = distinct.estimate(registers).reshape(len(self._counted), -1)
            self._different = dict(zip(self._counted, estimates, strict=True))
        return self._different[need]

    def last(self, need: Last) -> Floats:
        """Return a newest value, (entities,)."""
        return self._column("last")[:, self._position[need]]

    @property
    def clock(self) -> Floats:
        """Newest event time, seconds, (entities,)."""
        return self._column("clock")

    @property
    def first(self) -> Floats:
        """First event time, seconds, (entities,)."""
        return self._column("first")

    @property
    def requests(self) -> Floats:
        """Requests since the entity was first seen, not decayed, (entities,)."""
        return self._column("requests")
