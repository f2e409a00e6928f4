"""Evidence in nats: how far an entity differs from the others, by feature and by family.

A feature's value becomes a tail p-value against a reference with one vote per entity. Evidence is -ln p, re-centred so that an ordinary
entity has 0 nats on average. Few events shrink it, each family is capped, and no single family is enough. The vote of a suspect entity is
withdrawn, or a campaign would become part of what is ordinary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.accumulators.short import known_or_zero
from models.arrays import Floats
from models.evidence.calibration import NO_VOTE, VOTE_BINS
from models.evidence.families import FAMILIES, ROUTING_WEIGHTS, positions

CONTENT, EVENNESS, PAYMENT = positions("content", "evenness", "payment")

CHANNEL: Final = positions("client", "network")
"""Families that show a router or reseller."""
MAX_CORROBORATION_RATIO: Final = 2.0
"""Most nats that the other families add to the evidence of CHANNEL, as a multiple of the channel's own."""

MAX_FAMILY_NATS: Final = 7.0
"""Most nats of one family."""
MAX_LEVEL_NATS: Final = 11.0
"""Upper limit of a family's level: -ln of the smallest p-value that a reference of 100,000 votes gives."""
MIN_LEVEL_NATS: Final = -1.0
"""Lower limit of a family's level: the nats of the least unusual value."""
MIN_EVIDENCE_NATS: Final = 2.0
"""Nats from which a family counts as evidence."""
ALERT_THRESHOLD_NATS: Final = 13.0
"""Evidence from which an account counts for an alert, unless the policy says another or it is alone and calibrated.

The trained trees are shifted so that it admits few innocents, and what follows from it is in stages that read no policy: so `policy.toml`,
which a site replaces, repeats it, and a test holds the two together."""
MAX_UNRULED_NATS: Final = ALERT_THRESHOLD_NATS / 2
"""Most evidence of extraction while no named rule holds. No policy may alert at so little."""
SUSPECT_NATS: Final = 0.7 * ALERT_THRESHOLD_NATS
"""Evidence from which an entity is suspect: it has no vote in the references."""
MIN_SUSPECT_MEMBERS: Final = 3
"""Members of a group that must have as much evidence as the group is said to have, and be over a threshold before it alerts."""
ALONE_ALERT_THRESHOLD_NATS: Final = 7.75
"""Evidence from which a single account without links raises an alert, if by calibration hardly any ordinary account scores as much."""

HALF_VOTES: Final = 25.0
"""Votes at which the evidence of a reference counts half."""
BELONGING: Final = positions("cohort", "payment", "link")
"""Families that show that accounts belong together."""
OPERATION: Final = positions("timing", "network")
"""Families that show how accounts are operated, apart from even load: by a machine, through proxies. People who belong together and send
similar prompts lack them. Volume is left out, because real clients are heavier than any campaign (`tests/evaluation/signs.py`), and so is
change, because enthusiasts take a new model at once."""
MAX_BELONGING_NATS: Final = 9.0
"""Most nats of the families in BELONGING together: they are one fact with several signs, and a hackathon has all of them."""


