from __future__ import annotations

import math

import numpy as np
import pytest

from models.detectors.triage import Triage
from streams.testing.detector_contract import roc_auc

FAMILIES = ("content", "evenness", "payment", "timing", "volume")
LIMITS = dict.fromkeys(FAMILIES, (-3.0, 7.0))


def cases(seed: int, rows: int, usual: tuple[float, ...]) -> list[dict[str, float]]:
    random = np.random.default_rng(seed)
    return [dict(zip(FAMILIES, row, strict=True)) for row in random.normal(usual, 1.0, (rows, len(FAMILIES))).tolist()]


def harvests(seed: int, rows: int) -> list[dict[str, float]]:
    return cases(seed, rows, (5.0, 4.0, 1.0, 2.0, 2.0))


def batch_jobs(seed: int, rows: int) -> list[dict[str, float]]:
    return cases(seed, rows, (1.0, 1.0, 2.0, 5.0, 6.0))


def taught(labels: int) -> Triage:
    model = Triage(LIMITS, 30)
    for distilling, benign in zip(harvests(1, labels), batch_jobs(2, labels), strict=True):
        model.learn_one(distilling, y=True)
        model.learn_one(benign, y=False)
    return model


def area(model: Triage) -> float:
    scores = [model.score_one(x) for x in harvests(3, 100) + batch_jobs(4, 100)]
    return roc_auc(np.array(scores), np.arange(200) < 100)


def test_below_30_labels_of_each_verdict_it_ranks_by_evidence() -> None:
    model = taught(29)
    model.learn_one(harvests(5, 1)[0], y=True)
    assert model.labels == {False: 29, True: 30}
    assert not model.ready_one({})
    assert model.score_one({"content": 7.0, "evenness": 7.0, "payment": 1.0}) == pytest.approx(0.5)
    assert model.score_one({"content": 7.0}) < model.score_one({"content": 7.0, "timing": 1.0})


def test_30_and_30_labels_tell_hard_benign_from_campaigns() -> None:
    assert area(taught(29)) < 0.6  # their evidence is the same: 14 against 15 nats
    assert area(taught(30)) > 0.95


def test_many_easy_benign_labels_do_not_drown_the_campaigns() -> None:
    model = Triage(LIMITS, 30)
    for x in cases(6, 3000, (0.0, 0.0, 0.0, 0.0, 0.0)):
        model.learn_one(x, y=False)
    for distilling, benign in zip(harvests(7, 30), batch_jobs(8, 30), strict=True):
        model.learn_one(distilling, y=True)
        model.learn_one(benign, y=False)
    assert area(model) > 0.9


def test_unknown_families_are_no_evidence() -> None:
    model = taught(30)
    bare = {name: 0.0 for name in FAMILIES if name != "payment"}
    assert model.score_one(bare) == model.score_one({**bare, "payment": math.nan}) == model.score_one({**bare, "payment": 0.0})
