"""Readings of accumulators: `share(col.seeded)`, `daily(REQUESTS)`, `ratio(col.output_tokens, col.input_tokens)`.

A reading returns two arrays with one row for each entity: the value, NaN where unknown, and the number of events behind it, by which the
evidence is shrunk. Half-lives and windows are in seconds. The examples apply a reading to one account (`streams/testing/feature_trial.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from models.accumulators import histogram
from models.arrays import Floats
from models.durations import DAY, HOUR
from streams.features.events import hour_of_day
from streams.features.expressions import REQUESTS, Expr
from streams.features.needs import Distinct, Histogram, Last, Need, Reader, Sum

MIN_DEVIATION_REQUESTS = 2.0
"""Requests, decayed, below which a deviation is unknown."""
MIN_FURTHER_REQUESTS = 0.5
"""Requests after the first, decayed, below which a rate of change is unknown."""


class Quotient(NamedTuple):
    """One decayed sum over another, and the sum of the events behind it. A `Bank` computes those of all its features together."""

    above: Sum
    below: Sum
    events: Sum


@dataclass(frozen=True)
class Reading:
    """The accumulators that a value needs, and the function that computes the value from them."""

    needs: tuple[Need, ...]
    read: Callable[[Reader], tuple[Floats, Floats]]
    """From the accumulators to the value (NaN where unknown) and the number of events behind it, both (entities,)."""
    quotient: Quotient | None = None
    """What `read` computes, if it is no more than that."""

    def __truediv__(self, other: Reading) -> Reading:
        """Return the quotient, unknown where the divisor is not positive. Its number of events is the smaller one of the two."""
        return combine(divide, self, other)

    def __mul__(self, other: Reading) -> Reading:
        """Return the product. Its number of events is the smaller one of the two."""
        return combine(np.multiply, self, other)

    def log(self) -> Reading:
        """Return ln(1 + x), which suits bins of equal width if tails are heavy. Declare `scale = LOGARITHMIC` with it."""
        return combine(lambda value: np.log1p(np.maximum(value, 0.0)), self)


def combine(function: Callable[..., Floats], *readings: Reading) -> Reading:
    """Return a function of the values of several readings. Its number of events is the smallest of theirs.

    Args:
        function: From one array (entities,) for each reading to one such array; NaN in, NaN out.
        readings: The readings to combine.
    """

    def read(reader: Reader) -> tuple[Floats, Floats]:
        values, weights = zip(*(reading.read(reader) for reading in readings), strict=True)
        return function(*values), np.minimum.reduce(weights)

    return Reading(tuple(need for reading in readings for need in reading.needs), read)


def quotient(above: Sum, below: Sum, events: Sum) -> Reading:
    """Return one decayed sum over another, unknown where that is not positive. events: the sum of those behind it."""
    needs = tuple(dict.fromkeys((above, below, events)))
    return Reading(needs, lambda reader: (divide(reader.sum(above), reader.sum(below)), reader.sum(events)), Quotient(above, below, events))


def divide(above: Floats, below: Floats) -> Floats:
    """Return the quotients, NaN where the divisor is not positive, shape as given: (entities,), or (quotients, entities)."""
    divided: Floats = np.divide(above, below, out=np.full(np.shape(below), np.nan), where=below > 0)
    return divided


def ratio(above: Expr, below: Expr, half_life: float = DAY) -> Reading:
    """Return one decayed sum over another, of the events where both values are known. half_life: seconds.

    >>> from streams.features.expressions import col
    >>> from streams.testing.feature_trial import value_of
    >>> value_of(ratio(col.output_tokens, col.input_tokens), output_tokens=[4, 2, None], input_tokens=[1, 1, 8])
    3.0
    """
    top, bottom = Sum(above, below, half_life), Sum(below, above, half_life)
    count = Sum(REQUESTS, above * below, half_life)
    return quotient(top, bottom, count)


def mean(of: Expr, half_life: float = DAY) -> Reading:
    """Return the decayed mean of the events where `of` is known.

    >>> from streams.features.expressions import col
    >>> from streams.testing.feature_trial import value_of
    >>> value_of(mean(col.duration), duration=[1, 3, None])
    2.0
    """
    top, count = Sum(of, of, half_life), Sum(REQUESTS, of, half_life)
    return quotient(top, count, count)


def weighted(of: Expr, by: Expr, half_life: float = DAY) -> Reading:
    """Return the decayed mean of the events where both are known, each weighted. Its number of events is the sum of their weights.

    >>> from streams.features.expressions import col
    >>> from streams.testing.feature_trial import value_of
    >>> value_of(weighted(col.duration, by=col.seeded), duration=[1, 4, 9], seeded=[1, 0.5, 0])
    2.0

    Args:
        of: What is averaged.
        by: Weight of each event, 0..1.
        half_life: Seconds.
    """
    top, weight = Sum(of * by, of * by, half_life), Sum(by, of * by, half_life)
    return quotient(top, weight, weight)


def share(of: Expr, half_life: float = DAY) -> Reading:
    """Return the decayed share of events where a condition holds, among those where it is known, 0..1.

    >>> from streams.features.expressions import col
    >>> from streams.testing.feature_trial import value_of
    >>> value_of(share(col.output_tokens >= 100), output_tokens=[100, 50, None])
    0.5
    """
    return mean(of, half_life)


def deviation(of: Expr, half_life: float = DAY) -> Reading:
    """Return the decayed standard deviation of the events where `of` is known; unknown of fewer than two.

    >>> from streams.features.expressions import col
    >>> from streams.testing.feature_trial import value_of
    >>> value_of(deviation(col.duration), duration=[2, 4])
    1.0
    """
    square = of * of
    first, second, count = Sum(of, of, half_life), Sum(square, of, half_life), Sum(REQUESTS, of, half_life)

    def read(reader: Reader) -> tuple[Floats, Floats]:
        weight = reader.sum(count)
        average = divide(reader.sum(first), weight)
        variance = divide(reader.sum(second), weight) - average**2
        return np.where(weight >= MIN_DEVIATION_REQUESTS, np.sqrt(np.maximum(variance, 0.0)), np.nan), weight

    return Reading((first, second, count), read)


def daily(of: Expr, half_life: float = DAY) -> Reading:
    """Return the rate per day: the decayed sum divided by the decayed time since the first event, so that young accounts are comparable.

    The time is at least one hour: one request within the first hour is 24 per day.

    >>> from streams.testing.feature_trial import value_of
    >>> round(value_of(daily(REQUESTS), status=200))
    24
    """
    total, count = Sum(of, of, half_life), Sum(REQUESTS, of, half_life)

    def read(reader: Reader) -> tuple[Floats, Floats]:
        span = np.maximum(reader.clock - reader.first, HOUR)
        gathered = half_life / np.log(2) * -np.expm1(-span * np.log(2) / half_life)
        weight = reader.sum(count)
        return np.where(weight > 0, reader.sum(total) / gathered * DAY, np.nan), weight

    return Reading((total, count), read)


def spread(of: Expr, low: float, high: float, bins: int = 16, half_life: float = 7 * DAY) -> Reading:
    """Return the entropy of an expression's histogram over that of a uniform one: 0 for one bin, 1 for equal bins.

    Args:
        of: Expression to count.
        low: Lower limit of the first bin.
        high: Upper limit of the last bin.
        bins: Number of bins of equal width.
        half_life: Seconds after which an event counts half.

    >>> from streams.features.expressions import col
    >>> from streams.testing.feature_trial import value_of
    >>> value_of(spread(col.duration, 0, 4, bins=4), duration=[0.5, 1.5, 2.5, 3.5])
    1.0
    """
    need = Histogram(of, bins, half_life, low, high)
    return Reading((need,), lambda reader: (histogram.entropy(reader.cells(need)), reader.cells(need).sum(axis=1, dtype=np.float64)))


def hours_used(half_life: float = 7 * DAY) -> Reading:
    """Return how evenly the hours of the day are used, 0..1. The hours themselves are not readable: they would reveal a time zone."""
    return spread(Expr("hour", hour_of_day), 0.0, 24.0, bins=24, half_life=half_life)


def top_share(of: Expr, cells: int = 16, half_life: float = 7 * DAY) -> Reading:
    """Return the share of a hash or text column's most frequent value, 0..1. half_life: seconds.

    Values are counted in hashed cells, which may collide.

    >>> from streams.features.expressions import col
    >>> from streams.testing.feature_trial import value_of
    >>> value_of(top_share(col.user_agent), user_agent=["a", "a", "a", "b", None])
    0.75
    """
    need = Histogram(of, cells, half_life)
    return Reading((need,), lambda reader: (histogram.top_share(reader.cells(need)), reader.cells(need).sum(axis=1, dtype=np.float64)))


def different(of: Expr, window: float = DAY) -> Reading:
    """Return the number of different values of a column in the current and the previous window, to within a few per cent.

    It is unknown if no value is known. The column is a hash, text or number column.

    >>> from streams.features.expressions import col
    >>> from streams.testing.feature_trial import value_of
    >>> round(value_of(different(col.user_agent), user_agent=["a", "b", "a"]))
    2
    """
    need = Distinct(of, window)

    def read(reader: Reader) -> tuple[Floats, Floats]:
        count = reader.different(need)
        return np.where(count > 0, count, np.nan), reader.requests

    return Reading((need,), read)


def further_per_request(of: Expr, window: float = DAY) -> Reading:
    """Return the new values of a hash or text column per request after the first, over about a window, 0..1.

    The first request is left out: its value is always new, and an account with one request would seem to change all the time. The rate is
    unknown without a second request.

    >>> from streams.features.expressions import col
    >>> from streams.testing.feature_trial import value_of
    >>> round(value_of(further_per_request(col.user_agent), user_agent=["a", "b", "a"]), 1)
    0.5
    """
    values = Distinct(of, window)
    known = Expr(f"known({of.name})", lambda events: np.where(events.hashed(of.name) != 0, 1.0, np.nan))
    count = Sum(known, known, window)

    def read(reader: Reader) -> tuple[Floats, Floats]:
        further = reader.sum(count) - 1.0
        rate = (reader.different(values) - 1.0) / np.maximum(further, 1e-9)
        return np.where(further >= MIN_FURTHER_REQUESTS, np.clip(rate, 0.0, 1.0), np.nan), np.maximum(further, 0.0)

    return Reading((values, count), read)


def last(of: Expr) -> Reading:
    """Return the newest known value.

    >>> from streams.features.expressions import col
    >>> from streams.testing.feature_trial import value_of
    >>> value_of(last(col.status), status=[200, 500, None])
    500.0
    """
    need = Last(of)
    return Reading((need,), lambda reader: (reader.last(need), reader.requests))


def days_since(of: Expr) -> Reading:
    """Return the days from a time column's newest value to the entity's newest event.

    >>> from streams.features.expressions import col
    >>> from streams.testing.feature_trial import START_SECONDS, value_of
    >>> value_of(days_since(col.account_created), time=START_SECONDS, account_created=START_SECONDS - 3 * DAY)
    3.0
    """
    need = Last(of)
    return Reading((need,), lambda reader: ((reader.clock - reader.last(need)) / DAY, reader.requests))