class Reference:
    """What is ordinary: a histogram of votes for every feature, one vote per entity, between the feature's declared limits.

    Votes are stored with the entities (one byte per feature, and one weight), and the histograms are rebuilt from them.
    `other_partitions_votes` are the votes that other partitions count.
    """

    def __init__(self, limits: Sequence[tuple[float, float]], directions: Sequence[str]) -> None:
        """Start without votes.

        Args:
            limits: Smallest and largest value of every feature.
            directions: Unusual side of every feature: `high`, `low` or `both`.
        """
        self._low = np.array([low for low, _ in limits])
        self._scale = VOTE_BINS / (np.array([high for _, high in limits]) - self._low)
        self._high = np.array([direction == "high" for direction in directions])
        self._two_sided = np.array([direction == "both" for direction in directions])
        self._columns = np.arange(len(limits))
        self.votes = np.zeros((len(limits), VOTE_BINS))
        self.other_partitions_votes = np.zeros_like(self.votes)

    @property
    def all_votes(self) -> Floats:
        """Votes of the entities of all partitions, (features, VOTE_BINS)."""
        votes: Floats = self.votes + self.other_partitions_votes
        return votes

    def bins(self, values: Floats) -> NDArray[np.uint8]:
        """Return the bin of each value, (entities, features), NO_VOTE where unknown. values: same shape, NaN where unknown."""
        with np.errstate(invalid="ignore"):
            bins = np.clip((values - self._low) * self._scale, 0, VOTE_BINS - 1)
        return np.where(np.isnan(bins), NO_VOTE, bins).astype(np.uint8)

    def recount(self, votes: NDArray[np.uint8], weights: Floats) -> None:
        """Rebuild the histograms from every entity's votes, (entities, features), and their weights, (entities,)."""
        self.votes[:] = 0
        self._add(votes, weights)

    def replace_votes(self, old: NDArray[np.uint8], old_weights: Floats, new: NDArray[np.uint8], new_weights: Floats) -> None:
        """Replace `old` votes by `new` ones, both (entities, features), NO_VOTE for none.

        A vote counts `old_weights`, `new_weights`: (entities,).
        """
        self._add(old, -old_weights)
        self._add(new, new_weights)

    def _add(self, votes: NDArray[np.uint8], weights: Floats) -> None:
        entities, columns = np.nonzero(votes != NO_VOTE)
        flat = columns * VOTE_BINS + votes[entities, columns]
        self.votes += np.bincount(flat, weights[entities], self.votes.size).reshape(self.votes.shape)

    def tails(self, values: Floats) -> Floats:
        """Return each value's -ln p in nats, less the 1 that an ordinary value has on average, (entities, features); NaN where unknown.

        The p-value is a mid-p (Lancaster 1961) in the middle of each bin, and lies on the straight line between two middles: so the border
        of a bin is no cliff. It is never below 0.5 / (votes + 1). A reference with few votes counts less: one of the first few voters is
        always the most extreme. With 25 votes below and 75 in the same bin, a value of 1 has p = 0.375:

        >>> reference = Reference([(0.0, 1.0)], ["high"])
        >>> reference.recount(np.repeat([[0], [127]], [25, 75], axis=0).astype(np.uint8), np.ones(100))
        >>> round(float(reference.tails(np.array([[1.0]]))[0, 0]), 3)  # (-ln(0.376) - 1) * 100 / 125
        -0.018

        Args:
            values: (entities, features), NaN where unknown.
        """
        known = ~np.isnan(values)
        with np.errstate(invalid="ignore"):
            position = np.where(known, np.clip((values - self._low) * self._scale - 0.5, 0.0, VOTE_BINS - 1.0), 0.0)
        cells = np.minimum(position.astype(np.intp), VOTE_BINS - 2)
        votes = self.all_votes
        total = votes.sum(axis=1)
        middles = np.cumsum(votes, axis=1) - votes / 2
        below, above = middles[self._columns, cells], middles[self._columns, cells + 1]
        under = (below + (above - below) * (position - cells) + 0.5) / (total + 1.0)
        over = 1.0 - under
        tail = np.where(self._high, over, under)
        tail = np.where(self._two_sided, np.minimum(1.0, 2 * np.minimum(under, over)), tail)
        nats = -np.log(np.maximum(tail, 0.5 / (total + 1.0))) - 1.0
        return np.where(known, nats * total / (total + HALF_VOTES), np.nan)

    def rank(self, feature: int, values: Floats) -> Floats:
        """Return the share of votes below each value of one feature, 0..1, (entities,); NaN where unknown or without votes.

        >>> reference = Reference([(0.0, float(VOTE_BINS))], ["high"])
        >>> reference.recount(np.arange(100, dtype=np.uint8)[:, None], np.ones(100))  # one vote in each of the first 100 bins
        >>> reference.rank(0, np.array([10.0, 90.0, np.nan])).tolist(), reference.usual().tolist()
        ([0.1, 0.9, nan], [[9.5, 89.5]])

        Args:
            feature: Position of the feature.
            values: (entities,), NaN where unknown.
        """
        votes = self.all_votes[feature]
        position = (values - self._low[feature]) * self._scale[feature]
        below = np.interp(position, np.arange(VOTE_BINS + 1), np.r_[0.0, np.cumsum(votes)])
        return below / votes.sum() if votes.sum() else np.full(len(values), np.nan)

    def usual(self) -> Floats:
        """Return each feature's usual range, the 10th and 90th percentile of the votes, (features, 2); NaN without votes. See `rank`."""
        votes = self.all_votes
        total = votes.sum(axis=1)
        share = np.cumsum(votes, axis=1) / np.maximum(total, 1.0)[:, None]
        edges = [np.argmax(share >= quantile, axis=1) for quantile in (0.1, 0.9)]
        values = np.column_stack([self._low + (edge + 0.5) / self._scale for edge in edges])
        values[total == 0] = np.nan
        return values


