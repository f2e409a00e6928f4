"""The families of evidence: what each one measures, its weights, and its words. A new family is one entry here.

A family is one aspect of behaviour. Its features are alternatives: a family's nats are capped, see `weighing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.arrays import Floats


@dataclass(frozen=True, slots=True)
class Family:
    """One family.

    Attributes:
        name: As stored in rows and in declarations of features.
        words: What it means for a group, as part of a sentence: "... look like distillation: {words}."
        alone_words: What it means for a single account, where that differs.
        words_without_prompts: What it means where no prompt was seen, where that differs.
        extraction: Weight of its nats as evidence that traffic extracts the model, 0..1. Habits of single accounts have 0.5.
        routing: Weight of its nats as evidence that traffic comes through a router or reseller, 0..1.
        counts_alone: Whether it counts for one account without links.
        is_sign: Whether it can be one of the families that a rule of extraction requires; otherwise it only adds to what they show.
        shows_channel: Whether a summary of a routing case names it.
    """

    name: str
    words: str
    alone_words: str | None = None
    words_without_prompts: str | None = None
    extraction: float = 1.0
    routing: float = 0.0
    counts_alone: bool = True
    is_sign: bool = True
    shows_channel: bool = False


REGISTRY: Final = (
    Family(
        "content",
        "requests ask for what a student model is trained on",
        words_without_prompts="lengths and shape of requests and answers are those of a harvest (no prompt was seen)",
    ),
    Family("evenness", "requests are dealt out evenly, as by a dispatcher", routing=0.5, shows_channel=True),
    Family("cohort", "the accounts were created together", alone_words="the account is younger than most"),
    Family(
        "payment",
        "single cards pay for several organisations",
        alone_words="its card pays for other organisations too",
        routing=0.5,
        shows_channel=True,
    ),
    Family("link", "the payers share what strangers rarely share"),
    Family("timing", "requests are timed as by a machine", extraction=0.5),
    Family("volume", "usage is far above that of others", extraction=0.5),
    Family("parameters", "request parameters are those of a pipeline", extraction=0.5),
    Family("client", "single accounts carry traffic of many different clients", extraction=0.0, routing=1.0, shows_channel=True),
    Family("network", "network addresses rotate", extraction=0.5, routing=1.0, shows_channel=True),
    # an enthusiast takes a new model at once too, so it is evidence of groups alone
    Family("change", "behaviour has changed abruptly against its own past", extraction=0.5, counts_alone=False),
    # an indicator is about software, not about what this account does: it is a reason to look
    Family("indicator", "requests match indicators that others shared", extraction=0.5, counts_alone=False, is_sign=False),
)
"""Every family, in the order of every vector of evidence. A new family is appended: vectors are read by position, shorter ones too."""

FAMILIES: Final = tuple(family.name for family in REGISTRY)
BY_NAME: Final = {family.name: family for family in REGISTRY}


def positions(*names: str) -> tuple[int, ...]:
    """Return the positions of families in a vector of evidence.

    >>> positions("content", "payment")
    (0, 3)
    """
    return tuple(FAMILIES.index(name) for name in names)


EXTRACTION_WEIGHTS: Final[Floats] = np.array([family.extraction for family in REGISTRY])
ROUTING_WEIGHTS: Final[Floats] = np.array([family.routing for family in REGISTRY])
ALONE_COUNTS: Final[NDArray[np.float64]] = np.array([float(family.counts_alone) for family in REGISTRY])
IS_SIGN: Final[NDArray[np.bool_]] = np.array([family.is_sign for family in REGISTRY])
"""Whether a family can be one of those that a rule of extraction requires, (families,)."""
