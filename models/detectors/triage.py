"""Triage by analysts' labels: River's logistic regression over the evidence by family.

Four to ten labels can ruin such a model (average precision .03 in a trial); with 30 of each verdict it was right about campaigns without
labels. Below 30 + 30 labels it therefore abstains, and ranks by the evidence itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from river import base, linear_model, optim

from models.learning.feature_bounds import Limits, known


class Triage(base.Classifier):
    """The probability of an analyst's verdict "distilling" (`True`); benign and reseller are `False`.

    Args:
        limits: Declared range of each family's evidence in nats; an unknown family counts as 0 nats.
        enough: Labels of each verdict from which the regression is used.
        even_odds_nats: Evidence in nats at which the abstaining model returns one half.
        rate: Learning rate.
        l2: Weight of the L2 penalty.
    """

    def __init__(self, limits: Limits, enough: int, even_odds_nats: float = 15.0, rate: float = 0.5, l2: float = 0.001) -> None:
        """Start without labels."""
        self.limits = limits
        self.enough = enough
        self.even_odds_nats = even_odds_nats
        self.rate = rate
        self.l2 = l2
        self._model: Any = linear_model.LogisticRegression(optimizer=optim.SGD(rate), l2=l2, intercept_lr=rate)
        self._labels = {False: 0, True: 0}

    @property
    def _multiclass(self) -> bool:
        return False

    @property
    def labels(self) -> dict[bool, int]:
        """The number of labels learned, by verdict."""
        return dict(self._labels)

    def ready_one(self, x: Mapping[Any, Any]) -> bool:
        """Return whether the regression is used; the answer is the same for every `x`."""
        del x
        return min(self._labels.values()) >= self.enough

    def score_one(self, x: Mapping[Any, Any]) -> float:
        """Return the probability of "distilling", 0..1; ordered by the sum of the evidence while there are too few labels."""
        if self.ready_one(x):
            return float(self._model.predict_proba_one(self._scaled(x))[True])
        evidence = math.fsum(value for _, value in known(x, self.limits))
        return 1.0 / (1.0 + math.exp(max(min(self.even_odds_nats - evidence, 700.0), -700.0) / 3.0))

    def predict_proba_one(self, x: Mapping[Any, Any], **kwargs: Any) -> dict[base.typing.ClfTarget, float]:
        """Return the probabilities of both verdicts. River passes no `kwargs` to a classifier like this one."""
        del kwargs
        yes = self.score_one(x)
        return {False: 1.0 - yes, True: yes}

    def learn_one(self, x: Mapping[Any, Any], y: base.typing.ClfTarget) -> None:
        """Learn one label. The rarer verdict has more weight, so that many easy "benign" labels do not dominate."""
        verdict = bool(y)
        self._labels[verdict] += 1
        share = self._labels[verdict] / sum(self._labels.values())
        self._model.learn_one(self._scaled(x), verdict, w=min(0.5 / share, 5.0))

    def _scaled(self, x: Mapping[Any, Any]) -> dict[Any, Any]:
        seen = dict(known(x, self.limits))
        return {name: seen.get(name, 0.0) / max(abs(low), abs(high)) for name, (low, high) in self.limits.items()}

    @classmethod
    def _unit_test_params(cls) -> Iterator[dict[str, object]]:
        yield {"limits": {f"f{i}": (0.0, 1.0) for i in range(6)}, "enough": 30, "even_odds_nats": 3.0}
