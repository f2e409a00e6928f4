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

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from models.arrays import Floats

DISPATCHER_SHAPES: Final = (20.0, 8.0)
PEOPLE_SHAPES: Final = (3.0, 2.0, 0.7)
"""Shapes of the gamma distributions of rates that are tried. Rates of shape s differ by 1 / sqrt(s) of their mean: people at one event
differ less than others, and accounts of a dispatcher hardly do."""
CHOSEN_PEOPLE_SHAPES: Final = (4.0, *PEOPLE_SHAPES)
"""Shapes for people who were selected by their activity: the lightest users are not among them, so rates differ less."""
LOWEST_EVENNESS_NATS: Final = -50.0
MAX_EVENNESS_NATS: Final = 50.0
"""Limits of the log-likelihood ratio, for people and for a dispatcher."""

_USUAL_PEOPLE_SHAPE: Final = PEOPLE_SHAPES[1]
_USUAL_DISPATCHER_SHAPE: Final = DISPATCHER_SHAPES[0]
"""Shapes between which the power of the comparison is worked out."""
_MAX_ROWS: Final = 400
_SIZE_STEP_ROWS: Final = 16
"""Rows by which groups may differ that are compared in one pass."""
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


def _divergence(mean: float) -> float:
    """Return KL(counts of usual people || counts that a usual dispatcher deals), both of this mean, in nats.

    Both are negative binomials. At two pieces of work each the two hardly differ, at twenty they do:

    >>> round(_divergence(2.0), 2), round(_divergence(20.0), 2)
    (0.09, 1.26)
    """
    counts = np.arange(int(12 * mean) + 60)
    first, second = (
        gammaln(counts + each) - gammaln(each) + each * np.log(each / (each + mean)) + counts * np.log(mean / (each + mean))
        for each in (_USUAL_PEOPLE_SHAPE, _USUAL_DISPATCHER_SHAPE)
    )
    return float((np.exp(first - gammaln(counts + 1)) * (first - second)).sum())


_MEANS: Final = np.geomspace(0.05, 200.0, 30)
_DIVERGENCES: Final = np.array([_divergence(mean) for mean in _MEANS.tolist()])


