"""How evenly work is spread over the accounts of a group: a dispatcher spreads it, people do not.

Two stories of the accounts' counts are compared, both negative binomial (gamma-Poisson) with rate and shape fitted to the group: a
dispatcher's (rates differ by a fifth or a third) and people's (by half or more: many light and a few heavy). An account is known by its
first request, so that only what came after it is counted, over the time since then. When that was may say something too: who could have
asked all along and came late is light, a gamma posterior after one event in the time waited; who was told of it late is not. Each story is
told both ways, and its better telling counts, or people who joined in the course of a day would look even.

Counts above a threshold (whoever must ask twice to be a member has asked at least twice) look even without being so: both stories are
truncated below that threshold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from models.accumulators.step import Floats

DISPATCHER: Final = (20.0, 8.0)
PEOPLE: Final = (3.0, 2.0, 0.7)
"""Shapes to try: 1 / sqrt(shape) is how much rates differ, relative to their mean. People at one event differ less than all people do."""
CHOSEN_PEOPLE: Final = (4.0, *PEOPLE)
"""Those of people who were chosen by what they did: the lightest are not among them, so the others differ less."""
FLOOR: Final = -50.0
CEILING: Final = 50.0

_MAX_ROWS: Final = 400
_RATES: Final = np.geomspace(1e-4, 4.0, 40)
"""Rates to try, as multiples of the pooled one: of accounts barely over the threshold the best one is far below it."""


@dataclass(frozen=True)
class Work:
    """What was done, one row an account or a set of accounts that share one rate, all (rows,); times in any unit."""

    counts: Floats
    """Pieces of work, the first of each account among them."""
    exposure: Floats
    """The time since each account's first, in which the others could come; of several accounts the sum."""
    waited: Floats
    """The time before it, in which the first could have come already; of several accounts the sum."""
    accounts: Floats
    """How many accounts the row stands for."""

    @classmethod
    def of_accounts(cls, counts: Floats, exposure: Floats, waited: Floats) -> Work:
        """Return a row an account."""
        return cls(counts, exposure, waited, np.ones(len(counts)))

    def by(self, unit: NDArray[np.intp]) -> Work:
        """Return a row a unit. unit: (rows,), numbered from 0."""
        parts = (self.counts, self.exposure, self.waited, self.accounts)
        return Work(*(np.bincount(unit, weights=part).astype(np.float64) for part in parts))

    def take(self, rows: NDArray[np.intp]) -> Work:
        """Return these rows."""
        return Work(self.counts[rows], self.exposure[rows], self.waited[rows], self.accounts[rows])


def log_likelihood_ratio(work: Work, least: int = 1, people: tuple[float, ...] = PEOPLE) -> float:
    """Return ln P(counts | dispatcher) - ln P(counts | people), between FLOOR and CEILING; 0 for fewer than two rows.

    least: the count from which an account belongs to the group. people: shapes of the other story. Above 400 rows an even sample of them
    is judged. Rows with unknown values are left out.
    """
    known = np.isfinite(work.counts) & np.isfinite(work.exposure) & np.isfinite(work.waited) & (work.exposure > 0)
    usable = np.flatnonzero(known & (work.counts >= least * work.accounts))
    if len(usable) < 2:  # noqa: PLR2004 - one account cannot be uneven
        return 0.0
    judged = work.take(usable[np.linspace(0, len(usable) - 1, min(len(usable), _MAX_ROWS)).astype(np.intp)])
    dealt, lived = (max(_best(judged, shape, least, late) for shape in shapes for late in (False, True)) for shapes in (DISPATCHER, people))
    return float(np.clip(dealt - lived, FLOOR, CEILING))


def _best(work: Work, shape: float, least: int, late: bool) -> float:  # noqa: FBT001 (one of two tellings)
    """Return the largest log-likelihood over the rates tried, less the terms that the stories share.

    late: whoever came late is light: a rate's prior is that of one event an account in the time waited.
    """
    counts = np.round(work.counts)
    elapsed = work.exposure + work.waited if late else work.exposure
    rates = _RATES * counts.sum() / elapsed.sum()
    shapes = shape + work.accounts * late
    none, some = _chances(shape / rates[:, None] + work.waited * late, work.exposure)
    likelihood = _log_probability(counts - work.accounts, none, some, shapes) - np.log1p(-_below(none, some, shapes, least - 1))
    return float(likelihood.sum(axis=1).max())


def _chances(scale: Floats, exposure: Floats) -> tuple[Floats, Floats]:
    """Return ln(scale / (scale + exposure)) and ln(exposure / (scale + exposure)): all terms need them, and a logarithm is what costs."""
    whole = np.log(scale + exposure)
    return np.log(scale) - whole, np.log(exposure) - whole


def _log_probability(counts: Floats, none: Floats, some: Floats, shapes: Floats) -> Floats:
    """Return ln of the negative binomial probability, without its -ln(count!). counts, shapes: (rows,), the others: (rates, rows)."""
    rising = gammaln(counts + shapes) - gammaln(shapes)
    probability: Floats = rising + counts * some + shapes * none
    return probability


def _below(none: Floats, some: Floats, shapes: Floats, least: int) -> Floats:
    """Return the probability of counts below `least`, short of 1. none, some: (rates, rows). shapes: (rows,)."""
    if least <= 0:
        return np.zeros_like(none)
    term = np.exp(shapes * none)
    found, odds = term.copy(), np.exp(some)
    for count in range(least - 1):
        term = term * (count + shapes) / (count + 1) * odds
        found += term
    return np.minimum(found, 1.0 - 1e-12)
