"""The accumulators of all features of an entity, each once, however many features use it.

`Bank` collects the features' needs, updates accumulators by whole blocks, and reads every feature of many entities at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.accumulators import decayed, distinct, histogram
from models.accumulators.grouped_events import GroupedEvents
from models.arrays import Floats
from models.state.columns import Columns, Field, Slots
from streams.features import readings
from streams.features.declaration import Feature
from streams.features.events import Events
from streams.features.expressions import Expr
from streams.features.needs import Distinct, Histogram, Last, Need, Reader, Sum
from streams.features.readings import Quotient, Reading


@dataclass(frozen=True)
class _Plan:
    """How the rows of sums are computed from their common expressions."""

    expressions: tuple[Expr, ...]
    value: NDArray[np.intp]
    """Row of the summed expression, (sums,)."""
    given: NDArray[np.intp]
    """Row of the expression that must be known too, (sums,)."""

    @classmethod
    def of(cls, sums: Iterable[Sum]) -> _Plan:
        """Plan the rows of these sums."""
        pairs = [(need.value, need.given) for need in sums]
        row = {expr: index for index, expr in enumerate(dict.fromkeys(expr for pair in pairs for expr in pair))}
        rows = np.array([(row[value], row[given]) for value, given in pairs], np.intp)
        return cls(tuple(row), rows[:, 0], rows[:, 1])


@dataclass(frozen=True)
class _Quotients:
    """The features that are quotients of sums with one half-life. Every array is (quotients,)."""

    features: NDArray[np.intp]
    """Position of the feature."""
    above: NDArray[np.intp]
    """Row of each sum: the one divided, the divisor, and that of the events."""
    below: NDArray[np.intp]
    events: NDArray[np.intp]

    @classmethod
    def of(cls, quotients: Mapping[int, Quotient], position: Mapping[Need, int], half_life: float) -> _Quotients:
        """Choose those with this half-life, in seconds, among the quotients by their features' positions."""
        chosen = {row: each for row, each in quotients.items() if each.above.half_life == half_life}
        sums = np.array([[position[need] for need in each] for each in chosen.values()], np.intp).reshape(-1, 3)
        return cls(np.array([*chosen], np.intp), *sums.T)


