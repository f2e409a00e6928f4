"""Why an account of a group is a question at most, whatever its group shows: the names that travel, and the sentence of each."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from models.arrays import Floats, Mask
from models.evidence.weighing import SUSPECT_NATS

Limits = NDArray[np.int8]


class Question(IntEnum):
    """What limits an account's evidence to that of a question."""

    NONE = 0
    DISAGREEMENT = 1
    HANDED_OVER = 2
    NO_PURPOSE = 3
    NO_PART = 4

    @property
    def word(self) -> str | None:
        """Return its name in a row of `evidence`, None where nothing limits.

        >>> Question.NO_PURPOSE.word
        'no purpose'
        """
        return self.name.lower().replace("_", " ") if self else None


SENTENCES = {
    Question.DISAGREEMENT.word: "the trained judgement of groups has less",
    Question.HANDED_OVER.word: "it came here after hours of work in another program, so others may use its key",
    Question.NO_PURPOSE.word: "it asks for less that is worth harvesting than an ordinary account does",
    Question.NO_PART.word: "it began no work of its group itself",
}
"""Why, by the name in a row."""


def limited(trained: Floats, by_rule: Mask, *, handed_over: Mask, without_purpose: Mask, without_part: Mask) -> tuple[Floats, Limits]:
    """Return the nats of members with what is a question at most, and what limits each, (members,).

    >>> none, some = np.array([False, False, False]), np.array([False, True, True])
    >>> nats, limits = limited(np.array([20.0, 20.0, 3.0]), none, handed_over=none, without_purpose=some, without_part=some)
    >>> nats.round(1).tolist(), [Question(limit).word for limit in limits.tolist()]
    ([20.0, 9.1, 3.0], [None, 'no purpose', None])

    Args:
        trained: Nats by the trained judgement, (members,).
        by_rule: Of which members a rule holds, and the trained judgement has too little: a question, (members,).
        handed_over: Which members were handed over, (members,).
        without_purpose: Which members ask for less than an ordinary account does, (members,).
        without_part: Which members began no work in their group, (members,).
    """
    over = trained > SUSPECT_NATS
    limits = np.zeros(len(trained), np.int8)
    for question, members in (
        (Question.NO_PART, over & without_part),
        (Question.NO_PURPOSE, over & without_purpose),
        (Question.HANDED_OVER, over & handed_over),
        (Question.DISAGREEMENT, by_rule),
    ):
        limits[members] = question
    return np.where(limits != Question.NONE, SUSPECT_NATS, trained), limits
