"""Evidence in nats: how far an entity stands out from the others, feature by feature, family by family.

A feature's value becomes a tail p-value against a reference of one vote per entity, and -ln p becomes nats, re-centred so that an
ordinary entity has 0 on average. Few events shrink it, a family is capped, and no family convicts alone. An entity's vote is withdrawn
while it is itself suspect, or a campaign would teach the reference that it is ordinary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.accumulators.step import Floats
from models.evidence.families import FAMILIES, ROUTING_WEIGHTS, positions

CONTENT, EVENNESS, PAYMENT = positions("content", "evenness", "payment")

CHANNEL: Final = positions("client", "network")
"""Where a router or reseller shows itself."""
CORROBORATION: Final = 2.0
"""How many times what a channel shows itself the other families may add."""

CAP: Final = 7.0
LEVEL_CEILING: Final = 11.0
"""No level is above: -ln of the smallest p-value that a reference of 100,000 votes gives."""
FLOOR: Final = -1.0
SPOKEN: Final = 2.0
"""Nats from which a family counts as having spoken."""
ALERT_THRESHOLD_NATS: Final = 13.0
"""Evidence at which an entity is alerted while calibration has too few votes to set the threshold itself."""
SUSPECT_NATS: Final = 0.7 * ALERT_THRESHOLD_NATS
"""Evidence from which an entity has no vote on what is ordinary."""
ALONE_ALERT_THRESHOLD_NATS: Final = 7.75
"""Nats at which one account without any links is alerted, where calibration says that hardly any ordinary account scores as much."""

HALF_VOTES: Final = 25.0
"""Votes at which a reference's word counts half."""
BELONGING: Final = positions("cohort", "payment", "link")
OPERATION: Final = positions("timing", "network")
"""How accounts are run, beside a dispatcher's even load: by a machine, through proxies. People who belong together and ask alike show none
of it. Volume is left out: real clients are heavier than any campaign (`tests/evaluation/signs.py`); so is change: enthusiasts take a new
model at once."""
BELONGING_CAP: Final = 9.0
"""That accounts belong together is one fact, however many signs it has: a hackathon has them all."""


BINS: Final = 128
NO_VOTE: Final = 255
"""The vote of an entity that has none."""


class Reference:
    """What is ordinary: for every feature a histogram of votes, one per entity, between the feature's declared limits.

    The votes themselves live with the entities (a byte a feature), so the histograms are rebuilt from them and never stored. Votes that
    are counted elsewhere come as `others`.
    """

    def __init__(self, limits: Sequence[tuple[float, float]], directions: Sequence[str]) -> None:
        """Declare limits and directions (`high`, `low` or `both`) of every feature."""
        self._low = np.array([low for low, _ in limits])
        self._scale = BINS / (np.array([high for _, high in limits]) - self._low)
        self._high = np.array([direction == "high" for direction in directions])
        self._two_sided = np.array([direction == "both" for direction in directions])
        self._columns = np.arange(len(limits))
        self.votes = np.zeros((len(limits), BINS))
        self.others = np.zeros_like(self.votes)

    @property
    def all_votes(self) -> Floats:
        """Return the votes of all entities, wherever they are counted, (features, BINS)."""
        everyone: Floats = self.votes + self.others
        return everyone

    @property
    def no_vote(self) -> int:
        """What an entity's vote is while it has none."""
        return NO_VOTE

    def bins(self, values: Floats) -> NDArray[np.uint8]:
        """Return the bin of each value, (entities, features), `no_vote` where unknown."""
        with np.errstate(invalid="ignore"):
            found = np.clip((values - self._low) * self._scale, 0, BINS - 1)
        return np.where(np.isnan(found), NO_VOTE, found).astype(np.uint8)

    def recount(self, votes: NDArray[np.uint8]) -> None:
        """Rebuild the histograms from every entity's votes, (entities, features)."""
        self.votes[:] = 0
        self._add(votes, 1.0)

    def revote(self, old: NDArray[np.uint8], new: NDArray[np.uint8]) -> None:
        """Exchange votes, both (entities, features)."""
        self._add(old, -1.0)
        self._add(new, 1.0)

    def _add(self, votes: NDArray[np.uint8], weight: float) -> None:
        entities, columns = np.nonzero(votes != NO_VOTE)
        flat = columns * BINS + votes[entities, columns]
        self.votes += weight * np.bincount(flat, minlength=self.votes.size).reshape(self.votes.shape)

    def tails(self, values: Floats) -> Floats:
        """Return each value's -ln p, less the 1 that an ordinary value has on average: nats, NaN where unknown.

        values: (entities, features). The p-value is mid-p within a bin, and never below 1 / (votes + 1). A young reference says little: of
        the first few to vote somebody is always the most extreme.
        """
        bins = self.bins(values)
        known = bins != NO_VOTE
        cells = np.where(known, bins, 0)
        votes = self.all_votes
        total = votes.sum(axis=1)
        below = np.cumsum(votes, axis=1) - votes / 2
        under = (below[self._columns, cells] + 0.5) / (total + 1.0)
        over = 1.0 - under
        tail = np.where(self._high, over, under)
        tail = np.where(self._two_sided, np.minimum(1.0, 2 * np.minimum(under, over)), tail)
        nats = -np.log(np.maximum(tail, 0.5 / (total + 1.0))) - 1.0
        return np.where(known, nats * total / (total + HALF_VOTES), np.nan)

    def rank(self, feature: int, values: Floats) -> Floats:
        """Return the share of votes below each value of one feature, 0..1; NaN where unknown or without votes. values: (entities,)."""
        votes = self.all_votes[feature]
        position = (values - self._low[feature]) * self._scale[feature]
        below = np.interp(position, np.arange(BINS + 1), np.r_[0.0, np.cumsum(votes)])
        return below / votes.sum() if votes.sum() else np.full(len(values), np.nan)

    def usual(self) -> Floats:
        """Return each feature's usual range, the 10th and 90th percentile of the votes, shape (features, 2); NaN without votes."""
        votes = self.all_votes
        total = votes.sum(axis=1)
        share = np.cumsum(votes, axis=1) / np.maximum(total, 1.0)[:, None]
        edges = [np.argmax(share >= quantile, axis=1) for quantile in (0.1, 0.9)]
        values = np.column_stack([self._low + (edge + 0.5) / self._scale for edge in edges])
        values[total == 0] = np.nan
        return values


