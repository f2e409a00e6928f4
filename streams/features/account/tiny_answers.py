"""Feature `tiny_answers`."""

from __future__ import annotations

from streams.features.declaration import Feature
from streams.features.derived import MUCH, TINY
from streams.features.expressions import col
from streams.features.readings import share


class TinyAnswers(Feature):
    """Share of requests that fill a template shared between accounts with 400 tokens or more, and are answered in 16 or fewer.

    Rises on: graders and reward models: one rubric, something to grade, a number as answer. Blind to: graders that ask for reasons, and
    rubrics that no other account uses. Labels for short texts stay low.
    """

    entity = "account"
    family = "content"
    direction = "high"
    limits = (0.0, 1.0)
    value = share((col.templated > 0) & (col.output_tokens <= TINY) & (col.input_tokens >= MUCH))
