"""How a score is made up: what each family measured, what of it is in the score, and why the rest is not. The counted parts are the score.

A person reads tenths of a nat, so the parts are rounded to tenths that add up to the rounded score (the largest remainders are rounded up).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from models.arrays import Floats
from models.evidence import additive, questions
from models.evidence.extraction_rules import Purpose, counted
from models.evidence.families import ALONE_COUNTS, EXTRACTION_WEIGHTS, FAMILIES, ROUTING_WEIGHTS
from models.evidence.weighing import (
    BELONGING,
    CHANNEL,
    CONTENT,
    EVENNESS,
    MAX_BELONGING_NATS,
    MAX_CORROBORATION_RATIO,
    MAX_UNRULED_NATS,
    SUSPECT_NATS,
    counted_for_routing,
)

NO_RULE_PART: Final = "no rule"
"""Name of the part by which a score is limited while no rule of extraction holds."""
QUESTION_PART: Final = "question"
"""Name of the part by which a score is limited to that of a question (`models.evidence.questions`)."""
PRIOR: Final = "prior"
"""Name of the part that the trained model adds before any evidence."""
OTHER_VERSION: Final = "other version"
"""Name of the part that the families of this version do not explain: the score was made by another version."""
_TENTH_NATS: Final = 0.1
_MAX_ERROR_NATS: Final = 0.05
"""Rounding of stored families: a difference below it belongs to the families."""


class Part(NamedTuple):
    """What one family adds to a score."""

    family: str
    nats: float
    """As measured, after the family's own limit."""
    counted: float
    """What of it is in the score, in tenths; the parts of a score add up to it."""
    why: str
    """Why less, or more, is counted than was measured; empty where all of it is."""


def of_model(families: Mapping[str, float], score: float, counted_nats: Mapping[str, float], question: str = "") -> list[Part]:
    """Return the parts of a score by the trained model, the largest first.

    >>> [(part.family, part.counted) for part in of_model({"content": 7.0}, 14.0, {"content": 9.0, "evenness": 7.0})]
    [('content', 9.0), ('evenness', 7.0), ('prior', -2.0)]

    A score that is limited to a question says so, beside where the scale begins:

    >>> [part.family for part in of_model({"content": 7.0}, SUSPECT_NATS, {"content": 17.0}, "no purpose")]
    ['content', 'prior', 'question']

    Args:
        families: Nats by family, as measured; unknown families are left out.
        score: The score in nats.
        counted_nats: What each family adds to it.
        question: What limits the score, by its name in a row of `evidence`; empty where nothing does.
    """
    rows = [(name, families.get(name, 0.0), nats, "weighed with the others") for name, nats in counted_nats.items()]
    rest, start = score - sum(counted_nats.values()), additive.trained().start
    rows.append((PRIOR, 0.0, start if question else rest, "where the scale begins for each account of a group, before evidence"))
    if question:
        rows.append((QUESTION_PART, 0.0, rest - start, _limited(question)))
    counted_tenths = tenths([row[2] for row in rows], score)
    parts = [Part(name, round(nats, 2), tenth, why) for (name, nats, _, why), tenth in zip(rows, counted_tenths, strict=True)]
    return sorted((part for part in parts if part.nats or part.counted), key=lambda part: (-part.counted, -part.nats, part.family))


