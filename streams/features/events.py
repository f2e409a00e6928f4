"""The input of the features' expressions: the columns of one block of requests, grouped by entity."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.accumulators.grouped_events import GroupedEvents
from models.accumulators.hashing import spread
from models.arrays import Floats, Hashes
from models.durations import DAY, HOUR
from streams.core.word_hash import hash_word
from streams.schema.blocks import Block

NEVER_EVIDENCE = frozenset({"country", "language"})
"""Columns that no feature may read: nationality and language are never evidence of guilt."""
CLOCK_COLUMNS = frozenset({"time", "hour"})
"""Columns with the time of day, which reveals a time zone: no feature reads them. `hours_used` measures only how evenly hours are used."""
MAX_PLAUSIBLE_UNITS = 1e15
"""Number from which a value counts as unknown, in any unit: no count of tokens, no time and no length is that large."""


class Events:
    """A block's events in slot order: numbers, hashes and derived columns, each computed once and on demand."""

    def __init__(
        self,
        block: Block,
        grouped: GroupedEvents,
        derived: Mapping[str, NDArray[Any]] | None = None,
        retaken: Sequence[Retaken] = (),
    ) -> None:
        """Make the columns of a block available, grouped by entity.

        Args:
            block: The requests.
            grouped: Their order by entity and time.
            derived: Columns that the stage computed (`derived.columns`), each (events,), in slot order.
            retaken: Earlier requests that count with other values, because of those of the block.
        """
        self.block = block
        self.grouped = grouped
        self.retaken = retaken
        self._columns: dict[str, NDArray[Any]] = dict(derived or {})

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self.grouped.order)

    def number(self, name: str) -> Floats:
        """Return a number or time column.

        Returns:
            (events,), float64, NaN where unknown.

        Raises:
            ValueError: There is no column of this name.
        """
        values = self._columns.get(name)
        if values is None:
            self._check(name)
            numbers = np.asarray(self.block.numbers(name), np.float64)[self.grouped.order]
            plausible = np.abs(numbers) < MAX_PLAUSIBLE_UNITS  # otherwise one number could make a float32 sum infinite
            values = self._columns[name] = np.where(plausible, numbers, np.nan)
        return values

    def hashed(self, name: str) -> Hashes:
        """Return a hash column, or the hashes of a text or number column.

        Returns:
            (events,), uint64, 0 where unknown.

        Raises:
            ValueError: There is no column of this name.
        """
        key = f"hash of {name}"
        values = self._columns.get(key)
        if values is None:
            self._check(name)
            known = name in self.block.layout.columns
            values = self._columns[key] = self._hashes(name)[self.grouped.order] if known else self._columns[name]
        return values

    def is_word(self, name: str, words: frozenset[str]) -> Floats:
        """Return whether a text column has one of these words.

        Returns:
            (events,): 1 where it has, 0 where it has another word, NaN where unknown.

        Raises:
            ValueError: There is no column of this name.
        """
        self._check(name)
        table = np.array([*(float(word in words) for word in self.block.words(name)), np.nan])
        return table[self.block.codes(name)][self.grouped.order]

    def _check(self, name: str) -> None:
        """Raise ValueError if there is no such column."""
        if name in self.block.layout.columns or name in self._columns:
            return
        known = {*self.block.layout.columns, *self._columns, *COMPUTED_COLUMNS} - NEVER_EVIDENCE - CLOCK_COLUMNS
        near = difflib.get_close_matches(name, sorted(known), n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        message = (
            f"unknown column {name}: {hint}REQUESTS in streams/schema/layouts.py and columns() in streams/features/derived.py list them"
        )
        raise ValueError(message)

    def _hashes(self, name: str) -> Hashes:
        kind = self.block.layout.columns[name]
        if kind == "hash":
            return self.block.hashes(name)
        if kind in {"number", "time"}:
            return hash_numbers(self.block.numbers(name))
        table = np.array([*(hash_word(word) for word in self.block.words(name)), 0], np.uint64)
        return table[self.block.codes(name)]


class Retaken(Events):
    """Earlier requests that count with other values, because one came late: what has changed of each, all else is unknown.

    An expression's sum is corrected by its value `now` less that of `before`. So what depends on a request's neighbours comes out the same
    in whatever order requests arrive, if all that its expression reads is here.
    """

    def __init__(self, entity: NDArray[np.intp], times: Floats, before: Mapping[str, Floats], now: Mapping[str, Floats]) -> None:
        """Retake these requests.

        Args:
            entity: Entity of each, among those of the block, (retaken,).
            times: Their times, epoch seconds, (retaken,).
            before: Columns as they were counted, each (retaken,), NaN where unknown.
            now: The same columns as they are now.
        """
        self.entity = np.concatenate([entity, entity])
        self.times = np.concatenate([times, times])
        self.signs = np.repeat([-1.0, 1.0], len(entity))
        self._columns = {name: np.concatenate([before[name], now[name]]) for name in now}

    def __len__(self) -> int:
        """Return the number of rows: two for each retaken request."""
        return len(self.entity)

    def number(self, name: str) -> Floats:
        """Return a number column, (rows,), NaN where unknown."""
        return self._columns.get(name, np.full(len(self), np.nan))

    def hashed(self, name: str) -> Hashes:  # noqa: ARG002 (the same of all columns)
        """Return 0, unknown: hashes do not change, (rows,)."""
        return np.zeros(len(self), np.uint64)

    def is_word(self, name: str, words: frozenset[str]) -> Floats:  # noqa: ARG002 (the same of all columns)
        """Return NaN: words do not change, (rows,)."""
        return np.full(len(self), np.nan)


def hash_numbers(values: NDArray[np.floating[Any]]) -> Hashes:
    """Return stable 64-bit hashes of numbers (Fibonacci hashing, Knuth 1973, section 6.4).

    Returns:
        uint64, shape as given, 0 for numbers that are not finite.

    >>> hash_numbers(np.array([0.0, 1.0, np.nan])).astype(bool).tolist()
    [True, True, False]
    """
    bits = np.ascontiguousarray(values, np.float64).view(np.uint64)
    mixed = spread(bits ^ np.uint64(0xB492B66FBE98F273))
    return np.where(np.isfinite(values), np.maximum(mixed ^ (mixed >> np.uint64(32)), 1), 0).astype(np.uint64)


def _uncached_input_tokens(events: Events) -> Floats:
    """Return input tokens without those from the provider's cache, (events,), NaN where input tokens are unknown."""
    cached = events.number("cached_tokens")
    return np.maximum(events.number("input_tokens") - np.where(np.isnan(cached), 0.0, cached), 0.0)


def hour_of_day(events: Events) -> Floats:
    """Return the hour of the day in UTC, (events,), 0..23. Only `hours_used` reads it: see `CLOCK_COLUMNS`."""
    return np.floor(events.number("time") % DAY / HOUR)


COMPUTED_COLUMNS: dict[str, Callable[[Events], Floats]] = {
    "uncached_input_tokens": _uncached_input_tokens,
    "requests": lambda events: np.ones(len(events)),
}
"""Columns that are computed from other columns of the same event: name -> function of `Events` to (events,)."""
