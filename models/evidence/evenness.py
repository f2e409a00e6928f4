"""How evenly work is distributed over the accounts of a group: a dispatcher distributes it evenly, people do not.

Two models of the accounts' counts are compared. Both are negative binomial (gamma-Poisson) with rate and shape fitted to the group: in the
dispatcher's model rates differ by a fifth or a third, in the people's model by half or more (many light users and a few heavy ones). An
account is known from its first request on, so only later requests are counted, over the time since the first.

The time before the first request can be informative too. An account that could have started earlier and did not is a light user: its
rate has a gamma posterior after one event in the time waited. An account that joined the group late is not. Each model is fitted both
ways and the better fit counts; otherwise people who join in the course of a day would look even.

Counts above a threshold look even without being so (an account that becomes a member by its second request has at least two). So both
models are truncated below that threshold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from models.accumulators.step import Floats

DISPATCHER_SHAPES: Final = (20.0, 8.0)
PEOPLE_SHAPES: Final = (3.0, 2.0, 0.7)
"""Shapes of the gamma distribution to try. Rates differ by 1 / sqrt(shape) of their mean; they differ less among people at one event."""
CHOSEN_PEOPLE_SHAPES: Final = (4.0, *PEOPLE_SHAPES)
"""Shapes for people who were selected by their activity: the lightest users are not among them, so rates differ less."""
MIN_EVENNESS_NATS: Final = -50.0
MAX_EVENNESS_NATS: Final = 50.0

_MAX_ROWS: Final = 400
_RATE_MULTIPLES: Final = np.geomspace(1e-4, 4.0, 40)
"""Rates to try, as multiples of the group's pooled rate. Accounts barely over the threshold have a best rate far below it."""


@dataclass(frozen=True)
class Work:
    """Work by account, or by set of accounts with one common rate; all fields are (rows,), times in any unit."""

    counts: Floats
    """Pieces of work, including the first of each account."""
    exposure: Floats
    """Time since each account's first piece of work; the sum over the row's accounts."""
    waited: Floats
    """Time before each account's first piece of work; the sum over the row's accounts."""
    accounts: Floats
    """Number of accounts in the row."""

    @classmethod
    def of_accounts(cls, counts: Floats, exposure: Floats, waited: Floats) -> Work:
        """Return one row for each account."""
        return cls(counts, exposure, waited, np.ones(len(counts)))

    def by(self, unit: NDArray[np.intp]) -> Work:
        """Return one row for each unit, the sum of its rows. unit: (rows,), numbered from 0."""
        parts = (self.counts, self.exposure, self.waited, self.accounts)
        return Work(*(np.bincount(unit, weights=part).astype(np.float64) for part in parts))

    def take(self, rows: NDArray[np.intp]) -> Work:
        """Return these rows."""
        return Work(self.counts[rows], self.exposure[rows], self.waited[rows], self.accounts[rows])


def expected_nats(work: Work) -> float:
    """Return the nats against a dispatcher to expect of these counts if people made them: what the comparison can show at all.

    The divergence of the people's model from the dispatcher's at each row's expected count, summed (Kullback and Leibler 1951). Twenty
    accounts with one or two pieces of work each say nothing yet, with eight each they tell:

    >>> light, heavy = (Work.of_accounts(np.full(20, count), np.ones(20), np.zeros(20)) for count in (1.5, 8.0))
    >>> round(expected_nats(light), 1), round(expected_nats(heavy), 1)
    (1.2, 11.4)
    """
    known = np.isfinite(work.counts) & np.isfinite(work.exposure) & (work.exposure > 0)
    if known.sum() < 2:  # noqa: PLR2004 - one account cannot be uneven
        return 0.0
    rate = work.counts[known].sum() / work.exposure[known].sum()
    return float(np.interp(np.log(np.maximum(rate * work.exposure[known], 1e-3)), np.log(_MEANS), _DIVERGENCES).sum())


def _divergence(mean: float, shape: float = 2.0, other: float = 20.0) -> float:
    """Return KL(negative binomial of a shape || that of another), both of this mean, in nats."""
    counts = np.arange(int(12 * mean) + 60)
    first, second = (
        gammaln(counts + each) - gammaln(each) + each * np.log(each / (each + mean)) + counts * np.log(mean / (each + mean))
        for each in (shape, other)
    )
    return float((np.exp(first - gammaln(counts + 1)) * (first - second)).sum())