def of_extraction(families: Mapping[str, float], score: float, *, alone: bool, held: bool, question: str = "") -> list[Part]:
    """Return the parts of an extraction score, the largest first.

    >>> [(part.family, part.counted) for part in of_extraction({"content": 7.0, "timing": 5.0, "client": 4.0}, 9.5, alone=True, held=True)]
    [('content', 7.0), ('timing', 2.5), ('client', 0.0)]

    Args:
        families: Nats by family; unknown families are left out.
        score: The score in nats, as the stage that weighed the families made it.
        alone: Whether the score is of an account by itself, without links.
        held: Whether a rule of extraction held; without one a score is limited.
        question: What else limits the score, by its name in a row of `evidence`; empty where nothing does.
    """
    known = _vector(families)
    weights = EXTRACTION_WEIGHTS * ALONE_COUNTS if alone else EXTRACTION_WEIGHTS
    by_purpose = {purpose: counted(known[None], weights, purpose)[0] for purpose in (Purpose.PLAIN, Purpose.SOLE)}
    fitting = [purpose for purpose, parts in by_purpose.items() if abs(float(np.nansum(parts)) - score) <= _MAX_ERROR_NATS]
    purpose = fitting[0] if fitting else Purpose.PLAIN
    parts = by_purpose[purpose]
    belonging = float(np.nansum(known[list(BELONGING)]))

    def why(position: int) -> str:
        if weights[position] == 0:
            return "does not count for an account by itself" if EXTRACTION_WEIGHTS[position] else "does not count for extraction"
        if purpose is Purpose.SOLE and position == CONTENT:
            return "counts twice: the accounts do nothing else"
        if purpose is Purpose.SOLE and position == EVENNESS and known[position] != parts[position]:
            return "does not count against accounts that do nothing else"
        if belonging > MAX_BELONGING_NATS and position in BELONGING:
            names = ", ".join(FAMILIES[index] for index in BELONGING)
            return f"{names} count {MAX_BELONGING_NATS:g} together at most"
        return "counts half: a habit of single accounts" if weights[position] < 1 else ""

    limit = None
    if not held and score >= 0:
        limit = NO_RULE_PART, f"limited to {MAX_UNRULED_NATS:g} while no rule of extraction holds"
    elif question:
        limit = QUESTION_PART, _limited(question)
    return _parts(known, parts, score, why, limit)


def _limited(question: str) -> str:
    return f"limited to {SUSPECT_NATS:g}, a question: {questions.SENTENCES.get(question, question)}"


def of_routing(families: Mapping[str, float], score: float) -> list[Part]:
    """Return the parts of a routing score, the largest first.

    Args:
        families: Nats by family; unknown families are left out.
        score: The score in nats.
    """
    known = _vector(families)
    parts = counted_for_routing(known[None])[0]
    channel = " and ".join(FAMILIES[index] for index in CHANNEL)

    def why(position: int) -> str:
        if ROUTING_WEIGHTS[position] == 0:
            return "does not count for routing"
        if position in CHANNEL:
            return ""
        half = float(np.nan_to_num(known[position]) * ROUTING_WEIGHTS[position])
        limited = not math.isclose(half, float(np.nan_to_num(parts[position])), abs_tol=_MAX_ERROR_NATS)
        return f"corroborates: {MAX_CORROBORATION_RATIO:g} times {channel} at most" if limited else "counts half: it corroborates"

    return _parts(known, parts, score, why, None)


def tenths(values: Sequence[float], total: float) -> list[float]:
    """Return values rounded to tenths, up or down, so that they add up to the rounded total.

    >>> tenths([1.04, 1.04, 1.04], 3.12)
    [1.1, 1.0, 1.0]
    >>> tenths([0.65], 0.65), f"{0.65:.1f}"  # as it is printed
    ([0.7], '0.7')

    Args:
        values: Any numbers.
        total: Their sum, but for rounding.
    """
    floors = [math.floor(value / _TENTH_NATS + 1e-9) for value in values]
    missing = round(round(total, 1) / _TENTH_NATS) - sum(floors)
    order = sorted(range(len(values)), key=lambda index: floors[index] - values[index] / _TENTH_NATS)
    for turn in range(abs(missing) if values else 0):
        floors[order[turn % len(order)] if missing > 0 else order[-1 - turn % len(order)]] += 1 if missing > 0 else -1
    return [round(value * _TENTH_NATS, 1) + 0.0 for value in floors]


def _vector(families: Mapping[str, float]) -> Floats:
    return np.array([families.get(name, np.nan) for name in FAMILIES])


def _parts(known: Floats, counted_nats: Floats, score: float, why: Callable[[int], str], limit: tuple[str, str] | None) -> list[Part]:
    rows = [
        (name, float(known[position]), float(np.nan_to_num(counted_nats[position])), why(position))
        for position, name in enumerate(FAMILIES)
        if not np.isnan(known[position])
    ]
    rest = score - sum(row[2] for row in rows)
    if abs(rest) > _MAX_ERROR_NATS:
        name, reason = limit or (OTHER_VERSION, "was weighed by another version, with other families or weights")
        rows.append((name, 0.0, rest, reason))
    counting = [index for index, row in enumerate(rows) if row[2]]
    rounded = dict(zip(counting, tenths([rows[index][2] for index in counting], score), strict=True))
    parts = [Part(name, round(nats, 2), rounded.get(index, 0.0), reason) for index, (name, nats, _, reason) in enumerate(rows)]
    return sorted(parts, key=lambda part: (-part.counted, -part.nats, part.family))