def log_likelihood_ratio(work: Work, least: int = 1, people: tuple[float, ...] = PEOPLE_SHAPES) -> float:
    """Return ln P(counts | dispatcher) - ln P(counts | people), LOWEST_EVENNESS_NATS..MAX_EVENNESS_NATS; 0 for fewer than two rows.

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
    return log_likelihood_ratios([work], least, people)[0]


def log_likelihood_ratios(works: Sequence[Work], least: int = 1, people: tuple[float, ...] = PEOPLE_SHAPES) -> list[float]:
    """Return `log_likelihood_ratio` of each of several groups, (groups,): groups of about one size are compared in one pass.

    >>> day = np.ones(10)
    >>> even, uneven = (Work.of_accounts(counts, day, 0 * day) for counts in (np.linspace(90, 110, 10), np.geomspace(10, 1000, 10)))
    >>> [round(ratio) for ratio in log_likelihood_ratios([even, uneven])] == [round(log_likelihood_ratio(each)) for each in (even, uneven)]
    True

    Args:
        works: The groups' work, one each.
        least: Count from which an account belongs to its group.
        people: Shapes of the people's model.
    """
    ratios = [0.0] * len(works)
    by_size: dict[int, list[tuple[int, Work]]] = {}
    for group, work in enumerate(works):
        known = np.isfinite(work.counts) & np.isfinite(work.exposure) & np.isfinite(work.waited) & (work.exposure > 0)
        usable = np.flatnonzero(known & (work.counts >= least * work.accounts))
        if len(usable) >= 2:  # noqa: PLR2004 - one account cannot be uneven
            judged = work.take(usable[np.linspace(0, len(usable) - 1, min(len(usable), _MAX_ROWS)).astype(np.intp)])
            by_size.setdefault((len(judged.counts) - 1) // _SIZE_STEP_ROWS, []).append((group, judged))
    for alike in by_size.values():
        best = _best([work for _, work in alike], (*DISPATCHER_SHAPES, *people), least)
        dealt, lived = best[:, : len(DISPATCHER_SHAPES)].max(axis=1), best[:, len(DISPATCHER_SHAPES) :].max(axis=1)
        for (group, _), ratio in zip(alike, np.clip(dealt - lived, LOWEST_EVENNESS_NATS, MAX_EVENNESS_NATS).tolist(), strict=True):
            ratios[group] = ratio
    return ratios


def _best(works: Sequence[Work], shapes: tuple[float, ...], least: int) -> Floats:
    """Return each shape's largest log-likelihood over rates and both ways to read a late start, without their common terms.

    Over the rates it has one summit, so a few of them are tried first, and then those around the best of these.

    Ten counts of 12 in a day each are likelier dealt evenly (shape 20) than lived (shape 1):

    >>> even = Work.of_accounts(np.full(10, 12.0), np.ones(10), np.zeros(10))
    >>> [[dealt, lived]] = _best([even], (20.0, 1.0), least=1)
    >>> bool(dealt - lived > 5)
    True

    Args:
        works: Of several groups.
        shapes: Of the gamma distribution of the rates.
        least: Count from which an account belongs to the group.

    Returns:
        (groups, shapes).
    """
    elapsed = np.array([(work.exposure.sum(), (work.exposure + work.waited).sum()) for work in works])
    begun = np.array([np.round(work.counts).sum() for work in works])
    ways = 2 * len(shapes)
    models = _Models(
        works,
        shapes=np.tile(np.repeat(shapes, 2), len(works)),
        late=np.tile([False, True], len(shapes) * len(works)),
        pooled=np.tile(begun[:, None] / elapsed, len(shapes)).reshape(-1),
        least=least,
    )
    tried = np.tile(_FIRST_RATES, (ways * len(works), 1))
    likelihoods = models.log_likelihoods(tried)
    for around in _RATES_AROUND:
        summits = tried[np.arange(len(tried)), likelihoods.argmax(axis=1)]
        tried = np.clip(np.column_stack([summits, summits[:, None] + around]), 0, len(_RATE_MULTIPLES) - 1)
        likelihoods = np.column_stack([likelihoods.max(axis=1), models.log_likelihoods(tried[:, 1:])])
    best: Floats = likelihoods.max(axis=1).reshape(len(works), -1, 2).max(axis=2)
    return best


class _Models:
    """Negative binomial models of several groups' work, and what of their likelihood does not depend on the rate.

    The groups' rows are filled up to the longest group's, and the sums leave out what was filled: they are those of each group alone.
    """

    def __init__(self, works: Sequence[Work], shapes: Floats, late: NDArray[np.bool_], pooled: Floats, least: int) -> None:
        """Compare these models.

        Args:
            works: The groups' work; each has as many models, one group's after another's.
            shapes: Shape of the gamma distribution of the rates, (models,).
            late: Whether a late start shows a light user: the prior of a rate then includes one event an account waiting, (models,).
            pooled: The group's pooled rate, (models,).
            least: Count from which an account belongs to the group.
        """
        self._shapes, self._pooled, self._least = shapes, pooled, least
        self._sizes, self._ways = [len(work.counts) for work in works], len(shapes) // len(works)
        exposure = self._filled([work.exposure for work in works], 1.0)
        accounts = self._filled([work.accounts for work in works], 1.0)
        self._exposure, self._waited = exposure[:, None], self._filled([work.waited for work in works], 0.0) * late[:, None]
        counts = self._filled([np.round(work.counts) for work in works], 1.0) - accounts
        self._row_shapes = shapes[:, None] + accounts * late[:, None]
        rising = gammaln(counts + self._row_shapes) - gammaln(self._row_shapes)
        self._counts = counts[:, None]
        self._fixed = self._summed(rising + counts * np.log(exposure))

    def _filled(self, rows: Sequence[Floats], with_value: float) -> Floats:
        """Return the rows of each model's group, (models, rows of the longest)."""
        filled = np.full((len(rows), max(self._sizes)), with_value)
        for group, values in enumerate(rows):
            filled[group, : len(values)] = values
        return filled.repeat(self._ways, axis=0)

    def _summed(self, terms: Floats) -> Floats:
        """Return the sums over the rows of each model's group. terms: (models, ..., rows)."""
        if min(self._sizes) == terms.shape[-1]:
            return np.asarray(terms.sum(axis=-1))
        by_group = (terms[group * self._ways : (group + 1) * self._ways, ..., :size] for group, size in enumerate(self._sizes))
        return np.concatenate([part.sum(axis=-1) for part in by_group])

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
        total: Floats = self._summed(terms) + self._fixed[:, None]
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
