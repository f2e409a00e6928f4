"""How evenly work is spread over the accounts of a group: a dispatcher spreads it, people do not.

Two stories of the accounts' counts are compared, both negative binomial (gamma-Poisson) with rate and shape fitted to the group: a
dispatcher's (rates differ by a fifth or a third) and people's (by 70 % or more: many light and a few heavy). Two things look
even without being so, and are allowed for: accounts that came later (a rate needs its exposure), and counts above a threshold (whoever
must ask twice to be a member has asked at least twice), by truncating both stories below that threshold.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from models.accumulators.step import Floats

DISPATCHER: Final = (20.0, 8.0)
PEOPLE: Final = (2.0, 0.7)
"""Shapes to try: 1 / sqrt(shape) is how much rates differ, relative to their mean."""
CHOSEN_PEOPLE: Final = (4.0, *PEOPLE)
"""Those of people who were chosen by what they did: the lightest are not among them, so the others differ less."""
FLOOR: Final = -50.0
CEILING: Final = 50.0

_MOST: Final = 400
_RATES: Final = np.geomspace(1e-4, 4.0, 40)
"""Rates to try, as multiples of the pooled one: of accounts barely over the threshold the best one is far below it."""


def log_likelihood_ratio(counts: Floats, exposure: Floats, least: int = 1, people: tuple[float, ...] = PEOPLE) -> float:
    """Return ln P(counts | dispatcher) - ln P(counts | people), between FLOOR and CEILING; 0 for fewer than two accounts.

    counts: (accounts,), requests each. exposure: (accounts,), the time each could ask in, any unit. least: the count from which an account
    belongs to the group. people: shapes of the other story. Above 400 accounts an even sample of them is judged.
    """
    usable = np.isfinite(counts) & np.isfinite(exposure) & (exposure > 0) & (counts >= least)
    counts, exposure = np.round(counts[usable]), exposure[usable]
    if len(counts) < 2:  # noqa: PLR2004 - one account cannot be uneven
        return 0.0
    chosen = np.linspace(0, len(counts) - 1, min(len(counts), _MOST)).astype(np.intp)
    dealt, lived = (max(_best(counts[chosen], exposure[chosen], shape, least) for shape in shapes) for shapes in (DISPATCHER, people))
    return float(np.clip(dealt - lived, FLOOR, CEILING))


def _best(counts: Floats, exposure: Floats, shape: float, least: int) -> float:
    """Return the largest log-likelihood over the rates tried, less the terms that the two stories share."""
    rates = _RATES * counts.sum() / exposure.sum()
    means = rates[:, None] * exposure
    none, some = _chances(means, shape)
    likelihood = _log_probability(counts, none, some, shape) - np.log1p(-_below(none, some, shape, least))
    return float(likelihood.sum(axis=1).max())


def _chances(means: Floats, shape: float) -> tuple[Floats, Floats]:
    """Return ln(shape / (shape + mean)) and ln(mean / (shape + mean)): all terms need them, and a logarithm a cell is what costs."""
    whole = np.log(shape + means)
    return math.log(shape) - whole, np.log(means) - whole


def _log_probability(counts: Floats, none: Floats, some: Floats, shape: float) -> Floats:
    """Return ln of the negative binomial probability, without its -ln(count!). counts: (accounts,), the others: (rates, accounts)."""
    values, which = np.unique(counts, return_inverse=True)
    rising = np.array([math.lgamma(count + shape) for count in values.tolist()])[which] - math.lgamma(shape)
    return rising + counts * some + shape * none


def _below(none: Floats, some: Floats, shape: float, least: int) -> Floats:
    """Return the probability of fewer than `least` requests, short of 1. none, some: (rates, accounts)."""
    term = np.exp(shape * none)
    found = term.copy()
    if least > 1:
        odds = np.exp(some)
        for count in range(least - 1):
            term = term * (count + shape) / (count + 1) * odds
            found += term
    return np.minimum(found, 1.0 - 1e-12)
