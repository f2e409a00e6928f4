from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from river import anomaly, base

from models import detector_registry
from models import detectors as package
from streams.core.repository import ROOT
from streams.testing import detector_contract

CASES = [
    pytest.param(model, check, id=f"{type(model).__name__}{number}-{check.__name__}")
    for kind in detector_registry.detectors()
    for number, model in enumerate(detector_contract.examples(kind))
    for check in detector_contract.yield_checks(model)
]


@pytest.mark.parametrize(("model", "check"), CASES)
def test_every_detector_keeps_the_contract(model: base.Estimator, check: detector_contract.Check) -> None:
    check(model.clone())


def test_every_file_of_detectors_holds_one_detector_with_its_own_test() -> None:
    names = [path.stem for path in Path(package.__path__[0]).glob("*.py") if path.stem != "__init__"]
    homes = [kind.__module__.rsplit(".", 1)[-1] for kind in detector_registry.detectors()]
    assert sorted(homes) == sorted(names)
    missing = [name for name in names if not (ROOT / "tests/models/detectors" / f"test_{name}.py").exists()]
    assert not missing, f"{missing[0]} needs tests/models/detectors/test_{missing[0]}.py"


class Ungated(base.AnomalyDetector):
    window = 100

    def __init__(self) -> None:
        self.trees: Any = anomaly.HalfSpaceTrees(window_size=100, seed=1)

    def learn_one(self, x: dict[Any, Any]) -> None:
        self.trees.learn_one({name: x[name] for name in detector_contract.FEATURES})

    def score_one(self, x: dict[Any, Any]) -> float:
        return float(self.trees.score_one(x))


class Hoarder(base.AnomalyDetector):
    def __init__(self) -> None:
        self.hoard: list[Any] = []

    def learn_one(self, x: dict[Any, Any]) -> None:
        self.hoard.append(dict(x))

    def score_one(self, x: dict[Any, Any]) -> float:
        return math.nan if x.get("f1") == math.inf else float(len(self.hoard))

    def ready_one(self, x: dict[Any, Any]) -> bool:
        return bool(x)


@pytest.mark.parametrize(
    ("model", "check", "says"),
    [
        (Ungated(), detector_contract.check_burst_does_not_become_normal, "learned the campaign"),
        (Hoarder(), detector_contract.check_memory_is_bounded, "the state grows"),
        (Hoarder(), detector_contract.check_scoring_is_pure_and_comes_before_learning, "without experience is ready"),
        (Hoarder(), detector_contract.check_storm_outranks_calm, "does not outrank"),
        (Hoarder(), detector_contract.check_unknown_input_stays_finite, "not finite"),
    ],
)
def test_the_contract_catches_what_it_is_for(model: Any, check: detector_contract.Check, says: str) -> None:
    with pytest.raises(AssertionError, match=says):
        check(model)


def test_the_area_under_the_curve_counts_pairs() -> None:
    scores = np.array([1.0, 2.0, 2.0, 3.0])
    assert detector_contract.roc_auc(scores, np.array([False, False, True, True])) == 3.5 / 4
    assert detector_contract.roc_auc(scores, np.array([True, True, False, False])) == 0.5 / 4
