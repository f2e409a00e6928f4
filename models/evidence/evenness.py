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

from models.accumulators.grouped_events import Floats

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
_FIRST_RATES: Final = np.array([*range(0, len(_RATE_MULTIPLES), 9), len(_RATE_MULTIPLES) - 1])
_RATES_AROUND: Final = (np.array([-6, -3, 3, 6]), np.array([-2, -1, 1, 2]))
"""Positions of the rates that are tried first, and those that are then tried around the best: 14 of 40."""


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
        """Return one row for each account; `counts`, `exposure` and `waited` are as in the fields, (accounts,)."""
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
    best = _best(judged, (*DISPATCHER_SHAPES, *people), least)
    dealt, lived = best[: len(DISPATCHER_SHAPES)].max(), best[len(DISPATCHER_SHAPES) :].max()
    return float(np.clip(dealt - lived, MIN_EVENNESS_NATS, MAX_EVENNESS_NATS))


def _best(work: Work, shapes: tuple[float, ...], least: int) -> Floats:
    """Return each shape's largest log-likelihood over rates and both ways to read a late start, (shapes,), without their common terms.

    Over the rates it has one summit, so a few of them are tried first, and then those around the best of these.

    Ten counts of 12 in a day each are likelier dealt evenly (shape 20) than lived (shape 1):

    >>> even = Work.of_accounts(np.full(10, 12.0), np.ones(10), np.zeros(10))
    >>> dealt, lived = _best(even, (20.0, 1.0), least=1)
    >>> bool(dealt - lived > 5)
    True
    """
    elapsed = np.array([work.exposure.sum(), (work.exposure + work.waited).sum()])
    models = _Models(
        work,
        shapes=np.repeat(shapes, 2),
        late=np.tile([False, True], len(shapes)),
        pooled=np.tile(np.round(work.counts).sum() / elapsed, len(shapes)),
        least=least,
    )
    tried = np.tile(_FIRST_RATES, (2 * len(shapes), 1))
    likelihoods = models.log_likelihoods(tried)
    for around in _RATES_AROUND:
        summits = tried[np.arange(len(tried)), likelihoods.argmax(axis=1)]
        tried = np.clip(np.column_stack([summits, summits[:, None] + around]), 0, len(_RATE_MULTIPLES) - 1)
        likelihoods = np.column_stack([likelihoods.max(axis=1), models.log_likelihoods(tried[:, 1:])])
    best: Floats = likelihoods.max(axis=1).reshape(-1, 2).max(axis=1)
    return best


class _Models:
    """Negative binomial models of one group's work, and what of their likelihood does not depend on the rate."""

    def __init__(self, work: Work, shapes: Floats, late: NDArray[np.bool_], pooled: Floats, least: int) -> None:
        """Compare these models.

        Args:
            work: The group's work, (rows,) each.
            shapes: Shape of the gamma distribution of the rates, (models,).
            late: Whether a late start shows a light user: the prior of a rate then includes one event an account waiting, (models,).
            pooled: The group's pooled rate, (models,).
            least: Count from which an account belongs to the group.
        """
        self._shapes, self._pooled, self._least = shapes, pooled, least
        self._exposure, self._waited = work.exposure, work.waited * late[:, None]
        self._counts = np.round(work.counts) - work.accounts
        self._row_shapes = shapes[:, None] + work.accounts * late[:, None]
        rising = gammaln(self._counts + self._row_shapes) - gammaln(self._row_shapes)
        self._fixed = (rising + self._counts * np.log(work.exposure)).sum(axis=1)

    def log_likelihoods(self, rates: NDArray[np.intp]) -> Floats:
        """Return the log-likelihood of each model at each of its rates, without the -ln(count!) of all. rates: (models, rates).

        The probability of no event in a step is scale / (scale + exposure), that of an event exposure / (scale + exposure).
        """
        shapes = self._row_shapes[:, None]
        scale = (self._shapes[:, None] / (_RATE_MULTIPLES[rates] * self._pooled[:, None]))[..., None] + self._waited[:, None]
        log_scale, log_whole = np.log(scale), np.log(scale + self._exposure)
        terms = shapes * log_scale - (self._counts + shapes) * log_whole
        if self._least > 1:
            none, odds = shapes * (log_scale - log_whole), self._exposure / (scale + self._exposure)
            terms -= np.log1p(-_below(none, odds, shapes, self._least - 1))
        total: Floats = terms.sum(axis=-1) + self._fixed[:, None]
        return total


def _below(none: Floats, odds: Floats, shapes: Floats, least: int) -> Floats:
    """Return the probability of counts below `least`, less than 1.

    Args:
        none: ln of the probability of no event, (models, rates, rows).
        odds: Probability of an event in a step, of the same shape.
        shapes: Shape of the gamma distribution, (models, 1, rows).
        least: From 1.
    """
    term = np.exp(none)
    probability = term.copy()
    for count in range(least - 1):
        term = term * (count + shapes) / (count + 1) * odds
        probability += term
    return np.minimum(probability, 1.0 - 1e-12)
