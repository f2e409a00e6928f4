"""Feature `question_variety`."""

from __future__ import annotations

from models.accumulators.step import Floats
from streams.feature import Feature, col, combine, different_per_request


def _under_few_openings(questions: Floats, openings: Floats) -> Floats:
    return questions * (1.0 - openings)


class QuestionVariety(Feature):
    """Different questions per request, times the share of openings that repeat: many questions under few templates.

    Rises on: slot-filled templates, a job that never asks twice. Blind to: paraphrased templates. A test suite that repeats its
    items stays low; a nightly job over new documents does not.
    """

    entity = "account"
    family = "content"
    direction = "high"
    limits = (0.0, 1.0)
    value = combine(_under_few_openings, different_per_request(col.simhash), different_per_request(col.template))
