"""Feature `job_partition`."""

from __future__ import annotations

import math

import numpy as np

from models.accumulators.short import distinct
from streams.features.declaration import SHARE, Feature
from streams.features.members import Members

MIN_SAMPLED_PROMPTS = 16
"""Sampled prompts from which the share is known."""
REACH_QUANTILE = 0.25
"""Quantile of the samples' largest hashes below which samples are compared."""


class JobPartition(Feature):
    """Share of different prompts among those that the accounts harvest with: 1 when each asks what no other does.

    Shown, without a vote: a queue that shards one job asks everything once, a class asks the same of everybody, and strangers differ too.
    """

    entity = "group"
    reads_all = True
    family = "content"
    direction = "high"
    limits = (0.0, 1.0)
    label = "Different prompts among those that harvest"
    unit = SHARE
    rises_on = "jobs sharded over accounts"
    blind_to = "prompts reworded for each account"
    benign_causes = "strangers, whose prompts differ too"

    @staticmethod
    def value(members: Members) -> float:
        """Return different over all prompts of the accounts' samples, 1 while there are too few; NaN where none is known.

        An account's sample has the lowest hashes of its prompts. Below the reach of most samples, samples overlap as much as prompts do.

        Two accounts asked the same eight questions; those of a third are beyond the reach of their samples, and are not compared:

        >>> from streams.testing.feature_trial import members_of
        >>> first, third = list(range(1, 9)), list(range(9, 17))
        >>> JobPartition.value(members_of(prompt_sample=[first, first, third]))
        0.5
        """
        samples = members.prompt_sample[(members.prompt_sample != 0).any(axis=1)]
        if not len(samples):
            return math.nan
        reach = np.where((samples != 0).all(axis=1), samples.max(axis=1), np.iinfo(np.uint64).max)
        limit = np.sort(reach)[int(REACH_QUANTILE * len(reach))]
        sampled = samples[reach >= limit]
        sampled = sampled[(sampled != 0) & (sampled <= limit)]
        return len(distinct(sampled)) / len(sampled) if len(sampled) >= MIN_SAMPLED_PROMPTS else 1.0
