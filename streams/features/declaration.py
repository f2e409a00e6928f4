"""How a feature is written: which expression of an event, through which accumulator, read how.

A feature is a declaration, one file in `streams/features/`; no other code changes. `Bank` collects what all features of an entity need
(each accumulator once, however many features share it), updates it a block at a time, and reads every feature of many entities at once.

    class EgressShare(Feature):
        entity = "account"
        family = "content"
        direction = "high"
        limits = (0.0, 50.0)
        value = ratio(col.output_tokens, col.uncached_input_tokens, half_life=DAY)
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from hashlib import blake2b
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from models.accumulators import decayed, distinct, histogram
from models.accumulators.step import Floats, Step
from models.state.columns import Columns, Field, Slots
from streams.schema.blocks import Block, Hashes

HOUR = 3600.0
DAY = 24 * HOUR

Family = Literal["content", "evenness", "cohort", "payment", "link", "timing", "volume", "parameters", "client", "network", "change"]
Direction = Literal["high", "low", "both"]
Entity = Literal["account", "group"]

_LEAST_FURTHER = 0.5
"""Further requests, decayed, of which fewer say nothing."""

NEVER_EVIDENCE = frozenset({"country", "language"})
"""Columns that no feature may read: nationality and language are never evidence of guilt."""
NO_CLOCK = frozenset({"time", "hour"})
"""Nor may a feature read what time of day it is: that is a time zone. How evenly a day is used is none: see `hours_used`."""


LEAST_TO_DEVIATE = 2.0
ABSURD = 1e15
"""From here on a number is taken for a fault of its log, and unknown: no count of tokens, no time and no length comes near."""


class Events:
    """A block's events in step order, as the expressions of features see them: numbers, hashes and derived columns, on demand."""

    def __init__(self, block: Block, step: Step, derived: Mapping[str, NDArray[Any]] | None = None) -> None:
        """Look at `block` in the order of `step`. `derived` holds columns that the stage computed, in step order."""
        self.block = block
        self.step = step
        self._seen: dict[str, NDArray[Any]] = dict(derived or {})

    def number(self, name: str) -> Floats:
        """Return a number or time column, shape (events,), float64, NaN where unknown."""
        values = self._seen.get(name)
        if values is None:
            self._check(name)
            found = np.asarray(self.block.numbers(name), np.float64)[self.step.order]
            values = self._seen[name] = np.where(
                np.abs(found) < ABSURD, found, np.nan
            )  # else one could make a float32 sum infinite for ever
        return values

    def hashed(self, name: str) -> Hashes:
        """Return a hash column, or the hashes of a text or number column, shape (events,), 0 where unknown."""
        key = f"hash of {name}"
        values = self._seen.get(key)
        if values is None:
            self._check(name)
            known = name in self.block.layout.columns
            values = self._seen[key] = self._hashes(name)[self.step.order] if known else self._seen[name]
        return values

    def is_word(self, name: str, words: frozenset[str]) -> Floats:
        """Return 1 where a text column is one of `words`, 0 where it is another, NaN where unknown. Shape (events,)."""
        self._check(name)
        table = np.array([*(float(word in words) for word in self.block.words(name)), np.nan])
        return table[self.block.codes(name)][self.step.order]

    def _check(self, name: str) -> None:
        if name in self.block.layout.columns or name in self._seen:
            return
        known = {*self.block.layout.columns, *self._seen, *_DERIVED} - NEVER_EVIDENCE - NO_CLOCK
        near = difflib.get_close_matches(name, sorted(known), n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        message = (
            f"there is no column {name}: {hint}REQUESTS in streams/schema/blocks.py and columns() in streams/features/derived.py list them"
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


@lru_cache(maxsize=65536)
def hash_word(word: str) -> int:
    """Return a stable 64-bit hash of a word; never 0. Not keyed: it names cells of state, and never leaves a process."""
    return int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "little") or 1


def hash_numbers(values: NDArray[np.floating[Any]]) -> Hashes:
    """Return stable 64-bit hashes of numbers, 0 for what is not finite, shape as given (Fibonacci hashing, Knuth 1973, 6.4)."""
    bits = np.ascontiguousarray(values, np.float64).view(np.uint64)
    mixed = (bits ^ np.uint64(0xB492B66FBE98F273)) * np.uint64(0x9E3779B97F4A7C15)
    return np.where(np.isfinite(values), np.maximum(mixed ^ (mixed >> np.uint64(32)), 1), 0).astype(np.uint64)


@dataclass(frozen=True)
class Expr:
    """An expression over an event's columns: unknown (NaN) wherever an input is unknown. Its name is its identity."""

    name: str
    evaluate: Callable[[Events], Floats] = field(compare=False, repr=False)

    def _with(self, other: Expr | float, sign: str, operate: Callable[[Any, Any], Any]) -> Expr:
        if isinstance(other, Expr):
            return Expr(f"({self.name}{sign}{other.name})", lambda events: operate(self.evaluate(events), other.evaluate(events)))
        return Expr(f"({self.name}{sign}{other:g})", lambda events: operate(self.evaluate(events), other))

    def _test(self, other: float, sign: str, operate: Callable[[Any, Any], Any]) -> Expr:
        def evaluate(events: Events) -> Floats:
            values = self.evaluate(events)
            return np.where(np.isnan(values), np.nan, operate(values, other))

        return Expr(f"({self.name}{sign}{other:g})", evaluate)

    def __add__(self, other: Expr | float) -> Expr:
        """Return the sum."""
        return self._with(other, "+", np.add)

    def __sub__(self, other: Expr | float) -> Expr:
        """Return the difference."""
        return self._with(other, "-", np.subtract)

    def __mul__(self, other: Expr | float) -> Expr:
        """Return the product."""
        return self._with(other, "*", np.multiply)

    def __and__(self, other: Expr) -> Expr:
        """Return whether both conditions hold."""
        return self._with(other, "&", np.multiply)

    def __lt__(self, other: float) -> Expr:
        """Return whether it is below, as 1 or 0."""
        return self._test(other, "<", np.less)

    def __le__(self, other: float) -> Expr:
        """Return whether it is at most that, as 1 or 0."""
        return self._test(other, "<=", np.less_equal)

    def __gt__(self, other: float) -> Expr:
        """Return whether it is above, as 1 or 0."""
        return self._test(other, ">", np.greater)

    def __ge__(self, other: float) -> Expr:
        """Return whether it is at least that, as 1 or 0."""
        return self._test(other, ">=", np.greater_equal)

    def is_(self, *words: str) -> Expr:
        """Return whether a text column holds one of these words."""
        chosen = frozenset(words)
        return Expr(f"({self.name} is {'|'.join(sorted(chosen))})", lambda events: events.is_word(self.name, chosen))

    def log(self) -> Expr:
        """Return ln(1 + x)."""
        return Expr(f"log({self.name})", lambda events: np.log1p(np.maximum(self.evaluate(events), 0.0)))

    def or_else(self, default: float) -> Expr:
        """Return the value, or `default` where it is unknown: only where unknown truly means that."""

        def evaluate(events: Events) -> Floats:
            values = self.evaluate(events)
            return np.where(np.isnan(values), default, values)

        return Expr(f"({self.name} or {default:g})", evaluate)


class _Cols:
    """`col.output_tokens` is the expression of that column, derived columns included."""

    def __getattr__(self, name: str) -> Expr:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in NEVER_EVIDENCE | NO_CLOCK:
            message = f"{name} is never evidence: no feature may read it"
            raise ValueError(message)
        special = _DERIVED.get(name)
        return Expr(name, special or (lambda events: events.number(name)))


def _uncached(events: Events) -> Floats:
    cached = events.number("cached_tokens")
    return np.maximum(events.number("input_tokens") - np.where(np.isnan(cached), 0.0, cached), 0.0)


def _hour(events: Events) -> Floats:
    return np.floor(events.number("time") % DAY / HOUR)


_DERIVED: dict[str, Callable[[Events], Floats]] = {
    "uncached_input_tokens": _uncached,
    "requests": lambda events: np.ones(len(events.step.order)),
}
col = _Cols()
REQUESTS = col.requests


@dataclass(frozen=True)
class Sum:
    """A decayed sum of `value` over the events where `given` is known too (the value itself is known there by definition)."""

    value: Expr
    given: Expr
    half_life: float

    @property
    def label(self) -> str:
        """The sum's name within its column."""
        return f"{self.value.name} given {self.given.name}"


@dataclass(frozen=True)
class Histogram:
    """A decayed histogram of a column's hashed cells (`high` is 0), or of an expression's bins between limits."""

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
    """How many different values of a hash or text column an entity showed in this window and the one before."""

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


@dataclass(frozen=True)
class Reading:
    """How a feature's value is read from accumulators: what it needs, and the value and the events behind it for many entities.

    `read` returns two arrays of shape (entities,): the value, NaN when unknown, and how many events it rests on.
    """

    needs: tuple[Need, ...]
    read: Callable[[Reader], tuple[Floats, Floats]]

    def __truediv__(self, other: Reading) -> Reading:
        """Return the quotient; it rests on the fewer events of the two."""
        return combine(_divide, self, other)

    def __mul__(self, other: Reading) -> Reading:
        """Return the product; it rests on the fewer events of the two."""
        return combine(np.multiply, self, other)

    def log(self) -> Reading:
        """Return ln(1 + x): heavy tails become even enough for bins of equal width."""
        return combine(lambda value: np.log1p(np.maximum(value, 0.0)), self)


def combine(function: Callable[..., Floats], *readings: Reading) -> Reading:
    """Return a function of several readings; it rests on the fewest events of them."""

    def read(reader: Reader) -> tuple[Floats, Floats]:
        parts = [reading.read(reader) for reading in readings]
        return function(*(value for value, _ in parts)), np.minimum.reduce([weight for _, weight in parts])

    return Reading(tuple(need for reading in readings for need in reading.needs), read)


def _divide(above: Floats, below: Floats) -> Floats:
    quotient: Floats = np.divide(above, below, out=np.full(np.shape(below), np.nan), where=below > 0)
    return quotient


def ratio(above: Expr, below: Expr, half_life: float = DAY) -> Reading:
    """Return decayed sum over decayed sum, of the events where both are known."""
    top, bottom = Sum(above, below, half_life), Sum(below, above, half_life)
    count = Sum(REQUESTS, above * below, half_life)
    return Reading((top, bottom, count), lambda reader: (_divide(reader.sum(top), reader.sum(bottom)), reader.sum(count)))


def mean(of: Expr, half_life: float = DAY) -> Reading:
    """Return the decayed mean of the events where `of` is known."""
    top, count = Sum(of, of, half_life), Sum(REQUESTS, of, half_life)
    return Reading((top, count), lambda reader: (_divide(reader.sum(top), reader.sum(count)), reader.sum(count)))


def share(of: Expr, half_life: float = DAY) -> Reading:
    """Return the decayed share of events where a condition holds, of those where it is known."""
    return mean(of, half_life)


def deviation(of: Expr, half_life: float = DAY) -> Reading:
    """Return the decayed standard deviation of the events where `of` is known."""
    square = of * of
    first, second, count = Sum(of, of, half_life), Sum(square, of, half_life), Sum(REQUESTS, of, half_life)

    def read(reader: Reader) -> tuple[Floats, Floats]:
        weight = reader.sum(count)
        average = _divide(reader.sum(first), weight)
        variance = _divide(reader.sum(second), weight) - average**2
        return np.where(weight >= LEAST_TO_DEVIATE, np.sqrt(np.maximum(variance, 0.0)), np.nan), weight

    return Reading((first, second, count), read)


def daily(of: Expr, half_life: float = DAY) -> Reading:
    """Return the rate a day: the decayed sum over the time it could gather in (a young account is not called slow)."""
    total, count = Sum(of, of, half_life), Sum(REQUESTS, of, half_life)

    def read(reader: Reader) -> tuple[Floats, Floats]:
        span = np.maximum(reader.clock - reader.first, HOUR)
        gathered = half_life / np.log(2) * -np.expm1(-span * np.log(2) / half_life)
        weight = reader.sum(count)
        return np.where(weight > 0, reader.sum(total) / gathered * DAY, np.nan), weight

    return Reading((total, count), read)


def spread(of: Expr, low: float, high: float, bins: int = 16, half_life: float = 7 * DAY) -> Reading:
    """Return the entropy of an expression's histogram between limits over that of a flat one, 0..1."""
    need = Histogram(of, bins, half_life, low, high)
    return Reading((need,), lambda reader: (histogram.entropy(reader.cells(need)), reader.cells(need).sum(axis=1, dtype=np.float64)))


def hours_used(half_life: float = 7 * DAY) -> Reading:
    """Return how evenly the hours of the day are used, 0..1. Which hours those are cannot be read: that would be a time zone."""
    return spread(Expr("hour", _hour), 0.0, 24.0, bins=24, half_life=half_life)


def top_share(of: Expr, cells: int = 16, half_life: float = 7 * DAY) -> Reading:
    """Return the share of a hash or text column's most frequent value (through hashed cells), 0..1."""
    need = Histogram(of, cells, half_life)
    return Reading((need,), lambda reader: (histogram.top_share(reader.cells(need)), reader.cells(need).sum(axis=1, dtype=np.float64)))


def different(of: Expr, window: float = DAY) -> Reading:
    """Return how many different values a hash or text column showed in this window and the one before; unknown when none was known."""
    need = Distinct(of, window)

    def read(reader: Reader) -> tuple[Floats, Floats]:
        found = distinct.estimate(reader.registers(need))
        return np.where(found > 0, found, np.nan), reader.requests

    return Reading((need,), read)


def further_per_request(of: Expr, window: float = DAY) -> Reading:
    """Return how many further values of a hash or text column came per further request where it was known, over about a window, 0..1.

    Further is after the first: a first request has a first value in any case, and who asked once would seem to change all the time.
    NaN without a further one.
    """
    values = Distinct(of, window)
    known = Expr(f"known({of.name})", lambda events: np.where(events.hashed(of.name) != 0, 1.0, np.nan))
    count = Sum(known, known, window)

    def read(reader: Reader) -> tuple[Floats, Floats]:
        further = reader.sum(count) - 1.0
        share = (distinct.estimate(reader.registers(values)) - 1.0) / np.maximum(further, 1e-9)
        return np.where(further >= _LEAST_FURTHER, np.clip(share, 0.0, 1.0), np.nan), np.maximum(further, 0.0)

    return Reading((values, count), read)


def last(of: Expr) -> Reading:
    """Return the newest known value."""
    need = Last(of)
    return Reading((need,), lambda reader: (reader.last(need), reader.requests))


def days_since(of: Expr) -> Reading:
    """Return the days from a time column's newest value to the entity's newest event."""
    need = Last(of)
    return Reading((need,), lambda reader: ((reader.clock - reader.last(need)) / DAY, reader.requests))


class Feature:
    """One thing that is measured of an entity. Subclass it in a file of its own; the docstring says "Rises on" and "Blind to"."""

    entity: ClassVar[Entity]
    family: ClassVar[Family]
    direction: ClassVar[Direction]
    limits: ClassVar[tuple[float, float]]
    """Declared range of the value: p-values and River models bin between these, and never learn them."""
    value: ClassVar[Any]
    """A `Reading` for accounts; for groups a function of its `Members` (`streams/features/members.py`)."""
    shrink: ClassVar[float] = 8.0
    """Events at which an account's evidence counts half: fewer say less."""
    nats: ClassVar[Any] = None
    """For groups a function from the value to what it says, in nats; None: it is shown to the analyst and has no vote. Accounts are judged
    by their tails."""

    @classmethod
    def name(cls) -> str:
        """Return the feature's name: that of its class, in snake case."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()


@cache
def features(entity: Entity) -> tuple[type[Feature], ...]:
    """Return every feature of an entity found in `streams/features/`, by name."""
    package = importlib.import_module(f"streams.features.{entity}")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    found = {cls.name(): cls for cls in Feature.__subclasses__() if cls.__module__.startswith("streams.features.") and cls.entity == entity}
    return tuple(found[name] for name in sorted(found))


@dataclass(frozen=True)
class _Plan:
    """How the rows of some sums come from expressions that they share: which is each one's value, and which must be known."""

    expressions: tuple[Expr, ...]
    value: NDArray[np.intp]
    given: NDArray[np.intp]

    @classmethod
    def of(cls, sums: Iterable[Sum]) -> _Plan:
        """Plan the rows of these sums."""
        chosen = tuple(sums)
        place = {expr: row for row, expr in enumerate(dict.fromkeys(expr for need in chosen for expr in (need.value, need.given)))}
        rows = np.array([(place[need.value], place[need.given]) for need in chosen], np.intp)
        return cls(tuple(place), rows[:, 0], rows[:, 1])


class Bank:
    """All accumulators that some features need, each once, as fields of a `Columns`."""

    def __init__(self, chosen: Iterable[type[Feature]], also: Iterable[Reading] = ()) -> None:
        """Collect what these features, and some readings that are no features, need."""
        self.features = tuple(chosen)
        readings = [*(feature.value for feature in self.features), *also]
        needs = dict.fromkeys(need for reading in readings for need in reading.needs)
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

    def fields(self) -> dict[str, Field]:
        """Return the columns to keep an entity's accumulators in: sums by half-life, histograms, registers, newest values, clocks."""
        made = {
            f"sums over {half_life:g}": Field("f4", labels=tuple(need.label for need in group)) for half_life, group in self._sums.items()
        }
        made |= {need.label: Field("f4", width=need.bins) for need in self._histograms}
        made |= {need.label: Field("u1", width=distinct.WIDTH) for need in self._distinct}
        if self._last:
            made["last"] = Field("f8", np.nan, labels=tuple(need.label for need in self._last))
        return made | {"clock": Field("f8", -np.inf), "first": Field("f8", np.inf), "requests": Field("f8")}

    def fold(self, state: Columns, events: Events) -> None:
        """Add a block's events to every accumulator, in place. Costs per block, whatever the number of entities."""
        step = events.step
        known: dict[Expr, Floats] = {}
        for half_life, plan in self._plans.items():
            decayed.fold(state[f"sums over {half_life:g}"], step, _matrix(plan, events, known), half_life)
        for cells in self._histograms:
            histogram.fold(state[cells.label], step, _cells(cells, events), cells.half_life)
        for registers in self._distinct:
            distinct.fold(state[registers.label], step, events.hashed(registers.of.name), registers.window)
        for position, need in enumerate(self._last):
            _keep_last(state["last"], position, step, _evaluate(need.of, events, known))
        state["clock"][step.slots] = step.clock
        state["first"][step.slots] = np.minimum(state["first"][step.slots], step.times[step.starts])
        state["requests"][step.slots] += step.counts

    def reader(self, state: Columns, slots: Slots) -> Reader:
        """Look at the accumulators of these entities."""
        return Reader(state, slots, self.position)

    def read(self, state: Columns, slots: Slots) -> tuple[Floats, Floats]:
        """Return every feature of these entities as of their newest event: values and events behind them, both (entities, features)."""
        reader = self.reader(state, slots)
        pairs = [feature.value.read(reader) for feature in self.features]
        return np.column_stack([value for value, _ in pairs]), np.column_stack([weight for _, weight in pairs])


def _evaluate(expr: Expr, events: Events, known: dict[Expr, Floats]) -> Floats:
    values = known.get(expr)
    if values is None:
        values = known[expr] = expr.evaluate(events)
    return values


def _matrix(plan: _Plan, events: Events, known: dict[Expr, Floats]) -> Floats:
    """Return one row a sum, (sums, events), with 0 where the value or its condition is unknown."""
    values = np.empty((len(plan.expressions), len(events.step.order)))
    for row, expr in zip(values, plan.expressions, strict=True):
        row[:] = _evaluate(expr, events, known)
    unknown = np.isnan(values)
    values[unknown] = 0.0
    matrix = values[plan.value]
    matrix[unknown[plan.given]] = 0.0
    return matrix


def _cells(need: Histogram, events: Events) -> NDArray[np.int64]:
    if need.high > need.low:
        return histogram.bins_of(need.of.evaluate(events), need.low, need.high, need.bins)
    return histogram.cells_of(events.hashed(need.of.name), need.bins)


def _keep_last(column: NDArray[np.float64], position: int, step: Step, values: Floats) -> None:
    known = np.flatnonzero(~np.isnan(values))
    column[step.slots[step.entity[known]], position] = values[known]


class Reader:
    """What readings see of some entities: their accumulators, as of each one's newest event."""

    def __init__(self, state: Columns, slots: Slots, position: Mapping[Need, int]) -> None:
        """Look at these slots of a table."""
        self._state = state
        self._slots = slots
        self._position = position
        self._rows: dict[str, NDArray[Any]] = {}
        self._sums: dict[float, Floats] = {}

    def _column(self, name: str) -> NDArray[Any]:
        rows = self._rows.get(name)
        if rows is None:
            rows = self._rows[name] = self._state[name][self._slots]
        return rows

    def sum(self, need: Sum) -> Floats:
        """Return a decayed sum, (entities,)."""
        sums = self._sums.get(need.half_life)
        if sums is None:
            rows = self._column(f"sums over {need.half_life:g}")
            sums = self._sums[need.half_life] = np.ascontiguousarray(rows.T, np.float64)
        values: Floats = sums[self._position[need]]
        return values

    def cells(self, need: Histogram) -> NDArray[np.float32]:
        """Return a decayed histogram, (entities, bins)."""
        return self._column(need.label)

    def registers(self, need: Distinct) -> NDArray[np.uint8]:
        """Return registers, (entities, 128)."""
        return self._column(need.label)

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
        """All requests ever, (entities,)."""
        return self._column("requests")
