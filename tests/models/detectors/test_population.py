from __future__ import annotations

import math
from typing import Literal

import numpy as np
import pytest

from models.detectors.population import Population

LIMITS = {"rate": (0.0, 100.0), "length": (0.0, 10.0)}


def calm(seed: int, rows: int) -> list[dict[str, float]]:
    random = np.random.default_rng(seed)
    return [{"rate": rate, "length": length} for rate, length in random.normal((20.0, 5.0), (3.0, 0.5), (rows, 2))]


def learned(rows: int = 600, gate: float = 3.0) -> Population:
    model = Population(LIMITS, window_size=100, gate=gate)
    for x in calm(1, rows):
        model.learn_one(x)
    return model


def test_it_says_not_enough_until_its_first_window_is_full() -> None:
    model = learned(rows=99)
    assert not model.ready_one({"rate": 90.0})
    assert model.score_one({"rate": 90.0}) == 0.0
    assert math.isnan(model.score_many(np.array([[90.0, 1.0]]))[0])
    model.learn_one({"rate": 20.0, "length": 5.0})
    assert model.ready_one({"rate": 90.0})
    assert model.score_one({"rate": 90.0}) > 1.0


def test_a_campaign_longer_than_the_window_is_not_learned() -> None:
    campaign = {"rate": 80.0, "length": 9.0}
    gated, ungated = learned(), learned(gate=math.inf)
    for _ in range(300):
        gated.learn_one(campaign)
        ungated.learn_one(campaign)
    usual = [gated.score_one(x) for x in calm(2, 200)]
    assert gated.score_one(campaign) > max(usual)
    assert ungated.score_one(campaign) < np.median([ungated.score_one(x) for x in calm(2, 200)])


def test_a_population_that_changed_for_good_is_learned_in_the_end() -> None:
    model = learned()
    moved = [{**x, "rate": x["rate"] + 50.0} for x in calm(3, 6000)]
    before = model.score_one(moved[0])
    for x in moved:
        model.learn_one(x)
    assert model.score_one({"rate": 70.0, "length": 5.0}) < before / 2.0


@pytest.mark.parametrize("kind", ["trees", "loda", "moments"])
def test_many_rows_at_once_score_like_one_by_one(kind: Literal["trees", "loda", "moments"]) -> None:
    random = np.random.default_rng(4)
    model = Population(LIMITS, kind=kind, window_size=50, members=5)
    rows = random.uniform((-20.0, -2.0), (120.0, 12.0), (200, 2))
    rows[random.random(rows.shape) < 0.2] = math.nan
    for turn in range(5):
        for x in calm(turn, 60):
            model.learn_one(x)
        single = [model.score_one(dict(zip(LIMITS, row, strict=True))) for row in rows.tolist()]
        assert np.allclose(np.nan_to_num(model.score_many(rows)), single)


def test_an_unknown_feature_counts_neither_way() -> None:
    model = learned()
    assert model.score_one({"rate": 20.0}) == pytest.approx(model.score_one({"rate": 20.0, "length": 5.0}), abs=0.5)
    assert not model.ready_one({"rate": math.nan, "length": None, "other": 3.0})
    before = model.score_one({"rate": 20.0})
    model.learn_one({"other": 3.0})
    assert model.score_one({"rate": 20.0}) == before


@pytest.mark.parametrize("kind", ["trees", "loda", "moments"])
def test_learning_blocks_is_learning_one_by_one_when_the_gate_is_open(kind: Literal["trees", "loda", "moments"]) -> None:
    random = np.random.default_rng(5)
    blocks, singles = (Population(LIMITS, kind=kind, window_size=50, members=5, gate=math.inf) for _ in range(2))
    probes = random.uniform((0.0, 0.0), (100.0, 10.0), (100, 2))
    for rows in (30, 7, 64, 130, 1, 500, 0):
        values = random.normal((20.0, 5.0), (3.0, 0.5), (rows, 2))
        blocks.learn_many(values)
        for row in values.tolist():
            singles.learn_one(dict(zip(LIMITS, row, strict=True)))
        close = 0.2 if kind == "moments" else 0.0  # a block is believed by what was known before its first row
        assert np.allclose(blocks.score_many(probes), singles.score_many(probes), rtol=0.0, atol=close, equal_nan=True)


def test_a_campaign_learned_in_blocks_stays_strange() -> None:
    model = learned()
    campaign = np.array([[80.0, 9.0]] * 64 + [[math.nan, math.nan]])
    for _ in range(5):
        model.learn_many(campaign)
    assert model.score_many(campaign)[0] > max(model.score_one(x) for x in calm(2, 200))


def test_the_usual_value_follows_blocks_as_it_follows_single_rows() -> None:
    values = np.array([[20.0, 5.0], [math.nan, 5.5], [22.0, math.nan]] * 40)
    blocks, singles = (learned(gate=math.inf) for _ in range(2))
    blocks.learn_many(values)
    for rate, length in values.tolist():
        singles.learn_one({"rate": rate, "length": length})
    assert blocks._usual == pytest.approx(singles._usual)
