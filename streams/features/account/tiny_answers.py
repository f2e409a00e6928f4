"""Feature `tiny_answers`."""

from __future__ import annotations

from streams.features.declaration import SHARE, Feature
from streams.features.derived import MAX_TINY_ANSWER_TOKENS, MIN_GRADED_INPUT_TOKENS
from streams.features.expressions import col
from streams.features.readings import share


class TinyAnswers(Feature):
    """Share of requests that fill a template shared between accounts with 400 tokens or more, and are answered in 16 or fewer."""

    entity = "account"
    family = "content"
    direction = "high"
    limits = (0.0, 1.0)
    label = "Requests with a shared template and a tiny answer"
    unit = SHARE
    rises_on = "graders and reward models"
    blind_to = "graders that ask for reasons, and rubrics that no other account uses"
    benign_causes = "labels for texts of 400 tokens or more"
    value = share((col.templated > 0) & (col.output_tokens <= MAX_TINY_ANSWER_TOKENS) & (col.input_tokens >= MIN_GRADED_INPUT_TOKENS))