_MEANS: Final = np.geomspace(0.05, 200.0, 30)
_DIVERGENCES: Final = np.array([_divergence(mean) for mean in _MEANS.tolist()])


def log_likelihood_ratio(work: Work, least: int = 1, people: tuple[float, ...] = PEOPLE_SHAPES) -> float:
    """Return ln P(counts | dispatcher) - ln P(counts | people), MIN_EVENNESS_NATS..MAX_EVENNESS_NATS; 0 for fewer than two rows.

    Ten accounts with about 100 requests each in one day look dealt out; with 10 to 1,000 requests each they look like people:

    >>> day = np.ones(10)
    >>> even, uneven = np.linspace(90, 110, 10), np.geomspace(10, 1000, 10)
    >>> log_likelihood_ratio(Work.of_accounts(even, day, 0 * day)) > 5
    True
    >>> log_likelihood_ratio(Work.of_accounts(uneven, day, 0 * day)) < -5
    True

    Args:
        work: The group's work. Rows with an unknown value (NaN) are left out; of more than 400 rows an evenly spaced sample is used.
        least: Count from which an account belongs to the group.
        people: Shapes of the people's model.
    """
    known = np.isfinite(work.counts) & np.isfinite(work.exposure) & np.isfinite(work.waited) & (work.exposure > 0)
    usable = np.flatnonzero(known & (work.counts >= least * work.accounts))
    if len(usable) < 2:  # noqa: PLR2004 - one account cannot be uneven
        return 0.0
    judged = work.take(usable[np.linspace(0, len(usable) - 1, min(len(usable), _MAX_ROWS)).astype(np.intp)])
    dealt, lived = (
        max(_best(judged, shape, least, late) for shape in shapes for late in (False, True)) for shapes in (DISPATCHER_SHAPES, people)
    )
    return float(np.clip(dealt - lived, MIN_EVENNESS_NATS, MAX_EVENNESS_NATS))


def _best(work: Work, shape: float, least: int, late: bool) -> float:  # noqa: FBT001 (one of two ways to fit)
    """Return the largest log-likelihood over the rates tried, without the terms that both models have in common.

    late: whether a late start shows a light user: the prior of a rate then includes one event an account in the time waited.
    """
    counts = np.round(work.counts)
    elapsed = work.exposure + work.waited if late else work.exposure
    rates = _RATE_MULTIPLES * counts.sum() / elapsed.sum()
    shapes = shape + work.accounts * late
    none, some = _chances(shape / rates[:, None] + work.waited * late, work.exposure)
    likelihood = _log_probability(counts - work.accounts, none, some, shapes) - np.log1p(-_below(none, some, shapes, least - 1))
    return float(likelihood.sum(axis=1).max())


def _chances(scale: Floats, exposure: Floats) -> tuple[Floats, Floats]:
    """Return ln(scale / (scale + exposure)) and ln(exposure / (scale + exposure)), once for all terms: logarithms cost most of the time."""
    whole = np.log(scale + exposure)
    return np.log(scale) - whole, np.log(exposure) - whole


def _log_probability(counts: Floats, none: Floats, some: Floats, shapes: Floats) -> Floats:
    """Return ln of the negative binomial probability without its -ln(count!), (rates, rows).

    Args:
        counts: Events, (rows,).
        none: ln of the probability of no event in a step, (rates, rows).
        some: ln of the probability of an event, (rates, rows).
        shapes: Shape of the gamma distribution, (rows,).
    """
    rising = gammaln(counts + shapes) - gammaln(shapes)
    probability: Floats = rising + counts * some + shapes * none
    return probability


def _below(none: Floats, some: Floats, shapes: Floats, least: int) -> Floats:
    """Return the probability of counts below `least`, less than 1, (rates, rows). none, some: (rates, rows). shapes: (rows,)."""
    if least <= 0:
        return np.zeros_like(none)
    term = np.exp(shapes * none)
    probability, odds = term.copy(), np.exp(some)
    for count in range(least - 1):
        term = term * (count + shapes) / (count + 1) * odds
        probability += term
    return np.minimum(probability, 1.0 - 1e-12)