class FamilySum:
    """A family's level: the mean of the two largest nats of its features. A `Reference` of levels turns it into nats again.

    The usual size of a level depends on the number of the family's features and on their correlation. It is counted, not assumed.
    """

    def __init__(self, families: Sequence[str]) -> None:
        """Set the family of every feature."""
        members = [[column for column, family in enumerate(families) if family == name] for name in FAMILIES]
        width = max(len(columns) for columns in members)
        # one row per family; a family with fewer features is filled up with an additional column of unknown values
        self._members = np.array([[*columns, *[len(families)] * (width - len(columns))] for columns in members], np.intp)

    def of(self, nats: Floats, trust: Floats) -> tuple[Floats, Floats]:
        """Return the level of each family and its trust (0..1), both (entities, families), NaN for a family without a known value.

        Args:
            nats: (entities, features), NaN where unknown.
            trust: Weight of each value by its number of events, 0..1, same shape.
        """
        unknown = np.full((len(nats), 1), np.nan)
        return _two_largest(np.hstack([nats, unknown])[:, self._members], np.hstack([trust, unknown])[:, self._members])


def level_reference() -> Reference:
    """Return an empty reference for the levels of all families."""
    return Reference([(MIN_LEVEL_NATS, MAX_LEVEL_NATS)] * len(FAMILIES), ["high"] * len(FAMILIES))


def trust(events: Floats, half: Floats) -> Floats:
    """Return the weight of each value by its number of events, 0..1: one half at `half` events.

    Args:
        events: (entities, features).
        half: (features,).
    """
    return events / (events + half)


def _two_largest(nats: Floats, trusted: Floats) -> tuple[Floats, Floats]:
    """Return the mean of the two largest nats of each family (of one known value, that one) and of their trust; NaN where none is known.

    >>> level, believed = _two_largest(np.array([[[1.0, 5.0, 3.0, np.nan]]]), np.array([[[0.1, 0.5, 0.7, 0.9]]]))
    >>> float(level[0, 0]), round(float(believed[0, 0]), 6)
    (4.0, 0.6)

    nats, trusted: (entities, families, features). Both results are (entities, families).
    """
    missing = np.isnan(nats)
    known = nats.shape[2] - missing.sum(axis=2)
    left = np.where(missing, -np.inf, nats)
    first = left.argmax(axis=2)[..., None]
    largest, believed = np.take_along_axis(left, first, 2)[..., 0], np.take_along_axis(trusted, first, 2)[..., 0]
    np.put_along_axis(left, first, -np.inf, 2)
    second = left.argmax(axis=2)[..., None]
    several = known > 1
    level = np.where(several, (largest + np.take_along_axis(left, second, 2)[..., 0]) / 2, largest)
    believed = np.where(several, (believed + np.take_along_axis(trusted, second, 2)[..., 0]) / 2, believed)
    level[known == 0] = believed[known == 0] = np.nan
    return level, believed


def routing(families: Floats) -> Floats:
    """Return the evidence that traffic comes through a router or reseller, in nats, (entities,).

    The families in CHANNEL show it. The others (even load, shared payment) corroborate it, up to MAX_CORROBORATION_RATIO times as much: an
    agency that pays for its clients' bots and schedules their work has those without reselling access.

    Args:
        families: Nats by family, (entities, families), NaN where unknown.
    """
    evidence: Floats = counted_for_routing(families).sum(axis=1)
    return evidence


def counted_for_routing(families: Floats) -> Floats:
    """Return what of each family is in the score of routing, (entities, families), 0 where unknown: the score is their sum.

    Two nats of the client bear at most four of the others. Even load and a shared payment count half, so 7 together: each counts 2 of them:

    >>> families = np.full((1, len(FAMILIES)), np.nan)
    >>> families[0, positions("content", "client", "evenness", "payment")] = 7.0, 2.0, 7.0, 7.0
    >>> counted_for_routing(families)[0, positions("content", "client", "evenness", "payment")].tolist()
    [0.0, 2.0, 2.0, 2.0]

    Args:
        families: Nats by family, (entities, families), NaN where unknown.
    """
    nats = known_or_zero(families) * ROUTING_WEIGHTS
    channel = nats[:, CHANNEL].sum(axis=1)
    beside = nats.sum(axis=1) - channel
    most = MAX_CORROBORATION_RATIO * np.maximum(channel, 0.0)
    limited = beside > most
    share = np.where(limited, most / np.where(limited, beside, 1.0), 1.0)
    rest = np.ones(nats.shape[1], np.bool_)
    rest[list(CHANNEL)] = False
    nats[:, rest] *= share[:, None]
    return nats
