"""Feature `tiny_answers`."""

from __future__ import annotations

from streams.feature import Feature, col, share

TINY = 16


class TinyAnswers(Feature):
    """Share of requests that fill a template shared between accounts and are answered in 16 tokens or fewer.

    Rises on: graders and reward models: one rubric, a number as answer. Blind to: graders that ask for reasons, and rubrics that
    no other account uses.
    """

    entity = "account"
    family = "content"
    direction = "high"
    limits = (0.0, 1.0)
    value = share((col.templated > 0) & (col.output_tokens <= TINY))
