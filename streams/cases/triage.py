"""What analysts' labels say of a case: River's logistic regression over its families, once there are enough of both verdicts.

It is taught anew from the stored labels whenever one arrives: they are few, and a label that is changed is then truly forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from models.detectors.triage import Triage
from models.evidence.families import FAMILIES
from models.evidence.weighing import MAX_FAMILY_NATS, MIN_LEVEL_NATS
from streams.schema.cases import Opinion, TriageCounts
from streams.schema.labels import LearnedLabel

_LIMITS = dict.fromkeys(FAMILIES, (MIN_LEVEL_NATS, MAX_FAMILY_NATS))


def taught(labels: Iterable[LearnedLabel]) -> Triage:
    """Return a triage model taught by labels that carry the families of what was labelled, in the order of their time."""
    model = Triage(_LIMITS)
    for label in sorted(labels, key=lambda each: (each.time, each.label_id)):
        if label.families:
            model.learn_one(label.families, label.verdict == "distilling")
    return model


def opinion(model: Triage, families: Mapping[str, float]) -> Opinion:
    """Return the probability that an analyst would say "distilling", None while there are too few labels, and how many there are."""
    known = model.labels
    likely = round(float(model.score_one(families)), 3) if model.ready_one(families) else None
    return Opinion(likely, TriageCounts(known.get(True, 0), known.get(False, 0)))
