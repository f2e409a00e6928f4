"""Triage learned from analysts' labels: River's logistic regression over a case's families, once both verdicts are frequent enough.

It is trained from scratch on the stored labels whenever one arrives: labels are few, and a changed label leaves no trace.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from models.detectors.triage import Triage
from models.evidence.families import FAMILIES
from models.evidence.weighing import MAX_FAMILY_NATS, MIN_LEVEL_NATS
from streams.schema.cases import Opinion, TriageCounts
from streams.schema.labels import ENOUGH_LABELS, VERDICTS, LearnedLabel

_LIMITS = dict.fromkeys(FAMILIES, (MIN_LEVEL_NATS, MAX_FAMILY_NATS))


def trained(labels: Iterable[LearnedLabel]) -> Triage:
    """Return a triage model trained on the labels that carry families, in the order of their time."""
    model = Triage(_LIMITS, ENOUGH_LABELS)
    for label in sorted(labels, key=lambda label: (label.time, label.label_id)):
        if label.families and label.verdict in VERDICTS:
            model.learn_one(label.families, label.verdict == "distilling")
    return model


def opinion(model: Triage, families: Mapping[str, float]) -> Opinion:
    """Return the probability of the verdict "distilling" (None while labels are too few), and the number of labels."""
    known = model.labels
    likely = round(float(model.score_one(families)), 3) if model.ready_one(families) else None
    return Opinion(likely, TriageCounts(known.get(True, 0), known.get(False, 0)))