class FamilySum:
    """From nats a feature to a level a family: the mean of the two largest. A `Reference` of levels makes nats of it again.

    The largest of several tails is no tail itself: what is ordinary for it depends on how many features a family has and how they hang
    together, so it is counted, not assumed.
    """

    def __init__(self, families: Sequence[str]) -> None:
        """Declare the family of every feature."""
        members = [[place for place, family in enumerate(families) if family == name] for name in FAMILIES]
        width = max(len(places) for places in members)
        # one row a family; families with fewer features point at a column of unknowns behind the others
        self._members = np.array([[*places, *[len(families)] * (width - len(places))] for places in members], np.intp)

    def of(self, nats: Floats, trust: Floats) -> tuple[Floats, Floats]:
        """Return levels by family, and how much of each to believe, both (entities, families), NaN for a family of which nothing is known.

        nats: (entities, features). trust: how much of each value to believe for the events that it rests on, 0..1, same shape.
        """
        unknown = np.full((len(nats), 1), np.nan)
        return _two_largest(np.hstack([nats, unknown])[:, self._members], np.hstack([trust, unknown])[:, self._members])


def level_reference() -> Reference:
    """Return an empty reference for the levels of all families."""
    return Reference([(FLOOR, LEVEL_CEILING)] * len(FAMILIES), ["high"] * len(FAMILIES))


def trust(events: Floats, half: Floats) -> Floats:
    """Return how much of a value to believe: a half at `half` events. events: (entities, features). half: (features,)."""
    return events / (events + half)


def _two_largest(nats: Floats, trusted: Floats) -> tuple[Floats, Floats]:
    """Return the mean of each row's two largest (of one known, that one), and how much of them to believe; NaN where none is known.

    >>> level, believed = _two_largest(np.array([[[1.0, 5.0, 3.0, np.nan]]]), np.array([[[0.1, 0.5, 0.7, 0.9]]]))
    >>> float(level[0, 0]), round(float(believed[0, 0]), 6)
    (4.0, 0.6)

    nats, trusted: (entities, families, features). Returns two arrays of shape (entities, families).
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


def total(families: Floats, weights: Floats) -> Floats:
    """Return the weighted sum over known families, (entities,). families: (entities, families)."""
    found: Floats = np.nansum(families * weights, axis=1)
    return found


def routing(families: Floats) -> Floats:
    """Return the evidence that traffic comes through a router or reseller, in nats, (entities,).

    A channel shows in its clients and networks. An even load and a shared purse bear it out, up to CORROBORATION of that: an agency pays
    for its clients' bots, and a scheduler deals out their work, without selling anybody access.
    """
    nats = np.nan_to_num(families) * ROUTING_WEIGHTS
    channel = nats[:, CHANNEL].sum(axis=1)
    beside = nats.sum(axis=1) - channel
    found: Floats = channel + np.minimum(beside, CORROBORATION * np.maximum(channel, 0.0))
    return found