class Bank:
    """All accumulators that some features need, each once, as fields of a `Columns`."""

    def __init__(self, features: Iterable[type[Feature]], also: Iterable[Reading] = ()) -> None:
        """Collect the needs of some features of accounts.

        Args:
            features: The features, in the order in which `read` returns them.
            also: Further readings that need accumulators and that the caller reads.
        """
        self.features = tuple(features)
        read = [*(feature.value for feature in self.features), *also]
        needs = dict.fromkeys(need for reading in read for need in reading.needs)
        self._sums: dict[float, list[Sum]] = {}
        for need in needs:
            if isinstance(need, Sum):
                self._sums.setdefault(need.half_life, []).append(need)
        self._histograms = [need for need in needs if isinstance(need, Histogram)]
        self._distinct = [need for need in needs if isinstance(need, Distinct)]
        self._last = [need for need in needs if isinstance(need, Last)]
        groups: list[Sequence[Need]] = [*self._sums.values(), self._last]
        self._plans = {half_life: _Plan.of(group) for half_life, group in self._sums.items()}
        self.position: dict[Need, int] = {need: index for group in groups for index, need in enumerate(group)}
        quotients = {row: feature.value.quotient for row, feature in enumerate(self.features) if feature.value.quotient}
        self._others = [row for row in range(len(self.features)) if row not in quotients]
        self._quotients = {half_life: _Quotients.of(quotients, self.position, half_life) for half_life in self._sums}

    def fields(self) -> dict[str, Field]:
        """Return the columns of an entity's accumulators: sums by half-life, histograms, registers, newest values, clocks."""
        columns = {
            f"sums over {half_life:g}": Field("f4", labels=tuple(need.label for need in group)) for half_life, group in self._sums.items()
        }
        columns |= {need.label: Field("f4", width=need.bins) for need in self._histograms}
        columns |= {need.label: Field("u1", width=distinct.ENTITY_REGISTERS) for need in self._distinct}
        if self._last:
            columns["last"] = Field("f8", np.nan, labels=tuple(need.label for need in self._last))
        return columns | {"clock": Field("f8", -np.inf), "first": Field("f8", np.inf), "requests": Field("f8")}

    def fold(self, state: Columns, events: Events) -> None:
        """Add a block's events to every accumulator, in place. The cost is that of the block, whatever the number of entities.

        Args:
            state: A table with the columns of `fields()`.
            events: The block, grouped by that table's slots.
        """
        grouped = events.grouped
        known: dict[Expr, Floats] = {}
        for half_life, plan in self._plans.items():
            sums = state[f"sums over {half_life:g}"]
            decayed.fold(sums, grouped, _matrix(plan, events, known), half_life)
            for retaken in events.retaken:
                signed = _matrix(plan, retaken, {}) * retaken.signs
                decayed.correct(sums, grouped, retaken.entity, retaken.times, signed, half_life)
        for cells in self._histograms:
            histogram.fold(state[cells.label], grouped, _cells(cells, events), cells.half_life)
        for registers in self._distinct:
            distinct.fold(state[registers.label], grouped, events.hashed(registers.of.name), registers.window)
        for position, need in enumerate(self._last):
            _keep_last(state["last"], position, grouped, _evaluate(need.of, events, known))
        state["clock"][grouped.slots] = grouped.clock
        state["first"][grouped.slots] = np.minimum(state["first"][grouped.slots], grouped.times[grouped.starts])
        state["requests"][grouped.slots] += grouped.counts

    def reader(self, state: Columns, slots: Slots) -> Reader:
        """Return a reader of the accumulators of these entities. slots: (entities,)."""
        return Reader(state, slots, self.position, self._distinct)

    def read(self, state: Columns, slots: Slots) -> tuple[Floats, Floats]:
        """Return every feature of these entities as of their newest event.

        Returns:
            The values, NaN where unknown, and the number of events behind each, both (entities, features).
        """
        reader = self.reader(state, slots)
        values, weights = np.empty((2, len(self.features), len(slots)))
        for half_life, together in self._quotients.items():
            sums = reader.sums(half_life)
            above, below, events = sums[together.above], sums[together.below], sums[together.events]
            values[together.features], weights[together.features] = readings.divide(above, below), events
        for row in self._others:
            values[row], weights[row] = self.features[row].value.read(reader)
        return np.ascontiguousarray(values.T), np.ascontiguousarray(weights.T)


def _evaluate(expr: Expr, events: Events, known: dict[Expr, Floats]) -> Floats:
    """Return an expression's values, (events,), and store them in `known` for reuse."""
    values = known.get(expr)
    if values is None:
        values = known[expr] = expr.evaluate(events)
    return values


def _matrix(plan: _Plan, events: Events, known: dict[Expr, Floats]) -> Floats:
    """Return what to add to each sum, (sums, events): 0 where the value or its condition is unknown."""
    values = np.empty((len(plan.expressions), len(events)))
    for row, expr in zip(values, plan.expressions, strict=True):
        row[:] = _evaluate(expr, events, known)
    unknown = np.isnan(values)
    values[unknown] = 0.0
    matrix = values[plan.value]
    matrix[unknown[plan.given]] = 0.0
    return matrix


def _cells(need: Histogram, events: Events) -> NDArray[np.int64]:
    """Return the bin or hashed cell of each event, (events,), -1 where unknown."""
    if need.high > need.low:
        return histogram.bins_of(need.of.evaluate(events), need.low, need.high, need.bins)
    return histogram.cells_of(events.hashed(need.of.name), need.bins)


def _keep_last(column: NDArray[np.float64], position: int, grouped: GroupedEvents, values: Floats) -> None:
    """Overwrite one newest value of each entity with the last one known, in place. values: (events,), in slot order.

    A late event has no newest value, except of what was unknown.
    """
    known = np.flatnonzero(~np.isnan(values) & (grouped.newer | np.isnan(column[grouped.slots, position])[grouped.entity]))
    column[grouped.slots[grouped.entity[known]], position] = values[known]
