"""Expressions over the columns of a request: `col.output_tokens >= 100`, evaluated for a whole block at once.

An unknown value is NaN and stays unknown in every operation; conditions are 1 or 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from models.arrays import Floats
from streams.features.events import CLOCK_COLUMNS, COMPUTED_COLUMNS, NEVER_EVIDENCE, Events


@dataclass(frozen=True)
class Expr:
    """An expression over an event's columns. Expressions with equal names are equal, and use the same accumulators.

    >>> ((col.output_tokens + 1) * 2).name
    '((output_tokens+1)*2)'
    >>> (col.status >= 400) == (col.status >= 400)
    True
    """

    name: str
    evaluate: Callable[[Events], Floats] = field(compare=False, repr=False)
    """A block's events to (events,), float64, NaN where an input is unknown."""

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
        """Return whether the value is below `other`, as 1 or 0."""
        return self._test(other, "<", np.less)

    def __le__(self, other: float) -> Expr:
        """Return whether the value is at most `other`, as 1 or 0."""
        return self._test(other, "<=", np.less_equal)

    def __gt__(self, other: float) -> Expr:
        """Return whether the value is above `other`, as 1 or 0."""
        return self._test(other, ">", np.greater)

    def __ge__(self, other: float) -> Expr:
        """Return whether the value is at least `other`, as 1 or 0."""
        return self._test(other, ">=", np.greater_equal)

    def is_(self, *words: str) -> Expr:
        """Return whether a text column has one of these words, as 1 or 0."""
        chosen = frozenset(words)
        return Expr(f"({self.name} is {'|'.join(sorted(chosen))})", lambda events: events.is_word(self.name, chosen))

    def log(self) -> Expr:
        """Return ln(1 + x)."""
        return Expr(f"log({self.name})", lambda events: np.log1p(np.maximum(self.evaluate(events), 0.0)))

    def or_else(self, default: float) -> Expr:
        """Return the value, or `default` where it is unknown. Use it only where a missing value means the default."""

        def evaluate(events: Events) -> Floats:
            values = self.evaluate(events)
            return np.where(np.isnan(values), default, values)

        return Expr(f"({self.name} or {default:g})", evaluate)


class _Columns:
    """`col.output_tokens` is the expression of that column; derived columns are included.

    >>> col.country
    Traceback (most recent call last):
    ValueError: country is never evidence: no feature may read it
    """

    def __getattr__(self, name: str) -> Expr:
        """Return the expression of a column; whether the column exists is checked when it is evaluated.

        Raises:
            ValueError: The column is never evidence (`NEVER_EVIDENCE`, `CLOCK_COLUMNS`).
        """
        if name.startswith("_"):
            raise AttributeError(name)
        if name in NEVER_EVIDENCE | CLOCK_COLUMNS:
            message = f"{name} is never evidence: no feature may read it"
            raise ValueError(message)
        computed = COMPUTED_COLUMNS.get(name)
        return Expr(name, computed or (lambda events: events.number(name)))


col = _Columns()
REQUESTS = col.requests
